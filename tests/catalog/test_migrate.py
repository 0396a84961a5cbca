"""The schema's way: what migrations make is what the code wants, and failures undo themselves."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from pypisync.catalog import migrate, views
from pypisync.catalog.catalog import Catalog
from pypisync.catalog.schema import metadata
from pypisync.errors import CatalogError


def test_the_migrations_make_what_the_code_wants(database: str) -> None:
    catalog = Catalog(database)
    assert migrate.upgrade(catalog.engine) == (None, migrate.wanted_revision())
    with catalog.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
    assert migrate.upgrade(catalog.engine)[0] == migrate.wanted_revision()
    catalog.close()


def test_every_view_answers_and_is_commented(database: str) -> None:
    catalog = Catalog(database)
    catalog.prepare()
    with catalog.begin() as connection:
        there = set(inspect(connection).get_view_names())
        assert there == {view.name for view in views.VIEWS}
        for view in views.VIEWS:
            assert view.comment.endswith(".")
            assert connection.execute(text(f"SELECT * FROM {view.name}")).all() == []
    catalog.close()


def test_an_empty_database_is_prepared_and_a_newer_one_refused(database: str) -> None:
    catalog = Catalog(database)
    with pytest.raises(CatalogError, match="empty"):
        catalog.check()
    catalog.prepare()
    with catalog.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refused in (catalog.check, catalog.prepare, lambda: migrate.upgrade(catalog.engine)):
        with pytest.raises(CatalogError, match="newer"):
            refused()
    catalog.close()


def test_a_migration_that_fails_leaves_the_schema_as_it_was(
    database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    catalog = Catalog(database)

    def broken(_: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr(views, "create", broken)
    with pytest.raises(RuntimeError, match="in the middle"):
        migrate.upgrade(catalog.engine)
    assert migrate.is_empty(catalog.engine)
    monkeypatch.undo()
    catalog.prepare()
    catalog.close()
