"""Projects by name, which every room counts on."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from pypisync.catalog.db.schema import pending, projects
from pypisync.catalog.db.sql import Ids, add, among, batches

# A project that was never read and failed in so many cycles counts as one that cannot be had.
_BELIEVED = 3


def ensure_projects(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Returns the ids of projects by name, with rows for those that have none yet."""
    wanted = sorted(set(names))
    ids: dict[str, int] = {}
    for batch in batches(wanted):
        found = select(projects.c.name, projects.c.id).where(among(projects.c.name, batch))
        ids.update((row.name, row.id) for row in connection.execute(found))
    missing = [name for name in wanted if name not in ids]
    if missing:
        count = Ids(connection, projects)
        fresh = {name: count.next() for name in missing}
        add(connection, projects, [{"id": i, "name": name} for name, i in fresh.items()])
        ids |= fresh
    return ids


def out_of_reach(connection: Connection, names: Iterable[str]) -> dict[str, str]:
    """Returns those of these unread projects that cannot be had, with the reason.

    Asking for their documents has failed in several cycles. It goes on all the same.
    """
    found: dict[str, str] = {}
    for batch in batches(sorted(names)):
        often = pending.c.attempts >= _BELIEVED
        query = select(pending.c.name, pending.c.reason).where(among(pending.c.name, batch), often)
        found.update((name, reason) for name, reason in connection.execute(query))
    return found
