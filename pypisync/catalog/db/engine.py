"""Connections to the database: one writer, any number of readers.

SQLite is used as its documentation and SQLAlchemy's recommend. The driver's implicit transactions
are off, because with them a read-modify-write loses updates without an error; writers begin with
BEGIN IMMEDIATE. The journal is WAL, so readers are never blocked. SQLite up to 3.51.2 can corrupt a
WAL database when two connections write and checkpoint in the same instant; so only the writer ever
checkpoints, and the lock on the tree makes sure that there is one writer. Readers open the file
read-only, because the last connection to close would checkpoint as well.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from pypisync.catalog.db.sqlite_file import advice, immutable
from pypisync.errors import CatalogError, Rejected

BUSY_SECONDS = 30
# Statements that SQLite keeps prepared: a cycle has more than the driver's 128.
_PREPARED = 500

# SQLAlchemy imports them when a URL names them: with PostgreSQL nothing of SQLite is needed.
registry.register("sqlite.writing", "pypisync.catalog.db.sqlite_dialects", "WritingDialect")
registry.register("sqlite.reading", "pypisync.catalog.db.sqlite_dialects", "ReadingDialect")


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Returns whether this SQLite has the fix of the WAL-reset bug (3.51.3, 3.50.7, 3.44.6)."""
    return (
        version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    )


def sqlite_warning() -> str | None:
    """Returns what an operator should know of this machine's SQLite, or None."""
    if wal_is_safe(sqlite3.sqlite_version_info):
        return None
    return (
        f"SQLite {sqlite3.sqlite_version} has a bug that can corrupt a database written by two"
        " connections at once; PypiSync writes with one. Do not write to its database yourself."
    )


def open_engine(url: str, *, writer: bool) -> Engine:
    """Returns an engine for ``url``.

    Raises CatalogError if the URL or its driver cannot be used.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            engine = _open_sqlite(parsed, writer=writer)
        else:
            # Whoever reads sees one state, as on SQLite, whatever is written meanwhile.
            level = "READ COMMITTED" if writer else "REPEATABLE READ"
            engine = create_engine(parsed, pool_pre_ping=True, pool_size=2, isolation_level=level)
    except (SQLAlchemyError, ImportError) as error:
        raise CatalogError(
            f"the database cannot be opened: {error}; for PostgreSQL install pypisync[postgres]"
        ) from error
    return engine


def _read_only(url: URL) -> URL:
    name = url.database or ""
    query = {"mode": "ro", "uri": "true"} | ({"immutable": "1"} if immutable(Path(name)) else {})
    return url.set(database=f"file:{quote(name)}", query=query)


def _open_sqlite(url: URL, *, writer: bool) -> Engine:
    place = url if writer else _read_only(url)
    named = place.set(drivername=f"sqlite+{'writing' if writer else 'reading'}")
    engine = create_engine(named, connect_args={"cached_statements": _PREPARED})

    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        run = connection.execute
        run(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
        run("PRAGMA foreign_keys = ON")
        if writer:
            run("PRAGMA journal_mode = WAL")
            run("PRAGMA synchronous = NORMAL")
            run("PRAGMA cache_size = -65536")  # KiB
        else:
            run("PRAGMA query_only = ON")
            run("PRAGMA wal_autocheckpoint = 0")

    return engine


@contextmanager
def database_errors(engine: Engine) -> Iterator[None]:
    """Returns a context in which errors of the driver become a CatalogError.

    Its text says what happened, and what to do. What the database rejects (a value that it cannot
    hold, a row that breaks a constraint) becomes Rejected.
    """
    try:
        yield
    except (DataError, IntegrityError) as error:
        raise Rejected(str(error.orig)) from error
    except DBAPIError as error:
        said = f"{error.orig}{advice(error.orig or error, engine.url.database or '')}"
        raise CatalogError(f"the database failed: {said}") from error
