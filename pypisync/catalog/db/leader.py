"""Who may write to a database that several machines share: one process.

On PostgreSQL the writer holds an advisory lock, by a connection that does nothing else. The server
releases the lock when that connection ends, in whatever way. Every transaction of the writer checks
that the lock is still held, so a process that has lost it without noticing writes nothing more.
Readers are never blocked. SQLite has no such lock and needs none: its file is on one machine, where
the lock in the mirror's folder does the same.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pypisync.errors import Busy, CatalogError

# Both numbers together name the lock; the second is that of the schema the tables are in.
_LOCK = "hashtext('pypisync'), hashtext(current_schema())"
# A connection that is silently cut has to be noticed within seconds, at both of its ends.
_ALIVE = {
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "15000",  # milliseconds
}


class Leadership:
    """The right to write, while :meth:`check` does not say otherwise."""

    def __init__(self, connection: Connection | None) -> None:
        self._connection = connection
        self._pid = (
            None if connection is None else connection.scalar(text("SELECT pg_backend_pid()"))
        )

    def check(self) -> None:
        """Ask the server by the connection that holds the lock. Raises CatalogError if it is gone.

        One thread at a time may ask.
        """
        if self._connection is None:
            return
        try:
            self._connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            raise _lost() from error

    def fence(self, connection: Connection) -> None:
        """Raise CatalogError if, as ``connection`` sees it, the lock is no longer held."""
        if self._connection is None:
            return
        held = text("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = :pid")
        if connection.scalar(held, {"pid": self._pid}) is None:
            raise _lost()


@contextmanager
def leading(url: str) -> Iterator[Leadership]:
    """Returns a context that holds the lock of the database at ``url``.

    Raises Busy if another process holds it, CatalogError if the database cannot be reached.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        yield Leadership(None)
        return
    connection = _connect(parsed)
    try:
        try:
            if not connection.scalar(text(f"SELECT pg_try_advisory_lock({_LOCK})")):
                who = f"{_holder(connection)} writes to this database"
                raise Busy(who, "wait for its end or stop it")
            led = Leadership(connection)
        except DBAPIError as error:
            raise CatalogError(f"the database failed: {error.orig}") from error
        yield led
        with suppress(SQLAlchemyError):  # at once: the server may notice the end only later
            connection.execute(text("SELECT pg_advisory_unlock_all()"))
    finally:
        connection.invalidate()  # never back into a pool: the lock ends with the connection
        connection.close()
        connection.engine.dispose()


def _connect(url: URL) -> Connection:
    me = f"pypisync {os.getpid()} on {socket.gethostname()}"[:63]
    query = {"application_name": me, **_ALIVE, **url.query}
    try:
        engine = create_engine(url.set(query=query), isolation_level="AUTOCOMMIT")
        return engine.connect()
    except DBAPIError as error:
        raise CatalogError(f"the database failed: {error.orig}") from error
    except (SQLAlchemyError, ImportError) as error:
        raise CatalogError(
            f"the database cannot be opened: {error}; for PostgreSQL install pypisync[postgres]"
        ) from error


def _holder(connection: Connection) -> str:
    """Returns the holder of the lock, by the name that it gave itself."""
    found = text(
        "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1"
    )
    return connection.scalar(found) or "another process"


def _lost() -> CatalogError:
    return CatalogError(
        "the lock on the database was lost with its connection: another process may write now, "
        "so this one does not"
    )
