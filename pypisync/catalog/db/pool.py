"""What the pool holds: its files, by path."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    literal_column,
    null,
    select,
    update,
)

from pypisync.catalog.db.schema import asked, files, releases, stored
from pypisync.catalog.db.sql import add, among, batches
from pypisync.core.standards.filenames import METADATA
from pypisync.core.standards.wheel_contents import RULE, is_wheel


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in the pool."""

    path: str
    sha256: str
    size: int


def lie_at(paths: Sequence[str]) -> ColumnElement[bool]:
    """Returns the condition that rows of ``files`` lie at these paths: filenames have an index."""
    names = sorted({path.rpartition("/")[2] for path in paths})
    return and_(among(files.c.filename, names), among(files.c.path, paths))


def note_asked(connection: Connection, paths: Iterable[str]) -> None:
    """Note files that are to be fetched: they are :func:`unrecorded` until they are stored."""
    for batch in batches(paths):
        connection.execute(delete(asked).where(among(asked.c.path, batch)))
        add(connection, asked, [{"path": path} for path in batch])


def not_asked(connection: Connection, paths: Sequence[str]) -> list[str]:
    """Returns those of the paths that are not asked for, and those that are named again."""
    left = set[str]()
    for batch in batches(paths):
        left.update(connection.scalars(select(asked.c.path).where(among(asked.c.path, batch))))
    found = []
    for path in paths:
        if path not in left:
            found.append(path)
        left.discard(path)
    return found


def forget_asked(connection: Connection, paths: Iterable[str]) -> None:
    """Forget that files were asked for: none is on the disk, or what is there is recorded."""
    for batch in batches(paths):
        connection.execute(delete(asked).where(among(asked.c.path, batch)))


def unrecorded(connection: Connection) -> list[str]:
    """Returns the paths that were asked for and never recorded.

    A run that was cut off may have left such files.

    What is recorded under such a path is what the path held before.
    """
    there = exists().where(stored.c.path == asked.c.path)
    return list(connection.scalars(select(asked.c.path).where(~there).order_by(asked.c.path)))


def record_stored(connection: Connection, found: Iterable[Stored], now: float) -> set[int]:
    """Record files that have come into the pool; no page lists them yet.

    Returns the ids of projects with files whose SHA-256 has become known by it.
    """
    rows = {item.path: item for item in found}
    forget_asked(connection, rows)
    same = {path for path, item in stored_among(connection, rows).items() if item == rows[path]}
    for batch in batches(same):  # what was found in them stays
        here = update(stored).where(among(stored.c.path, batch))
        connection.execute(here.values(unlisted=now, checked=now))
    fresh = [item for path, item in rows.items() if path not in same]
    forget_stored(connection, [item.path for item in fresh])
    for items in batches(fresh):
        add(
            connection,
            stored,
            [
                {
                    "path": item.path, "sha256": item.sha256, "size": item.size,
                    "unlisted": now, "checked": now,
                    "looked": None if is_wheel(item.path) else RULE,
                }
                for item in items
            ],
        )  # fmt: skip
    learnt: set[int] = set()
    for paths in batches(rows.keys()):
        learnt |= learn_hashes(connection, among(files.c.path, paths))
    return learnt


def learn_hashes(connection: Connection, which: ColumnElement[bool]) -> set[int]:
    """Give files without a known SHA-256 that of the bytes that the pool holds for them.

    Returns the ids of their projects.
    """
    unknown: ColumnElement[bool] = literal_column("files.sha256 = ''")
    held = select(stored.c.sha256).where(stored.c.path == files.c.path, stored.c.sha256 != "")
    query = select(files.c.id, releases.c.project_id).join_from(files, releases)
    rows = connection.execute(query.where(unknown, which, held.exists())).all()
    for batch in batches(row.id for row in rows):
        connection.execute(
            update(files).where(among(files.c.id, batch)).values(sha256=held.scalar_subquery())
        )
    return {row.project_id for row in rows}


def forget_stored(connection: Connection, paths: Iterable[str]) -> None:
    """Forget files that the pool no longer holds."""
    for batch in batches(paths):
        connection.execute(delete(stored).where(among(stored.c.path, batch)))
        forget_beside(connection, batch)


def forget_beside(connection: Connection, paths: Iterable[str]) -> None:
    """Wheels beside which METADATA of these paths stands, or stood, are to be looked into again."""
    wheels = [path.removesuffix(METADATA) for path in paths if path.endswith(METADATA)]
    for batch in batches(wheels):
        of = update(stored).where(among(stored.c.path, batch))
        connection.execute(of.values(looked=null()))


def doom_stored(connection: Connection, paths: Iterable[str]) -> None:
    """Mark files that are about to be deleted: from now on they do not count as stored.

    Their rows stay until they are gone from the disk, so that a crash between leaves no stray.
    """
    for batch in batches(paths):
        connection.execute(update(stored).where(among(stored.c.path, batch)).values(sha256=""))


def doomed(connection: Connection) -> list[str]:
    """Returns the paths of all that is to be deleted, whatever lists it."""
    query = select(stored.c.path).where(literal_column("stored.sha256 = ''"))
    return list(connection.scalars(query.order_by(stored.c.path)))


def stored_among(connection: Connection, paths: Iterable[str]) -> dict[str, Stored]:
    """Returns those of the paths that the pool holds."""
    found: dict[str, Stored] = {}
    for batch in batches(paths):
        query = select(stored.c.path, stored.c.sha256, stored.c.size)
        for row in connection.execute(query.where(among(stored.c.path, batch))):
            found[row.path] = Stored(*row)
    return found
