"""Small common ground of the catalog's modules: masks as text, ids, and batches."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, func, insert, select

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


def add(connection: Connection, table: Table, rows: Collection[dict[str, Any]]) -> None:
    """Insert rows that all have the same keys."""
    if rows:
        connection.execute(insert(table), list(rows))


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
