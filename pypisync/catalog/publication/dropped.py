"""Which projects would leave the pages because nothing asks for them any more."""

from collections.abc import Iterable

from sqlalchemy import Connection, and_, func, select

from pypisync.catalog.db.schema import files, projects, published, releases
from pypisync.catalog.db.sql import among, batches
from pypisync.core.wanted.roots import NamedFile

Releases = dict[tuple[str, str], tuple[NamedFile, ...]]


def listed_projects(connection: Connection) -> int:
    """Returns how many projects the pages list."""
    query = select(func.count(published.c.name.distinct())).where(published.c.last.is_(None))
    return connection.scalar(query) or 0


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
