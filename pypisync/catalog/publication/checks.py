"""What the disk should hold, for being checked piece by piece, and what to forget if it does not.

Slow rounds take files by their last check and projects by name. Everything is read in pieces, so
that checking a mirror of millions of files takes little memory.
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace
from sqlalchemy import Connection, exists, func, or_, select, update

from pypisync.catalog.db import pool
from pypisync.catalog.db.pool import Stored
from pypisync.catalog.db.schema import (
    files,
    generations,
    pages,
    projects,
    published,
    releases,
    stored,
)
from pypisync.catalog.db.sql import BATCH, among, batches
from pypisync.catalog.publication.generations import LISTED, current_files, current_pages, sizes
from pypisync.core.display import counted
from pypisync.core.publish.pages import Page
from pypisync.core.standards.filenames import METADATA


def stored_after(connection: Connection, path: str) -> list[Stored]:
    """Returns the next files that the pool should hold, by path; none at the end."""
    query = select(stored.c.path, stored.c.sha256, stored.c.size).where(stored.c.path > path)
    found = connection.execute(query.order_by(stored.c.path).limit(BATCH))
    return [Stored(*row) for row in found]


def stored_count(connection: Connection) -> int:
    """Returns how many files the pool should hold."""
    return connection.scalar(select(func.count()).select_from(stored)) or 0


def listed_count(connection: Connection) -> int:
    """Returns how many projects the newest generation lists, by its rows."""
    query = select(func.count()).select_from(pages).where(pages.c.last.is_(None))
    return connection.scalar(query) or 0


def contradiction(connection: Connection) -> str:
    """Returns how the newest generation's rows differ from what it says of itself; "" if not.

    They do in a database that is half restored, or that somebody else has written.
    """
    last = generations.c.id == select(func.max(generations.c.id)).scalar_subquery()
    row = connection.execute(
        select(generations.c.projects, generations.c.files).where(last)
    ).one_or_none()
    says = (0, 0) if row is None else tuple(row)
    query = select(func.count()).select_from(published).where(published.c.last.is_(None))
    has = listed_count(connection), connection.scalar(query) or 0
    if says == has:
        return ""
    return (
        f"it lists {counted(says[0], 'project')} and {counted(says[1], 'file')}, and has rows of"
        f" {has[0]:,} and {has[1]:,}: the database is incomplete; restore it from a backup if there"
        " is one"
    )


def assemble_again(connection: Connection) -> None:
    """Let the next publication make all pages from what is selected, and count what it finds."""
    connection.execute(update(projects).values(unpublished=True))
    now = sizes(connection)
    last = generations.c.id == select(func.max(generations.c.id)).scalar_subquery()
    counted = {name: now[name] for name in LISTED}
    connection.execute(update(generations).where(last).values(**counted))


def unrecorded(connection: Connection) -> list[str]:
    """Returns the paths on the pages that the catalog does not know to be stored."""
    here = exists().where(stored.c.path == published.c.path, stored.c.sha256 != "")
    query = select(published.c.path).where(published.c.last.is_(None), ~here)
    return list(connection.scalars(query.order_by(published.c.path)))


def undescribed(connection: Connection) -> list[str]:
    """Returns the paths of ``.metadata`` that pages announce and the catalog knows no such file."""
    p, s = published.c, stored.c
    here = exists().where(s.path == p.path + METADATA, s.sha256 == p.metadata_sha256)
    query = select(p.path + METADATA).where(p.last.is_(None), p.metadata_sha256.is_not(None), ~here)
    return list(connection.scalars(query.order_by(p.path)))


def otherwise(connection: Connection) -> str | None:
    """Returns the path of a file on the pages, or of its .metadata, that is stored otherwise.

    None: each is stored with the SHA-256 that its page states.
    """
    p, s = published.c, stored.c
    for end, stated in (("", p.sha256), (METADATA, p.metadata_sha256)):
        here = exists().where(s.path == p.path + end, s.sha256 == stated)
        query = select(p.path + end).where(p.last.is_(None), stated.is_not(None), ~here)
        found: str | None = connection.scalar(query.order_by(p.path).limit(1))
        if found is not None:
            return found
    return None


def unlisted_among(connection: Connection, paths: Sequence[str]) -> list[str]:
    """Returns those of the paths (one batch) that no page lists, nor as a file's .metadata."""
    p = published.c
    found: set[str] = set()
    for end, stated in (("", p.sha256), (METADATA, p.metadata_sha256)):
        of = [path.removesuffix(end) for path in paths if path.endswith(end)]
        here = p.last.is_(None), stated.is_not(None), among(p.path, of)
        found.update(path + end for path in connection.scalars(select(p.path).where(*here)))
    return [path for path in paths if path not in found]


