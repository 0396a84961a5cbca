"""The tables that go along in bundles, in slices with digests.

A slice is the rows of a table whose first key is in one range of 64 numbers. Two mirrors with the
same rows have the same digests, so the difference of two states is the slices whose digests
differ. What only the process that syncs needs (marks, validators, times of asking) stays behind,
and so does the history, which each mirror keeps by itself.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Table,
    and_,
    cast,
    or_,
    select,
)

from pypisync.catalog.db import schema, schema_proofs, schema_quarantine, schema_vulnerabilities
from pypisync.catalog.db.schema import pages, published

Digests = dict[str, dict[int, str]]  # by table and slice

SHIFT = 6  # 64 keys in a slice
_FETCH = 5_000  # rows at a time

# Parents before children.
TABLES: tuple[Table, ...] = (
    schema.projects,
    schema.releases,
    schema.files,
    schema.skipped,
    schema.requirements,
    schema.roots,
    schema.locked,
    schema.root_choices,
    schema.classes,
    schema.choices,
    schema.selected,
    schema.edges,
    schema.held,
    schema_proofs.subjects,
    schema_proofs.proofs,
    schema_proofs.proof_pins,
    schema_proofs.proof_tried,
    schema_proofs.proof_projects,
    schema_vulnerabilities.vulnerabilities,
    schema_quarantine.quarantines,
    schema_quarantine.quarantined,
)
_LEFT = {
    "projects": {"etag", "modified", "digest", "anew", "undecided", "unpublished", "unproven"},
    "releases": {"undecided", "examined", "unexamined"},
}
_HISTORY = {"id", "first", "last", "serial"}


def columns(table: Table) -> list[Column[Any]]:
    """Returns the columns that go along."""
    left = _LEFT.get(table.name, set())
    return [column for column in table.columns if column.name not in left]


def sliced(table: Table) -> Column[int] | None:
    """Returns the column whose numbers are cut into slices; None: the table is one slice."""
    key = next(iter(table.primary_key.columns))
    return key if isinstance(key.type, Integer) else None


def rows(connection: Connection) -> Iterator[tuple[str, int, bytes]]:
    """Yields all slices: table, number and the rows as JSON, tables in their order."""
    for table in TABLES:
        key = sliced(table)
        query = select(*map(_plain(connection), columns(table))).order_by(*table.primary_key)
        place = 0 if key is None else columns(table).index(key)
        number, slice_rows = 0, list[Any]()
        for row in stream(connection, query):
            here = 0 if key is None else row[place] >> SHIFT
            if here != number and slice_rows:
                yield table.name, number, msgspec.json.encode(slice_rows)
                slice_rows = []
            number = here
            slice_rows.append(row)
        if slice_rows:
            yield table.name, number, msgspec.json.encode(slice_rows)


def listed(connection: Connection, number: int | None = None) -> str:
    """Returns the digest of what a generation lists; None: the newest."""
    found = sha256()
    for table, order in ((pages, ("name",)), (published, ("name", "filename"))):
        wanted = [column for column in table.columns if column.name not in _HISTORY]
        there: ColumnElement[bool] = table.c.last.is_(None)
        if number is not None:
            there = and_(table.c.first <= number, or_(there, table.c.last >= number))
        query = select(*wanted).where(there)
        for row in stream(connection, query.order_by(*(table.c[name] for name in order))):
            found.update(msgspec.json.encode(row))
    return found.hexdigest()


def digest(data: bytes) -> str:
    """Returns the digest of a slice: half a SHA-256, in hex."""
    return sha256(data).hexdigest()[:32]


def state(digests: Mapping[str, Mapping[int, str]], *others: object) -> str:
    """Returns the digest of all slices and of what else makes a state."""
    plain = {table: sorted(slices.items()) for table, slices in sorted(digests.items())}
    return sha256(msgspec.json.encode([plain, others])).hexdigest()


def stream(connection: Connection, query: Any) -> Iterator[tuple[Any, ...]]:
    """Yields rows as the driver's tuples, a few thousand in memory at a time."""
    if connection.dialect.name == "sqlite":
        with connection.execute(query) as result:
            while found := result.cursor.fetchmany(_FETCH) if result.cursor else ():
                yield from found
        return
    options = {"stream_results": True, "yield_per": _FETCH}
    with connection.execute(query, execution_options=options) as result:
        for part in result.partitions():
            yield from map(tuple, part)


def _plain(connection: Connection) -> Any:
    """Returns how a column is read so that both databases give the same values."""
    if connection.dialect.name == "sqlite":
        return lambda column: column
    return lambda column: cast(column, Integer) if isinstance(column.type, Boolean) else column
