"""What the pool holds: its files, by path."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, literal_column, select, update

from pypisync.catalog.db.schema import stored
from pypisync.catalog.db.sql import add, among, batches


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in the pool."""

    path: str
    sha256: str
    size: int


def record_stored(connection: Connection, found: Iterable[Stored], now: float) -> None:
    """Record files that have come into the pool; no page lists them yet."""
    rows = {item.path: item for item in found}
    forget_stored(connection, rows)
    for batch in batches(rows.values()):
        add(
            connection,
            stored,
            [
                {
                    "path": item.path, "sha256": item.sha256, "size": item.size,
                    "unlisted": now, "checked": now,
                }
                for item in batch
            ],
        )  # fmt: skip


def forget_stored(connection: Connection, paths: Iterable[str]) -> None:
    """The pool no longer holds these."""
    for batch in batches(paths):
        connection.execute(delete(stored).where(among(stored.c.path, batch)))


def doom_stored(connection: Connection, paths: Iterable[str]) -> None:
    """These are about to be deleted: from now on they do not count as stored.

    Their rows stay until they are gone from the disk, so that a crash between leaves no stray.
    """
    for batch in batches(paths):
        connection.execute(update(stored).where(among(stored.c.path, batch)).values(sha256=""))


def doomed(connection: Connection) -> list[str]:
    """The paths of all that is to be deleted, whatever lists it."""
    query = select(stored.c.path).where(literal_column("stored.sha256 = ''"))
    return list(connection.scalars(query.order_by(stored.c.path)))


def stored_among(connection: Connection, paths: Iterable[str]) -> dict[str, Stored]:
    """Those of the paths that the pool holds."""
    found: dict[str, Stored] = {}
    for batch in batches(paths):
        query = select(stored.c.path, stored.c.sha256, stored.c.size)
        for row in connection.execute(query.where(among(stored.c.path, batch))):
            found[row.path] = Stored(*row)
    return found
