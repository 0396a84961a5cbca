"""What a cycle would add to the mirror: projects that no page lists yet."""

from collections.abc import Collection, Iterable

from sqlalchemy import ColumnElement, Connection, and_, exists, select

from pypisync.catalog.db.schema import files, projects, published, releases, selected, stored
from pypisync.catalog.db.sql import among, batches, is_set


def new_projects(connection: Connection) -> set[str]:
    """Return the selected projects that no page lists, and of which a file is not stored."""
    f = files.c
    lacking = (
        releases.join(selected, selected.c.release_id == releases.c.id)
        .join(files, f.release_id == releases.c.id)
        .outerjoin(stored, and_(stored.c.path == f.path, stored.c.sha256 == f.sha256))
    )
    query = select(projects.c.name).where(
        is_set(projects.c.unpublished),
        ~_listed(),
        exists()
        .select_from(lacking)
        .where(releases.c.project_id == projects.c.id, f.kept, stored.c.path.is_(None)),
    )
    return set(connection.scalars(query))


def never_read(connection: Connection, names: Iterable[str]) -> set[str]:
    """Return those of the projects (normalised names) whose documents were never read."""
    unread = set(names)
    for batch in batches(sorted(unread)):
        read = select(projects.c.name).where(
            among(projects.c.name, batch), projects.c.status != "unseen"
        )
        unread.difference_update(connection.scalars(read))
    return unread


def of_listed_projects(connection: Connection, ids: Collection[int]) -> set[int]:
    """Return those of the files (ids) that are of projects with a page."""
    found: set[int] = set()
    for batch in batches(sorted(ids)):
        query = select(files.c.id).select_from(files.join(releases).join(projects))
        found.update(connection.scalars(query.where(among(files.c.id, batch), _listed())))
    return found


def _listed() -> ColumnElement[bool]:
    return exists().where(published.c.name == projects.c.name, published.c.last.is_(None))
