"""Projects by name, which every room counts on."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from pypisync.catalog.db.schema import projects
from pypisync.catalog.db.sql import Ids, add, among, batches


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
