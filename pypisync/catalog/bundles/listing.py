"""What differs between a generation and the newest: pages, verdicts and files.

Lines of JSON carry it. The first says whether they are all there is or what differs; each of the
others is a page, the name of one that went, or the verdicts on a subject.
"""

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple, get_args

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select

from pypisync.catalog.bundles.row_rules import (
    is_filename,
    is_name,
    is_path,
    is_sha256,
)
from pypisync.catalog.bundles.slices import stream
from pypisync.catalog.db import pool
from pypisync.catalog.db.schema import generations, pages, published, stored
from pypisync.catalog.db.sql import among, batches
from pypisync.catalog.proofs import history
from pypisync.catalog.publication.generations import current_files, current_pages, listed
from pypisync.core.bundles import manifest
from pypisync.core.bundles.manifest import Member
from pypisync.core.publish.pages import Page, is_time
from pypisync.core.standards import versions
from pypisync.core.standards.filenames import METADATA
from pypisync.core.standards.model import Status
from pypisync.errors import BundleError

PAGES = 500  # in memory at a time
_VERDICTS = 500  # in memory, with up to some hundred pins each


class Head(Struct, frozen=True, forbid_unknown_fields=True):
    """The first line: whether what follows is everything; which wheels stop pip or uv."""

    whole: bool
    stops: list[tuple[str, str, str]]  # path, what in it stops pip, what uv


class Verdict(Struct, frozen=True, forbid_unknown_fields=True):
    """A verdict, with the pins as name, version, extras and who chose them."""

    targets: str
    verdict: str
    pins: list[tuple[str, str, str, str]]


