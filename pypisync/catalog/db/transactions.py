"""The catalog as the cycle uses it: one writer's transactions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine

from pypisync.catalog.db import migrate
from pypisync.catalog.db.engine import database_errors, open_engine

Transaction = Connection


class Catalog:
    """Transactions on the database.

    With ``dry`` all of them are one that is never committed, so that a cycle can be tried.
    ``fence`` is shown each transaction, and may raise CatalogError to refuse it.
    """

    def __init__(
        self,
        url: str,
        *,
        writer: bool = True,
        dry: bool = False,
        fence: Callable[[Connection], None] = lambda _: None,
    ) -> None:
        self.engine: Engine = open_engine(url, writer=writer)
        self._fence = fence
        self._dry = dry
        self._open: Connection | None = None

    def prepare(self) -> None:
        """Create the schema in an empty database, and refuse one of another revision.

        Raises CatalogError.
        """
        with database_errors(self.engine), self.engine.connect() as connection:
            new = migrate.is_empty(connection)
            if not new:
                migrate.check(connection)
        if new:
            migrate.upgrade(self.engine)

    @contextmanager
    def begin(self, *, loose: bool = False) -> Iterator[Connection]:
        """Returns a transaction as a context: all of it is written, or nothing.

        With ``loose`` SQLite checks no references in it: the caller does. Raises CatalogError if
        the database fails.
        """
        with database_errors(self.engine):
            if not self._dry:
                with self._connected(loose=loose) as connection, connection.begin():
                    self._fence(connection)
                    yield connection
                return
            if self._open is None:
                self._open = self.engine.connect()
                self._open.begin()
            yield self._open

    @contextmanager
    def _connected(self, *, loose: bool) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            if not loose or connection.dialect.name != "sqlite":
                yield connection
                return
            driver.execute("PRAGMA foreign_keys = OFF")  # has no effect within a transaction
            try:
                yield connection
            finally:
                driver.execute("PRAGMA foreign_keys = ON")

    def close(self) -> None:
        """Let go of the database; a dry catalog undoes everything."""
        if self._open is not None:
            self._open.rollback()
            self._open.close()
        self.engine.dispose()
