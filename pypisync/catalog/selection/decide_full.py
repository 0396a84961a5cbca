"""Decides from nothing, and records the decision: the first one, and when environments change."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext

from sqlalchemy import Connection, Select, func, select, update

from pypisync.catalog.db.schema import (
    choices,
    classes,
    edges,
    releases,
    root_choices,
    roots,
    selected,
)
from pypisync.catalog.db.sql import among, batches, in_bulk, once, pour, to_text
from pypisync.catalog.selection.read import CatalogGraph
from pypisync.core.closure.full import FullSelection
from pypisync.core.closure.model import RootState
from pypisync.core.standards.model import Targets

# Roots that are recorded together.
_ROOTS = 20_000
# Up to as many releases the indexes stay while a decision is recorded: to make them anew, and all
# statements that SQLite has prepared, takes a tenth of the first cycle of a small mirror.
_FEW = 5_000


def _newest() -> Select[int]:
    return select(func.max(releases.c.id))


def decide(connection: Connection, targets: Targets) -> FullSelection:
    """Decide for all roots, and record it. Returns the decision, with what it lacks."""
    found = FullSelection(CatalogGraph(connection), targets)
    many = (connection.scalar(once(_newest)) or 0) > _FEW
    with in_bulk(connection, root_choices, choices, edges) if many else nullcontext():
        for some in batches(found.choose_roots(), _ROOTS):
            _record_roots(connection, some)
        found.grow()
        _record(connection, found)
    return found


def _record_roots(connection: Connection, chosen: Sequence[RootState]) -> None:
    rows = (
        (root.id, release, position)
        for root in chosen
        for position, release in enumerate(root.chosen)
    )
    pour(connection, root_choices, ("root_id", "release_id", "position"), rows)
    unmet: dict[int, list[int]] = {}  # there are few different masks
    for root in chosen:
        if root.unmet:
            unmet.setdefault(root.unmet, []).append(root.id)
    for mask, ids in unmet.items():
        for batch in batches(ids):
            some = update(roots).where(among(roots.c.id, batch))
            connection.execute(some.values(unmet=to_text(mask)))


def _record(connection: Connection, found: FullSelection) -> None:
    """Write classes, what they choose, nodes and edges; numbers from 0 become ids from 1."""
    rows: Iterator[tuple[object, ...]] = (
        (
            n + 1, project, specifier, ",".join(extras), to_text(mask),
            to_text(found.unmet[n]), found.uses[n],
        )
        for (project, specifier, extras, mask), n in found.classes.items()
    )  # fmt: skip
    columns = ("id", "project_id", "specifier", "extras", "mask", "unmet", "uses")
    pour(connection, classes, columns, rows)
    rows = (
        (n + 1, release, position)
        for n, chosen in enumerate(found.chosen)
        for position, release in enumerate(chosen)
    )
    pour(connection, choices, ("class_id", "release_id", "position"), rows)
    rows = (
        (n + 1, node, "", False) if isinstance(node, int) else (n + 1, *node)
        for node, n in found.nodes.items()
    )
    pour(connection, selected, ("id", "release_id", "extra", "pinned"), rows)
    rows = (
        (user + 1, requirement, used + 1 or None)
        for user, requirement, used in zip(found.users, found.requirements, found.used, strict=True)
    )
    pour(connection, edges, ("selected_id", "requirement_id", "class_id"), rows)