class Line(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of the others; exactly one of page, gone and slice is given."""

    page: Page | None = None
    gone: str = ""
    slice: int | None = None  # of subjects, by their names
    verdicts: dict[str, list[Verdict]] = {}  # on all subjects of the slice


class Newest(NamedTuple):
    """The newest generation."""

    number: int
    serial: int
    listed: dict[str, int]


def newest(connection: Connection) -> Newest:
    """Returns the newest generation. Raises BundleError if none is published completely."""
    g = generations.c
    row = connection.execute(select(generations).order_by(g.id.desc()).limit(1)).one_or_none()
    if row is None:
        raise BundleError("nothing is published yet: nothing can be exported")
    if not row.complete:
        raise BundleError(f"generation {row.id} is being written: try again when it is")
    return Newest(row.id, row.serial, listed(connection, row.id))


def is_kept(connection: Connection, number: int) -> bool:
    """Returns whether this generation is still there, and so what went since is known."""
    query = select(generations.c.id).where(generations.c.id == number)
    return connection.scalar(query) is not None


def lines(connection: Connection, since: int | None) -> Iterator[bytes]:
    """Yields what is listed now and was not in generation ``since``; None: all that is listed."""
    yield _line(Head(since is None, _stops(connection)))
    for batch in batches(sorted(_names(connection, since)), PAGES):
        have = current_pages(connection, batch)
        lists = current_files(connection, batch)
        for name in batch:
            if name in have:
                files = sorted(lists.get(name, ()), key=lambda file: file.filename)
                page = have[name]
                full = Page(page.name, 0, page.status, page.status_reason, tuple(files))
                yield _line(Line(page=full))
            else:
                yield _line(Line(gone=name))


def verdicts(connection: Connection) -> Iterator[tuple[int, bytes]]:
    """Yields all slices of the verdicts: the number, and the line.

    The numbers of the verdicts are in memory, and a few hundred of them with their pins.
    """
    ids: dict[int, array[int]] = {}
    for one, text in stream(connection, history.current_ids()):
        ids.setdefault(slice_of(text), array("q")).append(one)
    for numbers in _together(ids):
        found: dict[int, dict[str, list[Verdict]]] = {}
        these = [one for number in numbers for one in ids.pop(number)]
        for text, said in sorted(history.current(connection, these).items()):
            found.setdefault(slice_of(text), {})[text] = [Verdict(*one) for one in said]
        for number in numbers:
            yield number, verdict_line(number, found[number])


def _together(ids: Mapping[int, Sequence[int]]) -> Iterator[list[int]]:
    """Yields slices, in their order, that are read by one question: for small ones that is less."""
    numbers, size = list[int](), 0
    for number in sorted(ids):
        if numbers and size + len(ids[number]) > _VERDICTS:
            yield numbers
            numbers, size = [], 0
        numbers.append(number)
        size += len(ids[number])
    if numbers:
        yield numbers


def verdict_line(number: int, said: dict[str, list[Verdict]]) -> bytes:
    """Returns the line of a slice of the verdicts."""
    return _line(Line(slice=number, verdicts=said))


def slice_of(subject: str) -> int:
    """Returns the slice that a subject is in, of 256."""
    return sha256(subject.encode()).digest()[0]


def _stops(connection: Connection) -> list[tuple[str, str, str]]:
    s, p = stored.c, published.c
    listed = exists().where(p.path == s.path, p.last.is_(None))
    query = select(s.path, s.stops_pip, s.stops_uv).where(
        or_(s.stops_pip != "", s.stops_uv != ""), listed
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query.order_by(s.path))]


def _line(value: Struct) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _names(connection: Connection, since: int | None) -> set[str]:
    """Returns the projects whose pages may differ."""
    if since is None:
        return set(connection.scalars(select(pages.c.name).where(pages.c.last.is_(None))))
    names: set[str] = set()
    for table in (pages, published):
        c = table.c
        moved = or_(and_(c.last.is_(None), c.first > since), c.last >= since)
        names.update(connection.scalars(select(c.name).where(moved).distinct()))
    return names


def files(connection: Connection, since: int | None) -> Iterator[Member]:
    """Yields the files, each followed by its .metadata, that are listed now and were not then.

    Raises BundleError for a file that is not stored.
    """
    p = published.c
    query = select(p.path, p.sha256, p.size, p.metadata_sha256).where(*new_files(since)).distinct()
    for batch in batches(stream(connection, query.order_by(p.path, p.metadata_sha256)), 2_000):
        yield from _stored(connection, batch)


def expected(connection: Connection) -> Iterator[Member]:
    """Yields the listed files that are on record as stored, each followed by its .metadata."""
    p, s = published.c, stored.c
    query = select(s.path, s.size, s.sha256).where(p.last.is_(None), s.sha256 != "").distinct()
    for end in ("", METADATA):
        for row in stream(connection, query.where(s.path == p.path + end)):
            yield Member(*row)


def lost_files(connection: Connection, paths: Sequence[str]) -> Iterator[Member]:
    """Yields those of the paths that are listed or beside a listed file. Raises BundleError."""
    p = published.c
    for batch in batches(sorted({path.removesuffix(METADATA) for path in paths}), 2_000):
        query = select(p.path, p.sha256, p.size, p.metadata_sha256).where(
            among(p.path, batch), p.last.is_(None)
        )
        yield from _stored(connection, [tuple(row) for row in connection.execute(query)])


def new_files(since: int | None) -> list[ColumnElement[bool]]:
    """Returns the conditions that a published file is listed now and was not in ``since``."""
    p = published.c
    now: list[ColumnElement[bool]] = [p.last.is_(None)]
    if since is not None:
        old = published.alias("old").c
        before = select(old.id).where(
            old.path == p.path,
            old.sha256 == p.sha256,
            old.metadata_sha256.is_not_distinct_from(p.metadata_sha256),
            old.first <= since,
            or_(old.last.is_(None), old.last >= since),
        )
        now += [p.first > since, ~before.exists()]
    return now


def _stored(
    connection: Connection, batch: Collection[tuple[str, str, int, str | None]]
) -> Iterator[Member]:
    wanted: dict[str, str] = {}
    for path, digest, _, metadata in batch:
        wanted[path] = digest
        if metadata:
            wanted[path + METADATA] = metadata
    there = pool.stored_among(connection, wanted)
    for path, digest in wanted.items():
        has = there.get(path)
        if has is None or has.sha256 != digest:
            raise BundleError(
                f'{path}: listed and not stored: run "pypisync verify --repair" before the export'
            )
        yield Member(path, has.size, has.sha256)


def read(found: Iterable[bytes], what: str) -> Iterator[Head | Line]:
    """Yields what the lines say. Raises BundleError, about ``what``, where they say nothing."""
    kind: type[Head] | type[Line] = Head
    for line in found:
        value: Head | Line = manifest.read(line, kind, what)
        if isinstance(value, Line):
            said = (value.page is not None) + bool(value.gone) + (value.slice is not None)
            if said != 1:
                raise BundleError(f"{what}: a line that says {said} things instead of one")
            if value.page is not None:
                _check(value.page, what)
            if value.slice is not None and set(map(slice_of, value.verdicts)) - {value.slice}:
                raise BundleError(f"{what}: a verdict in the wrong slice")
        yield value
        kind = Line
    if kind is Head:
        raise BundleError(f"{what}: it is empty")


def _check(page: Page, what: str) -> None:
    """Raise BundleError for a page that no mirror has; whether its files are there shows later."""
    if not is_name(page.name):
        raise BundleError(f"{what}: {page.name!r} is not a normalised project name")
    if page.status not in get_args(Status):
        raise BundleError(f"{what}: {page.name} has a status that PEP 792 does not know")
    for file in page.files:
        if file.path.rpartition("/")[2] != file.filename or versions.parse(file.version) is None:
            raise BundleError(f"{what}: {file.filename!r} is no file of {page.name}")
        if file.size < 0 or not is_sha256(file.sha256):
            raise BundleError(f"{what}: {file.filename!r} has no size or no SHA-256")
        if not (is_filename(file.filename) and is_path(file.path)):
            raise BundleError(f"{what}: {file.path!r} is no path of a file")
        if file.metadata_sha256 is not None and not is_sha256(file.metadata_sha256):
            raise BundleError(f"{what}: the .metadata of {file.filename!r} has no SHA-256")
        if file.uploaded is not None and not is_time(file.uploaded):
            raise BundleError(f"{what}: {file.filename!r} has no time of its upload")
