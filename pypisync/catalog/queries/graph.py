"""The selection as a graph: what roots call for, and what each release needs.

Read-only, through :class:`pypisync.catalog.db.reader.Reader`, a batch at a time: it may be large.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pypisync.catalog.db.origins import OPERATORS
from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries.why import served
from pypisync.core.closure.model import NodeKey
from pypisync.core.wanted.roots import Origin, Root, of_row

_BATCH = 2_000  # releases whose edges are read at a time
_EDGES = (
    "SELECT s.release_id, s.extra, p.name, r.version, q.text, q.kind, d.name, k.extras,"
    " c.release_id, cr.version FROM edges e JOIN selected s ON s.id = e.selected_id"
    " JOIN releases r ON r.id = s.release_id JOIN projects p ON p.id = r.project_id"
    " JOIN requirements q ON q.id = e.requirement_id JOIN projects d ON d.id = q.project_id"
    " LEFT JOIN classes k ON k.id = e.class_id LEFT JOIN choices c ON c.class_id = k.id"
    " LEFT JOIN releases cr ON cr.id = c.release_id WHERE {}"
    " ORDER BY s.release_id, s.id, q.id, c.position"
)


class CalledRelease(NamedTuple):
    """A root and a release that it calls for."""

    number: int  # of the root
    root: Root
    release: int
    label: str  # name==version


class Edge(NamedTuple):
    """A release, and one that was chosen for a requirement of it."""

    release: str  # name==version
    needs: str  # name==version; the name alone if nothing was chosen
    requirement: str
    kind: str  # runtime or build
    met: bool


def called(
    reader: Reader, name: str | None = None, group: str | None = None
) -> list[CalledRelease]:
    """Returns what roots call for: all roots, those of a project, or those of a group's file."""
    condition, values = "", []
    if name is not None:
        condition, values = f" AND rp.name = ? AND {OPERATORS}", [name]
    elif group is not None:
        condition, values = " AND ro.origin = ? AND ro.source = ?", [Origin.GROUP, group]
    rows = reader.rows(
        "SELECT ro.id, rp.name, ro.selector, ro.extras, ro.origin, ro.source, ro.pinned, r.id,"  # noqa: S608 - constants
        " p.name, r.version FROM roots ro JOIN projects rp ON rp.id = ro.project_id"
        " JOIN root_choices rc ON rc.root_id = ro.id JOIN releases r ON r.id = rc.release_id"
        f" JOIN projects p ON p.id = r.project_id WHERE ro.state <> 'dropped'{condition}"
        " ORDER BY ro.id, rc.position, r.id",
        *values,
    )
    return [
        CalledRelease(number, of_row(*line), release, f"{project}=={version}")
        for number, *line, release, project, version in rows
    ]


def edges(reader: Reader) -> Iterator[Edge]:
    """Yields all edges of the selection, each once: extras of a release have the same ones."""
    last = reader.value("SELECT max(release_id) FROM selected") or 0
    query = _EDGES.format("s.release_id > ? AND s.release_id <= ?")
    for after in range(0, last, _BATCH):
        yield from dict.fromkeys(map(_edge, reader.rows(query, after, after + _BATCH)))


def edges_below(reader: Reader, roots: Iterable[CalledRelease]) -> Iterator[Edge]:
    """Yields the edges of all that these roots lead to, from the top down, each once."""
    frontier = {
        node
        for one in roots
        for node in served(one.release, one.root.extras_text, pinned=one.root.pinned)
    }
    seen, drawn = set(frontier), set[Edge]()
    while frontier:
        below: set[NodeKey] = set()
        releases = sorted({node.release for node in frontier})
        for i in range(0, len(releases), _BATCH):
            query = _EDGES.format("s.release_id IN (?)")
            for row in reader.among(query, releases[i : i + _BATCH]):
                if NodeKey(row[0], row[1]) not in frontier:
                    continue
                if (edge := _edge(row)) not in drawn:
                    drawn.add(edge)
                    yield edge
                if row[8] is not None:
                    below.update(served(row[8], row[7]))
        frontier = below - seen
        seen |= frontier


def _edge(row: Sequence[Any]) -> Edge:
    _, _, name, version, requirement, kind, needs, _, _, chosen = row
    label = needs if chosen is None else f"{needs}=={chosen}"
    return Edge(f"{name}=={version}", label, requirement, kind, chosen is not None)
