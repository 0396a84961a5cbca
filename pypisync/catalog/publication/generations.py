"""What the generations list."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Connection,
    Row,
    Select,
    Text,
    Update,
    and_,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    union,
    update,
)

from pypisync.catalog.db import sql
from pypisync.catalog.db.schema import generations, pages, projects, published, releases, stored
from pypisync.catalog.db.sql import Ids, add, among, batches, once, raw, rows_among
from pypisync.catalog.publication import journal
from pypisync.core.publish.journal import Entry, entries
from pypisync.core.publish.pages import Page, PageFile
from pypisync.core.standards import versions
from pypisync.core.standards.filenames import METADATA

# What is counted of a generation: what it lists, and how it differs from the one before.
LISTED = ("projects", "releases", "files", "bytes")
DIFFERS = ("pages", "came", "went", "changed")  # pages of projects; files

_FILE_COLUMNS = (
    "version", "filename", "path", "sha256", "size", "uploaded", "requires_python", "yanked",
    "metadata_sha256", "provenance",
)  # fmt: skip


_NEWEST = select(generations).order_by(generations.c.id.desc()).limit(1)


def newest(connection: Connection) -> Row[Any] | None:
    """Returns all that is known of the newest generation; None: there is none."""
    return connection.execute(_NEWEST).one_or_none()


def generation(connection: Connection) -> tuple[int, int, bool]:
    """Returns the newest generation: number, own serial, and whether its pages are all written."""
    row = newest(connection)
    return (0, 0, True) if row is None else (row.id, row.last_serial, row.complete)


def listed(connection: Connection, number: int) -> dict[str, int]:
    """Returns how many projects, releases, files and bytes this generation lists."""
    row = connection.execute(once(_counts), {"number": number}).one_or_none()
    return dict(zip(LISTED, row or (0, 0, 0, 0), strict=True))


def _counts() -> Select[Any]:
    counts = (generations.c[name] for name in LISTED)
    return select(*counts).where(generations.c.id == bindparam("number"))


def complete(connection: Connection, number: int) -> None:
    """Record that all pages of this generation have been written."""
    connection.execute(once(_complete), {"number": number})


def _complete() -> Update:
    row = update(generations).where(generations.c.id == bindparam("number"))
    return row.values(complete=True)


def current_files(connection: Connection, names: Iterable[str]) -> dict[str, list[PageFile]]:
    """Returns the files that the newest generation lists, by project."""
    return by_project(rows_among(connection, _current_files, names))


def _current_files() -> Select[Any]:
    return files_where(published.c.last.is_(None))


def old_files(
    connection: Connection, names: Iterable[str], number: int
) -> dict[str, list[PageFile]]:
    """Returns the files that generation ``number`` listed last, by project."""
    return by_project(rows_among(connection, _old_files, names, number=number))


def _old_files() -> Select[Any]:
    return files_where(published.c.last == bindparam("number"))


def files_where(condition: ColumnElement[bool]) -> Select[Any]:
    """Returns a query for files on pages of ``these`` projects, to be read by ``by_project``."""
    columns = [published.c[name] for name in _FILE_COLUMNS]
    return select(published.c.name, *columns).where(among(published.c.name), condition)


def by_project(rows: Iterable[Any]) -> dict[str, list[PageFile]]:
    """Returns the files of such rows."""
    found: dict[str, list[PageFile]] = {}
    for row in rows:
        found.setdefault(row.name, []).append(_page_file(row))
    return found


def _page_file(row: Row[Any]) -> PageFile:
    return PageFile(
        filename=row.filename,
        version=row.version,
        path=row.path,
        sha256=row.sha256,
        size=row.size,
        uploaded=row.uploaded,
        requires_python=row.requires_python,
        yanked=row.yanked,
        metadata_sha256=row.metadata_sha256,
        provenance=row.provenance,
    )


def current_pages(connection: Connection, names: Iterable[str]) -> dict[str, Page]:
    """Returns the pages (without files) that the newest generation has, by project."""
    return {
        row.name: Page(row.name, row.serial, row.status, row.status_reason, ())
        for row in rows_among(connection, _current_pages, names)
    }


def _current_pages() -> Select[Any]:
    return select(pages).where(among(pages.c.name), pages.c.last.is_(None))


def page_serials(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Returns the own serials of those of these projects that the newest generation has."""
    return {row.name: row.serial for row in rows_among(connection, _current_pages, names)}


