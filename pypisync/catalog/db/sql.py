"""Small common ground of the catalog's modules: masks as text, ids, and batches."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from itertools import chain, islice
from types import CodeType
from typing import Any, TypeVar

from sqlalchemy import (
    BinaryExpression,
    BindParameter,
    Boolean,
    ColumnElement,
    Connection,
    Delete,
    Executable,
    Select,
    Table,
    Text,
    Update,
    bindparam,
    delete,
    func,
    select,
    true,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import Grouping
from sqlalchemy.sql.operators import custom_op

T = TypeVar("T")

# Well below the limit of bound parameters of both databases (32,766 and 65,535).
BATCH = 5_000
# Rows written at a time.
_POURED = 20_000
# Values in a statement that inserts many rows: a row of its own costs SQLite twice as much.
_VALUES = 1_000
# Of fewer such statements the first, which has to be compiled, would cost more than it saves.
_FEW = 4
# KiB of pages in memory while very much is written.
_CACHE = 262_144
# Different masks that are remembered.
_MASKS = 10_000
_IN = custom_op[bool]("IN", is_comparison=True)
_BOOLEAN, _TEXT = Boolean(), Text()
_THESE = bindparam("these", type_=_TEXT)
# Statements by the place that makes them: with its code, so that no other gets its id.
_BUILT: dict[int, tuple[CodeType, Any]] = {}


def to_text(mask: int) -> str:
    """Returns a mask as the catalog stores it."""
    return f"{mask:x}"


def to_mask(text: str) -> int:
    """Returns a mask as the core uses it."""
    return int(text, 16)


class _KnownMasks(dict[str, int]):
    """Masks by their text: few different ones stand in millions of rows."""

    def __missing__(self, text: str) -> int:
        if len(self) > _MASKS:
            self.clear()
        self[text] = mask = int(text, 16)
        return mask


MASKS = _KnownMasks()


def raw(
    connection: Connection, query: Executable, parameters: dict[str, Any] | None = None
) -> Sequence[Any]:
    """Returns a query's rows as the driver's plain tuples, at half the price of rows."""
    with connection.execute(query, parameters) as result:
        return result.cursor.fetchall() if result.cursor is not None else ()


def batches(values: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Yields ``values`` in lists short enough for one statement, in their order."""
    left = iter(values)
    while batch := list(islice(left, size)):
        yield batch


class _JsonArray(Grouping[Any]):
    """The values of a JSON array as a list to compare with."""

    inherit_cache = True


@compiles(_JsonArray, "sqlite")
def _on_sqlite(element: _JsonArray, compiler: Any, **options: Any) -> str:
    values = compiler.process(element.element, **options)
    return f"(SELECT value FROM json_each({values}))"  # noqa: S608 - bound values


@compiles(_JsonArray, "postgresql")
def _on_postgresql(element: _JsonArray, compiler: Any, **options: Any) -> str:
    values = compiler.process(element.element, **options)
    kind = compiler.dialect.type_compiler_instance.process(element.type)
    listed = f"json_array_elements_text(CAST({values} AS JSON)) AS listed"
    return f"(SELECT CAST(listed AS {kind}) FROM {listed})"  # noqa: S608 - bound values


def once(build: Callable[[], T]) -> T:
    """Returns the statement that ``build`` makes, made when its place in the code is met first.

    Building one takes longer than asking a small database, and a cycle asks hundreds. ``build``
    takes nothing from around it; values go as parameters.
    """
    code = build.__code__
    known = _BUILT.get(id(code))
    if known is None:
        assert build.__closure__ is None, "what changes must be a parameter"  # noqa: S101 - no input gets here
        known = _BUILT[id(code)] = code, build()
    return known[1]


def as_list(values: Sequence[Any]) -> str:
    """Returns values as the parameter that ``among(column, parameter)`` takes."""
    return json.dumps(values)


def among(
    column: ColumnElement[Any], values: Sequence[Any] | BindParameter[str] | None = None
) -> ColumnElement[bool]:
    """Returns the condition that a column has one of many values; None: of ``these``.

    They go as one parameter: a statement with thousands of them costs more to build than to run.
    The condition is put together by hand: a cycle has hundreds of them, and the operators of
    columns take three times as long.
    """
    if values is None:
        values = _THESE
    elif not isinstance(values, BindParameter):
        values = bindparam(None, as_list(values), _TEXT, unique=True)
    listed = _JsonArray(values)
    listed.type = column.type
    return BinaryExpression(column, listed, _IN, type_=_BOOLEAN)


def these(values: Sequence[Any], **others: object) -> dict[str, Any]:
    """Returns the parameters of a statement with ``among(column)``, with ``others`` that it has."""
    return {_THESE.key: as_list(values), **others}


