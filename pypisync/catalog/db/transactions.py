"""The catalog as the cycle uses it: one writer's transactions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
        if migrate.is_empty(self.engine):
            migrate.upgrade(self.engine)
        self.check()

    def check(self) -> None:
        """Raise CatalogError unless the database has the revision that this code works with."""
        with database_errors(self.engine), self.engine.connect() as connection:
            migrate.check(connection)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Returns a transaction as a context: all of it is written, or nothing.

        Raises CatalogError if the database fails.
        """
        with database_errors(self.engine):
            if not self._dry:
                with self.engine.begin() as connection:
                    self._fence(connection)
                    yield connection
                return
            if self._open is None:
                self._open = self.engine.connect()
                self._open.begin()
            yield self._open

    def close(self) -> None:
        """Let go of the database; a dry catalog undoes everything."""
        if self._open is not None:
            self._open.rollback()
            self._open.close()
        self.engine.dispose()
