"""A look at the catalog for quick commands: plain SQL on the driver itself.

SQLAlchemy costs a quarter of a second to import, more than these commands may take. A reader
changes nothing: SQLite's file is opened read-only (no checkpoint, no file that was not there but
SQLite's own ``-wal`` and ``-shm``), PostgreSQL's transaction is read-only. All that one reader
returns is of one moment. Statements have ``?`` for values, and run on both databases.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from pypisync.catalog.db.sqlite_file import advice, file_of, immutable
from pypisync.core.display import masked
from pypisync.errors import CatalogError

# The revision whose tables and views the statements here are written for.
REVISION = "0042"

_BATCH = 5_000  # values in one statement
_BUSY_SECONDS = 30
# What a statement may do. SQLite asks for each step of it; ATTACH would make files.
_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}


class RefusedQuery(Exception):  # noqa: N818 - the name is the fact
    """The database did not take the operator's statement; the text says why."""


class Reader:
    """One read-only transaction. Raises CatalogError if there is no catalog of this version."""

    def __init__(self, url: str) -> None:
        self._error: type[Exception]
        self._file = file_of(url)
        self._sqlite = self._file is not None
        self._cursor: Any = None  # of the operator's last statement
        if self._file is not None:
            self._error = sqlite3.Error
            self._connection: Any = _open_sqlite(self._file)
        else:
            self._connection, self._error = _open_postgresql(url)
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database, and of rows that nobody has read."""
        if self._cursor is not None:
            self._cursor.close()
        self._connection.close()

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """Returns the rows of a statement. Raises CatalogError."""
        with self._failures():
            return list(self._connection.execute(self._spelt(statement), values).fetchall())

    def value(self, statement: str, *values: Any) -> Any:
        """Returns the first column of the first row; None: there is no row. Raises CatalogError."""
        rows = self.rows(statement, *values)
        return rows[0][0] if rows else None

    def among(self, statement: str, values: Iterable[Any]) -> Iterator[Any]:
        """Yields the rows of a statement with ``IN (?)``, for any number of values."""
        remaining = iter(values)
        while batch := list(islice(remaining, _BATCH)):
            marks = ",".join("?" * len(batch))
            yield from self.rows(statement.replace("IN (?)", f"IN ({marks})"), *batch)

    def ask(self, statement: str) -> tuple[list[str], Iterator[Sequence[Any]]]:
        """Returns the columns and rows of an operator's own statement; it can change nothing.

        The rows are to be read before the next one. Raises RefusedQuery if the database does not
        take the statement.
        """
        if self._cursor is not None:
            self._cursor.close()
        if self._sqlite:
            self._connection.set_authorizer(_authorize)
            self._cursor = self._connection.cursor()
        else:
            # A cursor of the server takes one query and nothing else, and gives rows as they come.
            self._cursor = self._connection.cursor("pypisync")
        try:
            self._cursor.execute(statement)
        except (self._error, sqlite3.Warning) as error:
            raise RefusedQuery(_said(error)) from None
        columns = [column[0] for column in self._cursor.description or ()]
        return columns, self._stream()

    def _stream(self) -> Iterator[Sequence[Any]]:
        try:
            # Not from the cursor itself: a generator that is given up would close it, too late.
            yield from map(tuple, self._cursor)
        except self._error as error:
            raise RefusedQuery(_said(error)) from None

    def _spelt(self, statement: str) -> str:
        return statement if self._sqlite else statement.replace("?", "%s")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            said = f"{_said(error)}{advice(error, str(self._file))}"
            raise CatalogError(f"the database failed: {said}") from error

    def _check(self) -> None:
        tables = "sqlite_master WHERE type = 'table' AND name = ?"
        if not self._sqlite:
            tables = "pg_tables WHERE schemaname = current_schema() AND tablename = ?"
        has = None
        if self.value(f"SELECT count(*) FROM {tables}", "alembic_version"):  # noqa: S608 - constants
            has = self.value("SELECT version_num FROM alembic_version")
        if has is None:
            raise CatalogError("the database is empty: run `pypisync sync`, which fills it")
        if has != REVISION:
            raise CatalogError(
                f"the database is at revision {has}, this version reads {REVISION}:"
                " run `pypisync db upgrade`, which also says if another PypiSync is needed"
            )


def _open_sqlite(file: Path) -> sqlite3.Connection:
    if not file.exists():
        raise CatalogError(f"{file}: there is no database yet: run `pypisync sync`")
    address = f"file:{quote(str(file))}?mode=ro{'&immutable=1' if immutable(file) else ''}"
    try:
        connection = sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
    except sqlite3.Error as error:
        said = f"{_said(error)}{advice(error, str(file))}"
        raise CatalogError(f"{file}: cannot be read: {said}") from error
    return connection


def _open_postgresql(url: str) -> tuple[Any, type[Exception]]:
    try:
        psycopg = import_module("psycopg")
    except ImportError as error:
        raise CatalogError(
            f"the database cannot be opened: {error}; install pypisync[postgres]"
        ) from error
    try:
        connection = psycopg.connect(url.replace("postgresql+psycopg:", "postgresql:", 1))
    except psycopg.Error as error:
        # libpq may quote the whole address when it cannot make sense of it.
        said = masked(_said(error))
        raise CatalogError(f"the database cannot be opened: {said}") from None
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    return connection, psycopg.Error


def _authorize(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
