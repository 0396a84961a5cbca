"""The schema's revision: that of the code, that of the database, and upgrades between them.

The migrations lie beside the package in a checkout and inside it in a wheel. One history runs on
SQLite and on PostgreSQL. An empty database gets the tables as they are now, which are those that
all migrations make (a test compares them). Alembic is imported only where it has work: a run that
finds the right revision, or no table at all, should not wait for it.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, event, inspect, text

from pypisync.catalog.db import views
from pypisync.catalog.db.columns import metadata
from pypisync.catalog.db.engine import database_errors, open_engine
from pypisync.catalog.db.reader import REVISION
from pypisync.catalog.db.sqlite_file import file_of
from pypisync.core.display import counted
from pypisync.errors import CatalogError

if TYPE_CHECKING:
    from alembic.config import Config

_PACKAGE = Path(__file__).parents[2]
_LOCK = 7_233_019  # any constant: PostgreSQL's advisory lock around an upgrade


def _config(connection: Connection | None = None) -> "Config":
    from alembic.config import Config

    inside = _PACKAGE / "migrations"
    folder = inside if inside.is_dir() else _PACKAGE.parent / "migrations"
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def wanted_revision() -> str:
    """Returns the revision that this code works with."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def revision(connection: Connection) -> str | None:
    """Returns the revision that the database has; None if it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def check(connection: Connection) -> None:
    """Raise CatalogError unless the database has exactly the wanted revision."""
    has, wants = revision(connection), REVISION
    if has == wants:
        return
    if has is None:
        raise CatalogError("the database is empty: run `pypisync sync` or `pypisync db upgrade`")
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if has in known:
        raise CatalogError(
            f"the database is at revision {has}, this version wants {wants}:"
            " run `pypisync db upgrade`"
        )
    raise CatalogError(
        f"the database is at revision {has}, which this version does not know: it was written by a"
        " newer PypiSync; install that one, or restore a backup"
    )


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Bring the database to the wanted revision. Returns the revisions before and after.

    Everything happens in one transaction, so a migration that fails leaves the schema as it was.
    Raises CatalogError if the database is newer than this code.
    """
    sqlite = engine.dialect.name == "sqlite"
    with database_errors(engine):
        with _alone(engine) as connection:
            if revision(connection) is None:
                _create(connection)
                return None, REVISION
        if sqlite:
            # A table that a batch migration copies is dropped, and would take its children along.
            # The PRAGMA does nothing inside a transaction, so it has to come first.
            event.listen(engine, "connect", _foreign_keys_off)
            engine.dispose()
        try:
            with _alone(engine) as connection:
                before = revision(connection)
                if before != REVISION:
                    refuse_unknown(connection)
                    views.drop(connection)
                    migrate(connection)
                    views.create(connection)
                if sqlite:
                    _check_foreign_keys(connection)
        finally:
            if sqlite:
                event.remove(engine, "connect", _foreign_keys_off)
                engine.dispose()
    return before, REVISION


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Returns a transaction as a context, in which nobody else upgrades."""
    with engine.begin() as connection:
        if engine.dialect.name != "sqlite":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        yield connection


def migrate(connection: Connection, to: str = "head") -> None:
    """Run the migrations that lead from the database's revision to that one."""
    from alembic import command

    command.upgrade(_config(connection), to)


def _create(connection: Connection) -> None:
    """Make the tables and views of the wanted revision."""
    import pypisync.catalog.db.schema  # noqa: F401 - all tables

    metadata.create_all(connection, checkfirst=False)
    connection.execute(
        text(  # as Alembic makes it
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
            " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text("INSERT INTO alembic_version VALUES (:now)"), {"now": REVISION})
    views.create(connection)


def back_up(engine: Engine, revision: str) -> tuple[Path, Path] | None:
    """Copy an SQLite database to a file beside it; PostgreSQL has its own tools.

    Returns the database's file and the copy's, None if nothing was copied. The copy gets its name
    when it is whole and durable. Raises CatalogError if it cannot be made, and then leaves nothing.
    The caller holds the writer's lock.
    """
    if engine.dialect.name != "sqlite":
        return None
    database = Path(str(engine.url.database))
    temporary = database.with_name(f"{database.name}.copy.part")
    try:
        temporary.unlink(missing_ok=True)  # of an upgrade that was cut off
        _copy(engine, temporary)
        return database, _keep(temporary, f"{database.name}.{revision}")
    except (sqlite3.Error, OSError) as error:
        temporary.unlink(missing_ok=True)
        raise CatalogError(
            f"{database}: it cannot be copied before the upgrade, so nothing was changed: {error}: "
            f"free as much space on that disk as the database takes, then upgrade again"
        ) from error


def _copy(engine: Engine, target: Path) -> None:
    driver = engine.raw_connection()  # no transaction: VACUUM stands outside of one
    try:
        driver.cursor().execute("VACUUM INTO ?", (str(target),))
    finally:
        driver.close()
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _keep(temporary: Path, name: str) -> Path:
    """Give the copy a name with the time that no other copy has. Returns its path."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    names = (f"{name}-{stamp}{f'-{number}' if number else ''}" for number in count())
    copy = next(path for path in map(temporary.with_name, names) if not path.exists())
    temporary.rename(copy)
    folder = os.open(copy.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return copy


def refuse_unknown(connection: Connection) -> None:
    """Raise CatalogError if the database is of a revision that only newer code knows."""
    try:
        check(connection)
    except CatalogError as error:
        if "newer" in str(error):
            raise


def _foreign_keys_off(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = OFF")


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
    if broken:
        raise CatalogError(
            f"the migration would break {counted(len(broken), 'reference')}: nothing was done"
        )


def exists(url: str) -> bool:
    """Returns whether there is a database with tables at ``url``; nothing is created by looking.

    Raises CatalogError.
    """
    file = file_of(url)
    if file is not None:
        return file.is_file() and file.stat().st_size > 0
    engine = open_engine(url, writer=False)
    try:
        with database_errors(engine), engine.connect() as connection:
            return not is_empty(connection)
    finally:
        engine.dispose()


def is_empty(connection: Connection) -> bool:
    """Returns whether the database has no table at all."""
    return not inspect(connection).get_table_names()