def index(connection: Connection) -> list[tuple[str, int]]:
    """Returns all projects of the newest generation with their own serials, by name."""
    return [(name, last) for name, last in raw(connection, once(_index))]


def _index() -> Select[str, int]:
    query = select(pages.c.name, pages.c.serial).where(pages.c.last.is_(None))
    return query.order_by(pages.c.name)


def changed_names(connection: Connection, number: int) -> set[str]:
    """Returns the projects whose page generation ``number`` brought, changed or dropped."""
    moves = {"number": number, "before": number - 1}
    return set(connection.scalars(once(_moved), moves))


def _moved() -> CompoundSelect[str]:
    return union(
        *(
            select(table.c.name).where(
                or_(table.c.first == bindparam("number"), table.c.last == bindparam("before"))
            )
            for table in (pages, published)
        )
    )


def publish(
    connection: Connection,
    wanted: Mapping[str, Page | None],
    serial: int,
    now: float,
    repeats: int | None = None,
) -> int:
    """Make a generation in which these projects' pages are as given; None: no page.

    ``serial`` is upstream's. Each page that differs gets a serial of the mirror's own, above all
    that were told before. Returns the generation's number, or 0 if nothing differs from the newest.
    """
    return publish_batches(connection, [wanted], serial, now, repeats)


def publish_batches(
    connection: Connection,
    wanted: Iterable[Mapping[str, Page | None]],
    serial: int,
    now: float,
    repeats: int | None = None,
    number: int = 0,
) -> int:
    """Make a generation as :func:`publish` does, of pages that are not all in memory at once.

    It gets this ``number``, or the next one that is free; with a ``number`` the first generation
    may have no page. A project is in one batch only. Returns the same.
    """
    was = newest(connection)
    before, told = (0, 0) if was is None else (was.id, was.last_serial)
    first = number > 0 and before == 0
    number = max(number, before + 1)
    grows, counts = Counter[str](), Counter[str]()
    for batch in wanted:
        change = _compare(connection, batch)
        if change.entries:
            serials = journal.tell(connection, change.entries, told, now)
            told = max(serials.values())
            last = number - 1
            sql.execute_among(connection, _close_pages, change.old_pages, number=last)
            sql.execute_among(connection, _close_files, change.old_files, number=last)
            new_pages = [replace(page, serial=serials[page.name]) for page in change.new_pages]
            _open(connection, new_pages, change.new_files, number)
            grows.update(change.grows)
            counts.update(change.counts)
    if not counts["pages"] and not first:
        return 0
    lists = {name: getattr(was, name, 0) + grows[name] for name in LISTED}
    row = {
        "id": number, "serial": serial, "last_serial": told, "at": now, "complete": False,
        "repeats": repeats, **lists, **{name: counts[name] for name in DIFFERS},
    }  # fmt: skip
    connection.execute(once(lambda: insert(generations)), row)
    connection.execute(once(_replace), {"number": before, "now": now})
    _mark_listed(connection, number, now, counts)
    return number


def _replace() -> Update:
    row = update(generations).where(generations.c.id == bindparam("number"))
    return row.values(replaced=bindparam("now"))


class _Change(Struct):
    """The rows to write, and how the counts change."""

    entries: list[Entry] = field(default_factory=list)  # of the journal
    old_pages: list[str] = field(default_factory=list)
    new_pages: list[Page] = field(default_factory=list)
    old_files: list[str] = field(default_factory=list)  # filenames
    new_files: list[tuple[str, PageFile]] = field(default_factory=list)
    grows: Counter[str] = field(default_factory=Counter)  # by LISTED
    counts: Counter[str] = field(default_factory=Counter)  # by DIFFERS


