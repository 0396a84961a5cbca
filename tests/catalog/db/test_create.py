"""A new database: the tables as they are now, the same that all migrations make."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Inspector, inspect, text

from pypisync.catalog.db import migrate, views
from pypisync.catalog.db.transactions import Catalog


def test_an_empty_database_gets_what_all_migrations_make(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The same tables, keys and indexes under the same names, the same views, and no rows."""
    new = Catalog(database)
    assert migrate.upgrade(new.engine) == (None, migrate.wanted_revision())
    if new.engine.dialect.name == "sqlite":
        old = Catalog(f"sqlite:///{tmp_path / 'migrated.sqlite'}")
    else:
        old = Catalog(request.getfixturevalue("postgres").fresh())
    with old.engine.begin() as connection:
        migrate.migrate(connection)
        views.create(connection)
    assert tables(new.engine) == tables(old.engine)
    assert {*inspect(new.engine).get_view_names()} == {view.name for view in views.VIEWS}
    new.close()
    old.close()


def tables(engine: Engine) -> dict[str, dict[str, Any]]:
    """All that is known of each table, and its rows."""
    looked = inspect(engine)
    found = {name: table(looked, name) for name in looked.get_table_names()}
    with engine.connect() as connection:
        for name, known in found.items():
            known["rows"] = connection.execute(text(f"SELECT * FROM {name}")).fetchall()
            if engine.dialect.name == "sqlite":
                query = text("SELECT sql FROM sqlite_master WHERE name = :name")
                sql = str(connection.scalar(query, {"name": name}))
                known["options"] = sql.rpartition(")")[2]  # WITHOUT ROWID
    return found


def table(looked: Inspector, name: str) -> dict[str, Any]:
    """What SQLAlchemy finds of a table, in no order but that of columns in keys."""
    columns = [
        (one["name"], str(one["type"]), one["nullable"], default(one["default"]))
        for one in looked.get_columns(name)
    ]
    lists: dict[str, list[Any]] = {
        "foreign keys": [*looked.get_foreign_keys(name)],
        "unique": [*looked.get_unique_constraints(name)],
        "checks": [*looked.get_check_constraints(name)],
        "indexes": [
            (one, {key: str(value) for key, value in one.pop("dialect_options", {}).items()})
            for one in looked.get_indexes(name)
        ],
    }
    comments = looked.dialect.supports_comments
    return {
        "columns": sorted(columns),
        "key": looked.get_pk_constraint(name),
        "comment": looked.get_table_comment(name) if comments else None,
        **{key: sorted(map(repr, some)) for key, some in lists.items()},
    }


def default(text: str | None) -> str | None:
    """The same value has several forms: (''), '', 0 and '0'::bigint."""
    return text and text.strip("()'").removesuffix("'::bigint")
