"""Which generations are kept, and which files therefore stay.

These generations are kept: the newest; those replaced less than ``retention`` ago; those with a
name; the one that the index is frozen to; and the one that the last bundle led to. A file stays
while a kept generation lists it, while a selected release waits for it, while upstream has it in
quarantine, and in any case for ``grace`` after it has left the pages or the quarantine.
"""

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Select,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from pypisync.catalog.db.pool import Stored
from pypisync.catalog.db.schema import (
    files,
    generation_names,
    generations,
    pages,
    published,
    stored,
)
from pypisync.catalog.db.schema_proofs import published_proofs
from pypisync.catalog.db.schema_quarantine import quarantined
from pypisync.catalog.db.sql import among, delete_among, once, raw, these
from pypisync.catalog.facts.lock_files import wanted_files
from pypisync.catalog.publication import journal
from pypisync.core.standards.filenames import METADATA

# Made once: to build them costs more than to ask them.
_REPLACED = select(exists().where(generations.c.replaced <= bindparam("before")))
_UNLISTED = select(exists().where(stored.c.unlisted <= bindparam("before")))
_TO_COME = select(
    or_(
        exists().where(generations.c.replaced > bindparam("now")),
        exists().where(stored.c.unlisted > bindparam("now")),
    )
)


def put_right(connection: Connection, now: float) -> None:
    """Let what happened later than ``now``, by a clock that was wrong, have happened now."""
    if connection.scalar(_TO_COME, {"now": now}):
        for column in (generations.c.replaced, stored.c.unlisted):
            late = update(column.table).where(column > now)
            connection.execute(late.values({column: now}))


def forget_generations(connection: Connection, before: float, needed: int | None) -> int:
    """Forget the generations that are not kept, replaced before ``before``. Returns how many.

    ``needed``: one that is kept whatever its age.
    """
    g = generations.c
    if not connection.scalar(_REPLACED, {"before": before}):  # so it mostly is
        return 0
    keeping = {"before": before, "needed": needed or 0}
    # Where others can write at the same time: nobody names one of them from here on.
    locked = connection.scalars(once(_old_locked), keeping).all()
    gone = connection.scalars(once(_old), keeping).all() if locked else []
    if not gone:
        return 0
    ends = {"newest": max(gone), "oldest": min(gone)}
    for dead in once(_dead):
        connection.execute(dead, these(gone, **ends))
    told = connection.scalar(once(_told), these(gone)) or 0
    delete_among(connection, g.id, gone)
    journal.forget(connection, told)
    return len(gone)


def _old() -> Select[int]:
    return select(generations.c.id).where(~_kept()).order_by(generations.c.id)


def _old_locked() -> Select[int]:
    return _old().with_for_update()


def _told() -> Select[int]:
    return select(func.max(generations.c.last_serial)).where(among(generations.c.id))


def _dead() -> list[Delete]:
    """Returns what deletes the rows that were of these generations only."""
    g = generations.c
    return [
        delete(table).where(
            table.c.first <= bindparam("newest"),
            table.c.last >= bindparam("oldest"),
            ~exists().where(g.id.between(table.c.first, table.c.last), ~among(g.id)),
        )
        for table in (pages, published, published_proofs)
    ]


def old_generations(connection: Connection, before: float, needed: int | None) -> int:
    """Returns how many generations :func:`forget_generations` would forget."""
    query = once(lambda: select(func.count()).select_from(generations).where(~_kept()))
    return connection.scalar(query, {"before": before, "needed": needed or 0}) or 0


def unneeded(
    connection: Connection, off_pages: float, replaced: float, needed: int | None = None
) -> list[Stored]:
    """Returns files off the pages since ``off_pages`` that no kept generation lists.

    ``replaced``: generations that were replaced before are not kept, but for ``needed``.
    """
    if not connection.scalar(_UNLISTED, {"before": off_pages}):
        return []
    since = {"off_pages": off_pages, "before": replaced, "needed": needed or 0}
    found = [Stored(*row) for row in raw(connection, once(_off_all_pages), since)]
    if not found:
        return []
    wanted = set(connection.scalars(once(_waiting)))
    return [item for item in found if item.path.removesuffix(METADATA) not in wanted]


def _off_all_pages() -> Select[str, str, int]:
    end = func.length(stored.c.path) - len(METADATA)
    beside = stored.c.path.endswith(METADATA, autoescape=True)
    path = case((beside, func.substr(stored.c.path, 1, end)), else_=stored.c.path)
    p, g = published.c, generations.c
    kept = exists().where(g.id.between(p.first, p.last), _kept()).correlate(published)
    listed = exists().where(p.path == path, or_(p.last.is_(None), kept)).correlate(stored)
    apart = exists().where(quarantined.c.path == path).correlate(stored)
    off = stored.c.unlisted.is_not(None), stored.c.unlisted <= bindparam("off_pages")
    query = select(stored.c.path, stored.c.sha256, stored.c.size)
    return query.where(*off, ~listed, ~apart).order_by(stored.c.path)


def _waiting() -> Select[str]:
    return select(files.c.path).where(files.c.id.in_(wanted_files()))


def _kept() -> ColumnElement[bool]:
    """Returns whether a generation is kept: ``before`` is when old ones were replaced."""
    g, whole = generations.c, generations.alias("whole")
    written = select(func.max(whole.c.id)).where(whole.c.complete).scalar_subquery()
    return or_(
        g.replaced.is_(None),
        g.replaced > bindparam("before"),
        g.frozen.is_not(None),
        g.id == bindparam("needed"),
        g.id >= func.coalesce(written, 0),  # the pages of one still to be written lean on it
        exists().where(generation_names.c.generation_id == g.id),
    )


def give_name(connection: Connection, name: str, number: int) -> bool:
    """Give this generation the name, and no other. Returns whether the generation exists."""
    g, n = generations.c, generation_names.c
    if connection.scalar(select(g.id).where(g.id == number, g.complete).with_for_update()) is None:
        return False
    row = {"generation_id": number}
    if not connection.execute(update(generation_names).where(n.name == name).values(row)).rowcount:
        connection.execute(insert(generation_names).values(name=name, **row))
    return True


def drop_name(connection: Connection, name: str) -> bool:
    """Take the name away. Returns whether a generation had it."""
    gone = delete(generation_names).where(generation_names.c.name == name)
    return connection.execute(gone).rowcount > 0