def _compare(connection: Connection, wanted: Mapping[str, Page | None]) -> _Change:
    """Compare these pages with those of the newest generation, whose serials do not matter."""
    have_pages = current_pages(connection, wanted)
    have_files = current_files(connection, wanted)
    change = _Change()
    for name, page in sorted(wanted.items()):
        had_page = have_pages.get(name)
        had = {file.filename: file for file in have_files.get(name, ())}
        has = {file.filename: file for file in (page.files if page else ())}
        if _status(page) == _status(had_page) and had == has:
            continue
        was = had_page and replace(had_page, files=tuple(had.values()))
        change.entries += entries(name, was, page)
        change.old_pages += [name] if had_page else []
        change.new_pages += [page] if page else []
        old = [key for key, file in had.items() if has.get(key) != file]
        new = [key for key, file in has.items() if had.get(key) != file]
        change.old_files += old
        change.new_files += [(name, has[key]) for key in new]
        change.counts.update(
            pages=1,
            came=len(has.keys() - had.keys()),
            went=len(had.keys() - has.keys()),
            changed=len(set(old) & set(new)),
        )
        change.grows.update(
            projects=bool(page) - bool(had_page),
            releases=len({f.version for f in has.values()})
            - len({f.version for f in had.values()}),
            files=len(has) - len(had),
            bytes=sum(f.size for f in has.values()) - sum(f.size for f in had.values()),
        )
    return change


def _status(page: Page | None) -> tuple[str, str | None] | None:
    return None if page is None else (page.status, page.status_reason)


def _close_pages() -> Update:
    row = update(pages).where(among(pages.c.name), pages.c.last.is_(None))
    return row.values(last=bindparam("number"))


def _close_files() -> Update:
    row = update(published).where(among(published.c.filename), published.c.last.is_(None))
    return row.values(last=bindparam("number"))


def _open(
    connection: Connection,
    new_pages: Sequence[Page],
    new_files: Sequence[tuple[str, PageFile]],
    number: int,
) -> None:
    count = Ids(connection, pages)
    add(
        connection,
        pages,
        [
            {
                "id": count.next(), "name": page.name, "serial": page.serial,
                "status": page.status, "status_reason": page.status_reason, "first": number,
            }
            for page in new_pages
        ],
    )  # fmt: skip
    count = Ids(connection, published)
    for batch in batches(new_files):
        add(
            connection,
            published,
            [
                {
                    "id": count.next(), "name": name, "first": number,
                    "key": versions.key_of(file.version),
                    **{column: getattr(file, column) for column in _FILE_COLUMNS},
                }
                for name, file in batch
            ],
        )  # fmt: skip


def _mark_listed(
    connection: Connection, number: int, now: float, counts: Mapping[str, int]
) -> None:
    """Note which stored files came onto the pages with this generation, and which left them."""
    left, came = once(_marks)
    marks = (left, "went", number - 1, now), (came, "came", number, None)
    for row, count, which, since in marks:
        if not counts[count] + counts["changed"]:
            continue
        for end in ("", METADATA):  # the paths of a large mirror would fill the memory
            connection.execute(row, {"number": which, "end": end, "since": since})


def _marks() -> tuple[Update, Update]:
    """Returns what marks files that a generation listed last, and that it lists first."""
    p, here = published.c, published.alias("here").c
    listed = exists().where(here.path == p.path, here.last.is_(None))
    number: BindParameter[int] = bindparam("number")
    end: BindParameter[str] = bindparam("end", type_=Text())
    left, came = (
        update(stored)
        .where(stored.c.path.in_(select(p.path + end).where(which)))
        .values(unlisted=bindparam("since"))
        for which in (and_(p.last == number, ~listed), and_(p.first == number, p.last.is_(None)))
    )
    return left, came


def sizes(connection: Connection) -> dict[str, int]:
    """Returns how many projects, releases, files and bytes the newest generation lists."""
    p = published.c
    now_listed = p.last.is_(None)
    row = connection.execute(
        select(func.count(), func.coalesce(func.sum(p.size), 0)).where(now_listed)
    ).one()
    versions = select(p.name, p.version).where(now_listed).distinct().subquery()
    return {
        "projects": connection.scalar(
            select(func.count()).select_from(pages).where(pages.c.last.is_(None))
        ) or 0,
        "releases": connection.scalar(select(func.count()).select_from(versions)) or 0,
        "files": row[0],
        "bytes": int(row[1]),
        "known_projects": connection.scalar(select(func.count()).select_from(projects)) or 0,
        "known_releases": connection.scalar(select(func.count()).select_from(releases)) or 0,
    }  # fmt: skip
