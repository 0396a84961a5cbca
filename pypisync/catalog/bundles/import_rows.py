"""How rows and pages of a bundle become those of this mirror.

All of it is one transaction. The rows of a slice replace those that are there. Rows of one slice
refer to rows of others, so references are checked at the end, when all are in.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import msgspec
from msgspec import Raw, Struct
from sqlalchemy import (
    Boolean,
    Connection,
    ForeignKeyConstraint,
    Table,
    bindparam,
    delete,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.schema import AddConstraint, DropConstraint

from pypisync.catalog.bundles import row_rules
from pypisync.catalog.bundles.listing import PAGES, Head, Line, slice_of
from pypisync.catalog.bundles.slices import SHIFT, TABLES, columns, sliced
from pypisync.catalog.db.schema import pages, stored
from pypisync.catalog.db.sql import pour
from pypisync.catalog.db.transactions import Catalog, Transaction
from pypisync.catalog.proofs import history
from pypisync.catalog.publication import generations
from pypisync.core.bundles import manifest
from pypisync.core.publish.pages import Page
from pypisync.core.standards.wheel_contents import RULE
from pypisync.errors import BundleError, Rejected

_MOST = 5_000  # rows in memory before they are written
_CACHE = 16_384  # KiB of SQLite's pages in memory: more of them are not faster
_NAMED = {table.name: table for table in TABLES}
_CONTRADICTS = "the rows contradict each other: it was not written by a PypiSync"


class Columns(Struct, frozen=True, forbid_unknown_fields=True):
    """The first line: the columns of each table, in the order of the rows' values."""

    columns: dict[str, list[str]]


class Slice(Struct, frozen=True, forbid_unknown_fields=True):
    """One of the others: the rows that are in a slice now."""

    table: str
    slice: int
    rows: Raw


def columns_line() -> bytes:
    """Returns the first line of the rows."""
    names = {str(table.name): [str(column.name) for column in columns(table)] for table in TABLES}
    return msgspec.json.encode(Columns(names)) + b"\n"


def slice_line(table: str, number: int, rows: bytes) -> bytes:
    """Returns the line of a slice whose rows are JSON already."""
    return b'{"table":"%b","slice":%d,"rows":%b}\n' % (table.encode(), number, rows)


@contextmanager
def begin(catalog: Catalog) -> Iterator[Transaction]:
    """Returns a transaction in which references lead nowhere until :func:`refer` is called.

    Raises BundleError if the database refuses what is written, CatalogError.
    """
    driver: Any = catalog.engine.dialect.loaded_dbapi
    try:
        with catalog.begin(loose=True) as connection:
            if connection.dialect.name != "sqlite":
                for one in _references():
                    connection.execute(DropConstraint(one))
            yield connection
    # Rows go straight through the driver; sqlite3 raises OverflowError beyond 64 bits.
    except (Rejected, OverflowError, driver.DataError, driver.IntegrityError) as error:
        raise BundleError(f"{_CONTRADICTS} ({error})") from None


@contextmanager
def in_little_memory(catalog: Catalog) -> Iterator[None]:
    """Returns a context in which SQLite has few pages in memory. Raises CatalogError."""
    if catalog.engine.dialect.name != "sqlite":
        yield
        return
    with catalog.begin() as connection:
        usual = connection.exec_driver_sql("PRAGMA cache_size").scalar()
        connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE}")
    try:
        yield
    finally:  # the connection goes on
        with catalog.begin() as connection:
            connection.exec_driver_sql(f"PRAGMA cache_size = {usual}")


def refer(connection: Transaction) -> None:
    """Check that every reference leads to a row. Raises BundleError."""
    if connection.dialect.name != "sqlite":
        for one in _references():
            # Else a database that this process creates later would lack it.
            connection.execute(AddConstraint(one, isolate_from_table=False))
    elif lost := connection.execute(text("PRAGMA foreign_key_check")).first():
        raise BundleError(f"{_CONTRADICTS} (a row of {lost[0]} refers to none of {lost[2]})")


def _references() -> list[ForeignKeyConstraint]:
    return [
        one
        for table in TABLES
        for one in sorted(table.foreign_key_constraints, key=lambda found: str(found.name))
    ]


# -- rows -----------------------------------------------------------------------------------


def replace_rows(connection: Connection, lines: Iterable[bytes], what: str, *, whole: bool) -> None:
    """Replace the rows of the slices; ``whole``: there are no others.

    Raises BundleError, about ``what``, if a line is not as the format wants it.
    """
    if whole:
        for table in reversed(TABLES):
            connection.execute(delete(table))
    waiting: dict[str, list[tuple[Any, ...]]] = {}
    going: dict[str, list[int]] = {}
    count = 0
    for one in _read(lines, what):
        table = _NAMED[one.table]
        rows = _values(connection, table, one, what)
        waiting.setdefault(one.table, []).extend(rows)
        if not whole:
            going.setdefault(one.table, []).append(one.slice)
        count += len(rows)
        if count >= _MOST:
            _clear(connection, going)
            _write(connection, waiting)
            count = 0
    _clear(connection, going)
    _write(connection, waiting)


def _read(lines: Iterable[bytes], what: str) -> Iterator[Slice]:
    kind: type[Columns] | type[Slice] = Columns
    for line in lines:
        value: Columns | Slice = manifest.read(line, kind, what)
        if isinstance(value, Slice):
            if value.table not in _NAMED:
                raise BundleError(f"{what}: rows of a table that does not go along")
            yield value
        elif msgspec.json.encode(value) + b"\n" != columns_line():
            raise BundleError(f"{what}: its tables have other columns than those here")
        kind = Slice
    if kind is Columns:
        raise BundleError(f"{what}: it is empty")


