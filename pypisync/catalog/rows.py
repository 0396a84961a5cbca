"""Small common ground of the catalog's modules: masks as text, ids, and batches."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, Text, bindparam, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

T = TypeVar("T")

# Well below the limit of bound parameters of both databases (32,766 and 65,535).
BATCH = 5_000


def to_text(mask: int) -> str:
    """A mask as the catalog stores it."""
    return f"{mask:x}"


def to_mask(text: str) -> int:
    """A mask as the core uses it."""
    return int(text, 16)


def batches(values: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """``values`` in lists short enough for one statement, in their order."""
    batch: list[T] = []
    for value in values:
        batch.append(value)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


class _Listed(FunctionElement[Any]):
    """The values of a JSON array as a list to compare with."""

    inherit_cache = True


@compiles(_Listed, "sqlite")
def _on_sqlite(element: _Listed, compiler: Any, **options: Any) -> str:
    values = compiler.process(element.clauses, **options)
    return f"(SELECT value FROM json_each({values}))"  # noqa: S608


@compiles(_Listed, "postgresql")
def _on_postgresql(element: _Listed, compiler: Any, **options: Any) -> str:
    values = compiler.process(element.clauses, **options)
    kind = compiler.dialect.type_compiler_instance.process(element.type)
    listed = f"json_array_elements_text(CAST({values} AS JSON)) AS listed"
    return f"(SELECT CAST(listed AS {kind}) FROM {listed})"  # noqa: S608


def among(column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """The condition that a column has one of many values.

    They go as one parameter: a statement with thousands of them costs more to build than to run.
    """
    listed = _Listed(bindparam(None, json.dumps(values), Text, unique=True))
    listed.type = column.type
    return column.bool_op("IN")(listed)


def add(connection: Connection, table: Table, rows: Collection[dict[str, Any]]) -> None:
    """Insert rows that all have the same keys.

    Straight through the driver: the rows are checked by their types, and there may be millions.
    """
    if not rows:
        return
    first = next(iter(rows))
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in first)
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    marks = ", ".join([mark] * len(first))
    statement = f"INSERT INTO {quote(table.name)} ({columns}) VALUES ({marks})"  # noqa: S608
    connection.exec_driver_sql(statement, [tuple(row.values()) for row in rows])


class Ids:
    """Counts the ids of a table. There is one writer, so nobody else takes them."""

    def __init__(self, connection: Connection, table: Table) -> None:
        self._last: int = connection.scalar(select(func.max(table.c.id))) or 0

    def next(self) -> int:
        """An id that no row has."""
        self._last += 1
        return self._last


def words(text: str) -> tuple[str, ...]:
    """Extras as stored, one after the other."""
    return tuple(text.split(",")) if text else ()
