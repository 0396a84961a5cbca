"""Going back to a generation, and whether the index is frozen to one."""

from collections.abc import Iterable, Set
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    or_,
    select,
    update,
)

from pypisync.catalog.db import pool
from pypisync.catalog.db.pool import Stored
from pypisync.catalog.db.schema import generations, pages, projects, published
from pypisync.catalog.db.schema_quarantine import quarantined
from pypisync.catalog.db.sql import among, batches, once, rows_among, update_among
from pypisync.catalog.proofs import history
from pypisync.catalog.publication import checks
from pypisync.catalog.publication.generations import (
    by_project,
    files_where,
    generation,
    publish,
)
from pypisync.core.publish.pages import Page, PageFile
from pypisync.core.standards.filenames import METADATA


class Frozen(Struct, frozen=True):
    """The generation that the index stays at."""

    number: int
    serial: int


def frozen(connection: Connection) -> Frozen | None:
    """Returns what the index is frozen to; None: it follows upstream."""
    row = connection.execute(once(_frozen)).one_or_none()
    return None if row is None else Frozen(*row)


def _frozen() -> Select[int, int]:
    g = generations.c
    return select(g.id, g.serial).where(g.frozen.is_not(None))


def freeze(connection: Connection, number: int, now: float) -> bool:
    """Freeze the index to this generation. Returns whether the generation exists."""
    found = select(generations.c.id).where(generations.c.id == number, generations.c.complete)
    if connection.scalar(found.with_for_update()) is None:
        return False
    thaw(connection)
    connection.execute(update(generations).where(generations.c.id == number).values(frozen=now))
    return True


def thaw(connection: Connection) -> bool:
    """Let the index follow upstream again. Returns whether it was frozen."""
    was = update(generations).where(generations.c.frozen.is_not(None))
    return connection.execute(was.values(frozen=None)).rowcount > 0


def needed(connection: Connection, number: int) -> list[Stored]:
    """Returns the files, with their .metadata, that ``number`` lists and the newest does not."""
    p, found = published.c, []
    query = select(p.path, p.sha256, p.size, p.metadata_sha256).where(
        p.last.is_not(None), _listed_at(published, number)
    )
    for row in connection.execute(query.order_by(p.path)):
        found.append(Stored(row.path, row.sha256, row.size))
        if row.metadata_sha256:
            found.append(Stored(row.path + METADATA, row.metadata_sha256, -1))
    return found


def missing(connection: Connection, wanted: Iterable[Stored]) -> list[str]:
    """Returns those of the files that are not recorded as stored with the right content."""
    lost = []
    for batch in batches(wanted):
        there = pool.stored_among(connection, [item.path for item in batch])
        lost += [
            item.path
            for item in batch
            if item.path not in there or there[item.path].sha256 != item.sha256
        ]
    return lost


def repeat(connection: Connection, to: Frozen, now: float) -> tuple[int, list[str]]:
    """Make a generation that lists what ``to`` does, as far as it is stored.

    What upstream has in quarantine is left out too, and a ``.metadata`` that is not stored is not
    announced. Returns its number, or 0 if the newest one does
    already; and the files that are not stored, so that no page may list them. The projects
    concerned are to be published anew when the index follows upstream again.
    """
    newest = generation(connection)[0]
    lost = {*checks.unrecorded(connection), *checks.undescribed(connection)}
    apart = set(connection.scalars(select(quarantined.c.path)))
    names = _differing(connection, to.number, newest) | _names_of(connection, lost | apart)
    lost |= set(missing(connection, needed(connection, to.number)))
    lost -= {path + METADATA for path in lost}  # it goes with its file
    wanted: dict[str, Page | None] = dict.fromkeys(names)
    for page in pages_at(connection, names, to.number):
        left = tuple(_described(f, lost) for f in page.files if f.path not in lost | apart)
        if left or not page.files:  # an empty page would hide the project in other indexes
            wanted[page.name] = replace(page, files=left)
    number = publish(connection, wanted, to.serial, now, repeats=to.number)
    if number:
        history.repeat(connection, to.number, number)
        update_among(connection, projects.c.name, sorted(names), unpublished=True)
    return number, sorted(lost)


def _described(file: PageFile, lost: Set[str]) -> PageFile:
    return replace(file, metadata_sha256=None) if file.path + METADATA in lost else file


def pages_at(connection: Connection, names: Iterable[str], number: int) -> list[Page]:
    """Returns the pages of these projects as generation ``number`` has them."""
    listed = by_project(rows_among(connection, _files_at, names, number=number))
    return [
        Page(row.name, row.serial, row.status, row.status_reason, tuple(listed.get(row.name, ())))
        for row in rows_among(connection, _pages_at, names, number=number)
    ]


def _files_at() -> Select[Any]:
    return files_where(_listed_at(published, bindparam("number")))


def _pages_at() -> Select[Any]:
    return select(pages).where(among(pages.c.name), _listed_at(pages, bindparam("number")))


def _differing(connection: Connection, old: int, new: int) -> set[str]:
    """Returns the projects whose pages differ between two generations, the older one first."""
    names: set[str] = set()
    for table in (pages, published):
        c = table.c
        went = and_(c.last.is_not(None), c.last < new, _listed_at(table, old))
        came = and_(c.first > old, c.first <= new, or_(c.last.is_(None), c.last >= new))
        for moved in (went, came):
            names.update(connection.scalars(select(c.name).where(moved).distinct()))
    return names


def _names_of(connection: Connection, paths: Iterable[str]) -> set[str]:
    files = sorted({path.removesuffix(METADATA) for path in paths})
    return {name for (name,) in rows_among(connection, _listing, files)}


def _listing() -> Select[str]:
    listed = among(published.c.path), published.c.last.is_(None)
    return select(published.c.name).where(*listed)


def _listed_at(table: Table, number: int | BindParameter[int]) -> ColumnElement[bool]:
    """Returns whether a row belongs to generation ``number``."""
    c = table.c
    return and_(c.first <= number, or_(c.last.is_(None), c.last >= number))
