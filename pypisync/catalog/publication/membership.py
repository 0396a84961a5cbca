"""Which projects a cycle would add to the pages, and which would leave them unasked for."""

from collections.abc import Collection, Iterable

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, or_, select

from pypisync.catalog.db.pool import is_early
from pypisync.catalog.db.schema import files, projects, published, releases, selected, stored
from pypisync.catalog.db.sql import among, batches, is_set
from pypisync.catalog.facts.lock_files import wanted_files
from pypisync.core.wanted.roots import NamedFile


def new_projects(connection: Connection) -> set[str]:
    """Returns the selected projects that no page lists and that lack a stored file.

    A file that came before it was decided whether it may counts as lacking.
    """
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
        .where(releases.c.project_id == projects.c.id, f.kept)
        .where(or_(stored.c.path.is_(None), is_early())),
    )
    return set(connection.scalars(query))


def never_read(connection: Connection, names: Iterable[str]) -> set[str]:
    """Returns those of the projects (normalised names) whose documents were never read."""
    unread = set(names)
    for batch in batches(sorted(unread)):
        read = select(projects.c.name).where(
            among(projects.c.name, batch), projects.c.status != "unseen"
        )
        unread.difference_update(connection.scalars(read))
    return unread


def of_listed_projects(connection: Connection, ids: Collection[int]) -> set[int]:
    """Returns those of the files (ids) that are of projects with a page."""
    found: set[int] = set()
    for batch in batches(sorted(ids)):
        query = select(files.c.id).select_from(files.join(releases).join(projects))
        found.update(connection.scalars(query.where(among(files.c.id, batch), _listed())))
    return found


def on_pages(connection: Connection, ids: Collection[int]) -> set[int]:
    """Returns those of the files (ids) that a page lists now."""
    found: set[int] = set()
    here = and_(published.c.path == files.c.path, published.c.last.is_(None))
    for batch in batches(sorted(ids)):
        query = select(files.c.id).where(among(files.c.id, batch), exists().where(here))
        found.update(connection.scalars(query))
    return found


def _listed() -> ColumnElement[bool]:
    return exists().where(published.c.name == projects.c.name, published.c.last.is_(None))


Releases = dict[tuple[str, str], tuple[NamedFile, ...]]


def listed_projects(connection: Connection) -> int:
    """Returns how many projects the pages list."""
    query = select(func.count(published.c.name.distinct())).where(published.c.last.is_(None))
    return connection.scalar(query) or 0


def listed_in_vain(connection: Connection) -> set[str]:
    """Returns the listed projects of which no file is wanted."""
    wanted = (
        select(projects.c.name)
        .select_from(files.join(releases).join(projects))
        .where(files.c.id.in_(wanted_files()))
    )
    query = select(published.c.name).where(published.c.last.is_(None))
    return set(connection.scalars(query.where(published.c.name.not_in(wanted))))


def barred_projects(connection: Connection) -> dict[str, str]:
    """Returns the listed projects of which the policy bars every file, with one of the reasons.

    Those that a block concerns are left out.
    """
    barred = files.c.barred
    blocked = case((barred.startswith("blocked: "), 1), else_=0)
    query = (
        select(projects.c.name, func.min(barred).label("reason"))
        .join_from(projects, releases)
        .join(files)
        .where(_listed())
        .group_by(projects.c.name)
        .having(func.min(barred) != "", func.max(blocked) == 0)
    )
    return {row.name: row.reason for row in connection.execute(query)}


def listed_releases(connection: Connection, names: Iterable[str]) -> Releases:
    """Returns the listed releases (name, version) of these projects that upstream still has.

    What the policy bars is left out. With the files that are listed if the release was only pinned,
    for what it needs is not known then.
    """
    p, r, f, u = projects.c, releases.c, files.c, published.c
    found: Releases = {}
    for batch in batches(sorted(names)):
        query = (
            select(u.name, u.version, u.filename, u.sha256, r.knowledge)
            .select_from(
                published.join(projects, p.name == u.name)
                .join(releases, and_(r.project_id == p.id, r.version == u.version))
                .join(files, and_(f.release_id == r.id, f.filename == u.filename))
            )
            .where(among(u.name, batch), u.last.is_(None), f.sha256 == u.sha256, f.barred == "")
            .where(p.status.not_in(("unseen", "gone", "quarantined")))
        )
        for row in connection.execute(query):
            known = row.knowledge == "known"
            files_of = () if known else (NamedFile(row.filename, row.sha256),)
            found[row.name, row.version] = (*found.get((row.name, row.version), ()), *files_of)
    return found


def project_ids(connection: Connection, names: Iterable[str]) -> set[int]:
    """Returns the ids of these projects."""
    found: set[int] = set()
    for batch in batches(sorted(names)):
        found.update(connection.scalars(select(projects.c.id).where(among(projects.c.name, batch))))
    return found