def unknown_among(connection: Connection, paths: Sequence[str]) -> list[str]:
    """Returns those of the paths (one batch) that are neither stored nor on a page."""
    known = set(pool.stored_among(connection, paths))
    for batch in batches(paths):
        listed = select(published.c.path).where(
            among(published.c.path, batch), published.c.last.is_(None)
        )
        known.update(connection.scalars(listed))
    return [path for path in paths if path not in known]


def whole_pages(connection: Connection, names: Sequence[str]) -> list[Page]:
    """Returns the newest generation's pages of these projects, with their files."""
    bare = current_pages(connection, names)
    listed = current_files(connection, bare)
    return [replace(page, files=tuple(listed.get(name, ()))) for name, page in bare.items()]


def lose(connection: Connection, paths: Iterable[str]) -> dict[str, str]:
    """Mark files as lost, so that they are fetched and published again.

    What is to be deleted stays known until it is. Returns the SHA-256 of each.
    """
    lost = list(paths)
    were = select(stored.c.path, stored.c.sha256)
    hashes = {
        path: digest
        for batch in batches(lost)
        for path, digest in connection.execute(were.where(among(stored.c.path, batch)))
    }
    pool.forget_stored(connection, (path for path in lost if hashes.get(path) != ""))
    for batch in batches(path.removesuffix(METADATA) for path in lost):
        names = [path.rpartition("/")[2] for path in batch]
        wanted = (
            select(releases.c.project_id)
            .join_from(releases, files)
            .where(files.c.filename.in_(names))
        )
        listed = select(published.c.name).where(
            among(published.c.path, batch), published.c.last.is_(None)
        )
        for of in (projects.c.id.in_(wanted), projects.c.name.in_(listed)):
            connection.execute(update(projects).where(of).values(unpublished=True))
    return hashes


def oldest_checked(connection: Connection, before: float, now: float, share: int) -> list[Stored]:
    """Returns files not checked since ``before``, the longest unchecked first.

    It returns one in ``share`` of all. A file that was checked later than ``now``, by a clock that
    was wrong, counts as unchecked.
    """
    c = stored.c.checked
    total = connection.scalar(select(func.count()).select_from(stored)) or 0
    query = (
        select(stored.c.path, stored.c.sha256, stored.c.size)
        .where(or_(c < before, c > now), stored.c.sha256 != "")
        .order_by(c, stored.c.path)
        .limit(-(-total // share))
    )
    return [Stored(*row) for row in connection.execute(query)]


def checked(connection: Connection, paths: Iterable[str], now: float) -> None:
    """Record that these files were found intact."""
    for batch in batches(paths):
        connection.execute(update(stored).where(stored.c.path.in_(batch)).values(checked=now))


def next_projects(connection: Connection, after: str, share: int) -> list[str]:
    """Returns the next projects by name, and begins again after the last.

    It returns one in ``share`` of all.
    """
    here = pages.c.last.is_(None)
    total = connection.scalar(select(func.count()).select_from(pages).where(here)) or 0
    query = select(pages.c.name).where(here).order_by(pages.c.name).limit(-(-total // share))
    return list(connection.scalars(query.where(pages.c.name > after))) or list(
        connection.scalars(query)
    )
