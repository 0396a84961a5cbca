"""Projects by name, which every room counts on."""

from collections.abc import Iterable

from sqlalchemy import Connection, Select, select

from pypisync.catalog.db.schema import pending, projects
from pypisync.catalog.db.sql import Ids, add, among, tuples_among

# A project that was never read and failed in so many cycles counts as one that cannot be had.
_BELIEVED = 3


def ensure_projects(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Returns the ids of projects by name, with rows for those that have none yet."""
    wanted = sorted(set(names))
    ids: dict[str, int] = dict(tuples_among(connection, _ids, wanted))
    missing = [name for name in wanted if name not in ids]
    if missing:
        count = Ids(connection, projects)
        fresh = {name: count.next() for name in missing}
        add(connection, projects, [{"id": i, "name": name} for name, i in fresh.items()])
        ids |= fresh
    return ids


def _ids() -> Select[str, int]:
    return select(projects.c.name, projects.c.id).where(among(projects.c.name))


def out_of_reach(connection: Connection, names: Iterable[str]) -> dict[str, str]:
    """Returns those of these unread projects that cannot be had, with the reason.

    Asking for their documents has failed in several cycles. It goes on all the same.
    """
    return dict(tuples_among(connection, _failed_often, sorted(names)))


def _failed_often() -> Select[str, str]:
    often = pending.c.attempts >= _BELIEVED
    return select(pending.c.name, pending.c.reason).where(among(pending.c.name), often)
