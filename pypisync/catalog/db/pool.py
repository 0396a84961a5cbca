"""What the pool holds: its files, by path."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Select,
    Text,
    Update,
    and_,
    bindparam,
    delete,
    exists,
    literal_column,
    select,
    text,
    update,
)

from pypisync.catalog.db.schema import asked, files, releases, stored
from pypisync.catalog.db.sql import (
    add,
    among,
    as_list,
    batches,
    delete_among,
    execute_among,
    once,
    rows_among,
    these,
    update_among,
)
from pypisync.core.standards.filenames import METADATA
from pypisync.core.standards.wheel_contents import RULE, is_wheel


class Stored(Struct, frozen=True):
    """A file in the pool."""

    path: str
    sha256: str
    size: int


def lie_at() -> ColumnElement[bool]:
    """Returns the condition that rows of ``files`` lie ``at`` paths: filenames have an index."""
    names = bindparam("filenames", type_=Text())
    return and_(among(files.c.filename, names), among(files.c.path))


def at(paths: Sequence[str]) -> dict[str, Any]:
    """Returns the parameters of a statement with ``lie_at``."""
    names = sorted({path.rpartition("/")[2] for path in paths})
    return these(paths, filenames=as_list(names))


def note_asked(connection: Connection, paths: Iterable[str]) -> None:
    """Note files that are to be fetched: they are :func:`unrecorded` until they are stored."""
    query = _NOTE[connection.dialect.name]
    for batch in batches(paths):
        connection.execute(query, these(batch))


_NOTE = {
    "sqlite": text(
        "INSERT INTO asked (path) SELECT value FROM json_each(:these) WHERE 1 = 1"
        " ON CONFLICT DO NOTHING"
    ),
    "postgresql": text(
        "INSERT INTO asked (path) SELECT value FROM json_array_elements_text(CAST(:these AS JSON))"
        " ON CONFLICT DO NOTHING"
    ),
}


def not_asked(connection: Connection, paths: Sequence[str]) -> list[str]:
    """Returns those of the paths that are not asked for, and those that are named again."""
    rows = rows_among(connection, lambda: select(asked.c.path).where(among(asked.c.path)), paths)
    left, found = {path for (path,) in rows}, []
    for path in paths:
        if path not in left:
            found.append(path)
        left.discard(path)
    return found


def forget_asked(connection: Connection, paths: Iterable[str]) -> None:
    """Forget that files were asked for: none is on the disk, or what is there is recorded."""
    delete_among(connection, asked.c.path, paths)


def unrecorded(connection: Connection) -> list[str]:
    """Returns the paths that were asked for and never recorded.

    A run that was cut off may have left such files.

    What is recorded under such a path is what the path held before.
    """
    return list(connection.scalars(once(_unrecorded)))


def _unrecorded() -> Select[str]:
    there = exists().where(stored.c.path == asked.c.path)
    return select(asked.c.path).where(~there).order_by(asked.c.path)


def record_stored(
    connection: Connection, found: Iterable[Stored], now: float, early: Collection[str] = ()
) -> set[int]:
    """Record files that have come into the pool; no page lists them yet.

    Those at ``early`` paths came before it was decided whether they may: they stay asked for until
    :func:`decided`. Returns the ids of projects with files whose SHA-256 has become known by it.
    """
    rows = {item.path: item for item in found}
    forget_asked(connection, rows.keys() - early)
    there = stored_among(connection, rows)
    same = {path for path, item in there.items() if item == rows[path]}
    # What was found in them stays.
    update_among(connection, stored.c.path, same, unlisted=now, checked=now)
    fresh = [item for path, item in rows.items() if path not in same]
    delete_among(connection, stored.c.path, there.keys() - same)
    new = {item.path for item in fresh}  # not looked into, whatever comes beside them
    forget_beside(connection, [path for path in new if path.removesuffix(METADATA) not in new])
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
        learnt |= learn_hashes(connection, paths)
    return learnt


def is_early() -> ColumnElement[bool]:
    """Returns the condition that a row of ``stored`` came before it was decided whether it may."""
    return exists().where(asked.c.path == stored.c.path)


def decided(connection: Connection, refused: Iterable[str]) -> None:
    """Note that files that came early may stay, but for those that are ``refused``."""
    doom_stored(connection, refused)
    connection.execute(once(_forget_early))


def _forget_early() -> Delete:
    return delete(asked).where(exists().where(stored.c.path == asked.c.path))


def learn_hashes(connection: Connection, paths: Sequence[str] | None = None) -> set[int]:
    """Give files without a known SHA-256 that of the bytes that the pool holds for them.

    ``paths``: of these files only. Returns the ids of their projects.
    """
    rows: list[Any]
    if paths is None:
        rows = list(connection.execute(once(_learnable)))
    else:
        rows = list(rows_among(connection, _learnable_at, paths))
    execute_among(connection, _learning, [row.id for row in rows])
    return {row.project_id for row in rows}


def _learning() -> Update:
    return update(files).where(among(files.c.id)).values(sha256=_held().scalar_subquery())


def _held() -> Select[str]:
    """The SHA-256 of what the pool holds for a file."""
    return select(stored.c.sha256).where(stored.c.path == files.c.path, stored.c.sha256 != "")


def _learnable() -> Select[int, int]:
    unknown: ColumnElement[bool] = literal_column("files.sha256 = ''")
    query = select(files.c.id, releases.c.project_id).join_from(files, releases)
    return query.where(unknown, _held().exists())


def _learnable_at() -> Select[int, int]:
    return _learnable().where(among(files.c.path))


def forget_stored(connection: Connection, paths: Iterable[str]) -> None:
    """Forget files that the pool no longer holds."""
    for batch in batches(paths):
        delete_among(connection, stored.c.path, batch)
        forget_beside(connection, batch)


def forget_beside(connection: Connection, paths: Iterable[str]) -> None:
    """Wheels beside which METADATA of these paths stands, or stood, are to be looked into again."""
    wheels = [path.removesuffix(METADATA) for path in paths if path.endswith(METADATA)]
    update_among(connection, stored.c.path, wheels, looked=None)


def doom_stored(connection: Connection, paths: Iterable[str]) -> None:
    """Mark files that are about to be deleted: from now on they do not count as stored.

    Their rows stay until they are gone from the disk, so that a crash between leaves no stray.
    """
    update_among(connection, stored.c.path, paths, sha256="")


def doomed(connection: Connection) -> list[str]:
    """Returns the paths of all that is to be deleted, whatever lists it."""
    return list(connection.scalars(once(_doomed)))


def _doomed() -> Select[str]:
    return select(stored.c.path).where(literal_column("stored.sha256 = ''")).order_by(stored.c.path)


def stored_among(connection: Connection, paths: Iterable[str]) -> dict[str, Stored]:
    """Returns those of the paths that the pool holds."""
    return {row.path: Stored(*row) for row in rows_among(connection, _stored, paths)}


def _stored() -> Select[str, str, int]:
    return select(stored.c.path, stored.c.sha256, stored.c.size).where(among(stored.c.path))