def rows_among(
    connection: Connection, build: Callable[[], Executable], values: Iterable[Any], **others: object
) -> Iterator[Any]:
    """Yields the rows of a query with ``among(column)``, asked in batches of these values.

    ``build`` is as for ``once``, ``others`` are its other parameters.
    """
    query = once(build)
    for batch in batches(values):
        yield from connection.execute(query, these(batch, **others))


def tuples_among(
    connection: Connection, build: Callable[[], Executable], values: Iterable[Any]
) -> Iterator[Any]:
    """Yields the same as ``rows_among``, as the driver's plain tuples."""
    query = once(build)
    for batch in batches(values):
        yield from raw(connection, query, these(batch))


def execute_among(
    connection: Connection, build: Callable[[], Executable], values: Iterable[Any], **others: object
) -> None:
    """Carry out a change ``among(column)``, in batches of these values, as for ``rows_among``."""
    statement = once(build)
    for batch in batches(values):
        connection.execute(statement, these(batch, **others))


def delete_among(connection: Connection, column: ColumnElement[Any], values: Iterable[Any]) -> None:
    """Delete the rows in which a column of a table has one of these values."""
    for batch in batches(values):
        connection.execute(_deletion(column), these(batch))


@cache
def _deletion(column: Any) -> Delete:
    return delete(column.table).where(among(column))


def update_among(
    connection: Connection, column: ColumnElement[Any], values: Iterable[Any], **new: object
) -> None:
    """Give columns ``new`` values, in the rows in which ``column`` has one of these values."""
    statement = _changed(column, tuple(new))
    parameters = {f"new_{name}": value for name, value in new.items()}
    for batch in batches(values):
        connection.execute(statement, these(batch, **parameters))


@cache
def _changed(column: Any, names: tuple[str, ...]) -> Update:
    new: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    return update(column.table).where(among(column)).values(new)


def is_set(flag: ColumnElement[bool]) -> ColumnElement[bool]:
    """Returns the condition that a flag is set, in the form for which SQLite looks into its index.

    The bare column would be a walk through all of it, in every cycle.
    """
    return flag == true()


def add(connection: Connection, table: Table, rows: Collection[dict[str, Any]]) -> None:
    """Insert rows that all have the same keys."""
    if rows:
        pour(connection, table, tuple(next(iter(rows))), (tuple(row.values()) for row in rows))


def pour(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Iterable[tuple[object, ...]],
) -> None:
    """Insert rows as they come.

    Straight through the driver: the rows are checked by their types, and there may be millions.
    So what the driver raises for a row is its own error.
    """
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(name) for name in columns)
    into = f"{quote(table.name)} ({names})"
    if connection.dialect.name == "postgresql":
        _copy(connection, into, rows)
        return
    row = f"({', '.join('?' * len(columns))})"
    statement = f"INSERT INTO {into} VALUES "  # noqa: S608 - names of ours
    many = max(_VALUES // len(columns), 1)
    together = statement + ", ".join([row] * many)
    for batch in batches(rows, _POURED):
        joined = len(batch) // many * many if len(batch) >= _FEW * many else 0
        if joined:
            values = (chain.from_iterable(batch[at : at + many]) for at in range(0, joined, many))
            connection.exec_driver_sql(together, [tuple(some) for some in values])
        if joined < len(batch):
            connection.exec_driver_sql(statement + row, batch[joined:])


def _copy(connection: Connection, into: str, rows: Iterable[tuple[object, ...]]) -> None:
    """PostgreSQL's way for many rows: a tenth of what an INSERT for each costs."""
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


@contextmanager
def in_bulk(connection: Connection, *tables: Table) -> Iterator[None]:
    """Returns a context for many inserts: with a large cache, and the indexes built at its end.

    On SQLite only, where readers do not notice; elsewhere they would have to wait for the indexes.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    indexes = [index for table in tables for index in table.indexes]
    usual = connection.exec_driver_sql("PRAGMA cache_size").scalar()
    # Every row's references are looked up, all over the tables.
    connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE}")
    try:
        for index in indexes:
            index.drop(connection)
        yield
    finally:
        # The connection outlives the transaction, and its cache is no part of that.
        connection.exec_driver_sql(f"PRAGMA cache_size = {usual}")
    for index in indexes:
        index.create(connection)


class Ids:
    """Counts the ids of a table. There is one writer, so nobody else takes them."""

    def __init__(self, connection: Connection, table: Table) -> None:
        self._connection = connection
        self._table = table
        self._last: int | None = None  # asked for when an id is needed: often none is

    def next(self) -> int:
        """Returns an id that no row has."""
        if self._last is None:
            self._last = self._connection.scalar(_highest(self._table)) or 0
        self._last += 1
        return self._last


@cache
def _highest(table: Table) -> Select[int]:
    """Returns the query for the highest id: building it takes longer than asking it."""
    return select(func.max(table.c.id))


@lru_cache(maxsize=10_000)
def words(text: str) -> tuple[str, ...]:
    """Returns extras as stored, one after the other."""
    return tuple(text.split(",")) if text else ()