def _clear(connection: Connection, going: dict[str, list[int]]) -> None:
    """Delete the rows of slices."""
    for table in reversed(TABLES):
        numbers = going.pop(table.name, None)
        key = sliced(table)
        if numbers is None:
            continue
        if key is None:
            connection.execute(delete(table))
            continue
        within = key >= bindparam("least"), key < bindparam("beyond")
        ends = [{"least": one << SHIFT, "beyond": (one + 1) << SHIFT} for one in numbers]
        connection.execute(delete(table).where(*within), ends)


def _values(connection: Connection, table: Table, one: Slice, what: str) -> list[tuple[Any, ...]]:
    """Returns the rows of a slice as the driver takes them.

    Raises BundleError, about ``what``, if one of them is none of the table's.
    """
    kind = row_rules.kind_of(table)
    rows: list[tuple[Any, ...]] = manifest.read(one.rows, kind, f"{what}: rows of {table.name}")
    key = sliced(table)
    if key is not None:
        place = columns(table).index(key)
        if {row[place] >> SHIFT for row in rows} - {one.slice}:
            raise BundleError(f"{what}: a row of {table.name} in the wrong slice")
    fault = row_rules.fault(table, rows)
    if fault:
        raise BundleError(f"{what}: {fault}")
    flags = [isinstance(column.type, Boolean) for column in columns(table)]
    if connection.dialect.name == "sqlite" or not any(flags):
        return rows
    return [
        tuple(bool(value) if flag else value for value, flag in zip(row, flags, strict=True))
        for row in rows
    ]


def _write(connection: Connection, waiting: dict[str, list[tuple[Any, ...]]]) -> None:
    for table in TABLES:
        if rows := waiting.pop(table.name, None):
            pour(connection, table, [column.name for column in columns(table)], rows)


# -- pages ----------------------------------------------------------------------------------


def publish(
    connection: Connection,
    found: Iterator[Head | Line],
    serial: int,
    now: float,
    number: int,
    *,
    whole: bool,
) -> int:
    """Make a generation of the pages and verdicts of a bundle, with this number if it is free.

    ``whole``: there are no other pages. Returns the number; 0 if no page differs from those that
    are listed. Raises BundleError.
    """
    head = next(found)
    if not isinstance(head, Head) or head.whole is not whole:
        raise BundleError("its list of pages is whole, or not, against what its manifest says")
    _set_stops(connection, head.stops)
    had: dict[int, list[str]] = {}
    for subject in history.current_subjects(connection):
        had.setdefault(slice_of(subject), []).append(subject)
    behind: list[Line] = []
    batches = _batches(connection, found, behind, whole=whole)
    made = generations.publish_batches(connection, batches, serial, now, number=number)
    newest = made or generations.generation(connection)[0] or 1
    for verdicts in _verdicts(chain(behind, found), had):
        history.set_current(connection, newest, verdicts)
    if whole:
        history.set_current(connection, newest, dict.fromkeys(chain(*had.values()), ()))
    return made


def _verdicts(
    found: Iterator[Head | Line], had: dict[int, list[str]]
) -> Iterator[dict[str, Sequence[history.Said]]]:
    """Yields verdicts, none for what is no more; takes their slices out of ``had``.

    All in memory at once would be as much as the mirror is large. Raises BundleError.
    """
    verdicts: dict[str, Sequence[history.Said]] = {}
    count = 0
    for line in found:
        if isinstance(line, Head) or line.slice is None:
            raise BundleError("its list of pages has a page behind the verdicts")
        verdicts.update(dict.fromkeys(had.pop(line.slice, ()), ()))
        for subject, said in line.verdicts.items():
            verdicts[subject] = [(v.targets, v.verdict, v.pins) for v in said]
            count += sum(len(v.pins) for v in said)
        if count >= _MOST:
            yield verdicts
            verdicts, count = {}, 0
    yield verdicts


def _set_stops(connection: Connection, stops: Iterable[tuple[str, str, str]]) -> None:
    """Record what was found in wheels where they came from, so that nobody looks again."""
    s = stored.c
    sound = {"looked": RULE, "stops_pip": "", "stops_uv": ""}
    had = or_(s.looked.is_(None), s.stops_pip != "", s.stops_uv != "")
    connection.execute(update(stored).where(had).values(sound))
    for path, pip, uv in stops:
        connection.execute(update(stored).where(s.path == path).values(stops_pip=pip, stops_uv=uv))


def _batches(
    connection: Connection, found: Iterator[Head | Line], behind: list[Line], *, whole: bool
) -> Iterator[Mapping[str, Page | None]]:
    """Yields the pages, and puts the line behind them, if there is one, into ``behind``."""
    going: set[str] = set()
    if whole:
        going.update(connection.scalars(select(pages.c.name).where(pages.c.last.is_(None))))
    batch: dict[str, Page | None] = {}
    for line in found:
        if isinstance(line, Head):
            continue
        if line.slice is not None:
            behind.append(line)
            break
        name = line.page.name if line.page else line.gone
        batch[name] = line.page
        going.discard(name)
        if len(batch) >= PAGES:
            yield batch
            batch = {}
    yield batch
    yield dict.fromkeys(going)
