"""The lists of the pages for people: projects by a search, roots with their sizes, past sizes.

Read-only. Sizes are bytes, times seconds since 1970.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from msgspec import Struct

from pypisync.catalog.db.origins import EXTRAS, OPERATORS, SHOWN
from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries.proofs import verdicts_of
from pypisync.catalog.queries.why import served
from pypisync.core.closure.model import NodeKey
from pypisync.core.wanted.groups import group_text
from pypisync.core.wanted.roots import Origin, of_row

_ESCAPE = "!"
# The plus has SQLite walk along the names, whose index has all it needs, instead of the rows.
_LISTED = "+last IS NULL AND name LIKE ? ESCAPE '!'"


class Hit(Struct, frozen=True):
    """A project that the pages list."""

    name: str
    releases: int
    files: int
    bytes: int
    generation: int  # the oldest since which a file of it has been listed


def search(reader: Reader, text: str, *, offset: int, most: int) -> tuple[list[Hit], int]:
    """Returns the listed projects whose normalised name contains ``text``, and how many there are.

    The name itself comes first, then those that begin with it; "" is in every name.
    """
    escaped = text
    for mark in (_ESCAPE, "%", "_"):
        escaped = escaped.replace(mark, _ESCAPE + mark)
    within, begins = f"%{escaped}%", f"{escaped}%"
    total = reader.value(f"SELECT count(*) FROM pages WHERE {_LISTED}", within)  # noqa: S608 - constants
    order = "CASE WHEN name = ? THEN 0 WHEN name LIKE ? ESCAPE '!' THEN 1 ELSE 2 END, name"
    names = [
        row[0]
        for row in reader.rows(
            f"SELECT name FROM pages WHERE {_LISTED}"  # noqa: S608 - constants
            f" ORDER BY {order if text else 'name'} LIMIT ? OFFSET ?",
            *((within, text, begins) if text else (within,)),
            most,
            offset,
        )
    ]
    found = {
        row[0]: Hit(*row)
        for row in reader.among(
            "SELECT name, count(DISTINCT version), count(*), sum(size), min(first)"
            " FROM published WHERE last IS NULL AND name IN (?) GROUP BY name",
            names,
        )
    }
    return [found.get(name, Hit(name, 0, 0, 0, 0)) for name in names], total


_WANTED = f"ro.state <> 'dropped' AND {OPERATORS}"


class SizedRoot(Struct, frozen=True):
    """A wanted line, what it calls for, and what that leads to, itself included."""

    project: str
    selector: str
    extras: str
    origin: str  # as operators read it
    chosen: tuple[str, ...]  # versions
    releases: int
    bytes: int  # of their files on the pages
    whole: bool  # whether all was looked at; else there is more
    verdicts: Mapping[str, int]  # targets by verdict; of its group, if it is one of a group


def roots(reader: Reader, *, offset: int, most: int, nodes: int) -> tuple[list[SizedRoot], int]:
    """Returns ``most`` roots, sorted by project, and how many there are.

    ``nodes``: how many releases may be looked at for all of them together.
    """
    total = reader.value(f"SELECT count(*) FROM roots ro WHERE {_WANTED}")  # noqa: S608 - constants
    lines = _lines(reader, offset, most)
    called = _chosen(reader, [line[0] for line in lines])
    starts = {
        line[0]: {
            node
            for release, _ in called.get(line[0], ())
            for node in served(release, line[5], pinned=bool(line[6]))
        }
        for line in lines
    }
    below, looked = _below(reader, {node for found in starts.values() for node in found}, nodes)
    reached = {number: _reached(found, below) for number, found in starts.items()}
    subjects = {line[0]: _subject(line) for line in lines}
    verdicts = verdicts_of(reader, subjects.values())
    sizes = _sizes(reader, {node.release for found in reached.values() for node in found})
    return [
        SizedRoot(
            line[1],
            line[2],
            line[3],
            line[4],
            tuple(version for _, version in called.get(line[0], ())),
            len(releases := {node.release for node in reached[line[0]]}),
            sum(sizes.get(release, 0) for release in releases),
            reached[line[0]] <= looked,
            verdicts.get(subjects[line[0]], {}),
        )
        for line in lines
    ], total


def _lines(reader: Reader, offset: int, most: int) -> list[Any]:
    """Returns rows of roots: what is shown of each, then what its nodes and its subject are of."""
    return reader.rows(
        f"SELECT ro.id, p.name, ro.selector, {EXTRAS}, {SHOWN}, ro.extras, ro.pinned,"  # noqa: S608 - constants
        f" ro.origin, ro.source FROM roots ro JOIN projects p ON p.id = ro.project_id"
        f" WHERE {_WANTED} ORDER BY p.name, ro.id LIMIT ? OFFSET ?",
        most,
        offset,
    )


def _subject(line: Any) -> str:
    """Returns the text of what is proven for a row of roots."""
    _, project, selector, _, _, extras, _, origin, source = line
    if origin == Origin.GROUP:
        return group_text(source)
    return of_row(project, selector, extras).requirement.text


def _chosen(reader: Reader, numbers: Sequence[int]) -> dict[int, list[tuple[int, str]]]:
    """Returns the releases (row, version) that roots choose, by root, the newest first."""
    chosen: dict[int, list[tuple[int, str]]] = {}
    for number, release, version in reader.among(
        "SELECT rc.root_id, r.id, r.version FROM root_choices rc"
        " JOIN releases r ON r.id = rc.release_id WHERE rc.root_id IN (?)"
        " ORDER BY rc.root_id, r.key DESC",
        numbers,
    ):
        chosen.setdefault(number, []).append((release, version))
    return chosen


def _below(
    reader: Reader, starts: Collection[NodeKey], most: int
) -> tuple[dict[NodeKey, set[NodeKey]], set[NodeKey]]:
    """Returns what each node needs, and the nodes that were looked at, until ``most`` were."""
    below: dict[NodeKey, set[NodeKey]] = {}
    looked: set[NodeKey] = set()
    frontier = set(starts)
    while frontier and len(looked) < most:
        frontier = set(sorted(frontier)[: most - len(looked)])
        looked |= frontier
        found: set[NodeKey] = set()
        for release, extra, extras, chosen in reader.among(
            "SELECT s.release_id, s.extra, k.extras, c.release_id FROM selected s"
            " JOIN edges e ON e.selected_id = s.id JOIN classes k ON k.id = e.class_id"
            " JOIN choices c ON c.class_id = k.id WHERE s.release_id IN (?)",
            sorted({node.release for node in frontier}),
        ):
            if (user := NodeKey(release, extra)) in frontier:
                nodes = set(served(chosen, extras))
                below.setdefault(user, set()).update(nodes)
                found |= nodes
        frontier = found - looked
    return below, looked


def _reached(starts: Iterable[NodeKey], below: dict[NodeKey, set[NodeKey]]) -> set[NodeKey]:
    reached = set(starts)
    ahead = list(reached)
    while ahead:
        new = below.get(ahead.pop(), set()) - reached
        reached |= new
        ahead.extend(new)
    return reached


def _sizes(reader: Reader, releases: Collection[int]) -> dict[int, int]:
    rows = reader.among(
        # CROSS JOIN keeps SQLite, which has no statistics, from reading all that is listed first.
        "SELECT r.id, sum(u.size) FROM releases r CROSS JOIN projects p CROSS JOIN published u"
        " WHERE r.id IN (?) AND p.id = r.project_id AND u.name = p.name AND u.last IS NULL"
        " AND u.version = r.version GROUP BY r.id",
        sorted(releases),
    )
    return {release: int(size) for release, size in rows}


class Size(NamedTuple):
    """What a generation lists, and when it was published (since 1970)."""

    at: float
    bytes: int
    files: int


class Age(NamedTuple):
    """How many seconds old the news was that the mirror had when a cycle ended, just before."""

    at: float
    seconds: float


def sizes(reader: Reader, most: int) -> list[Size]:
    """Returns the sizes of the newest ``most`` generations that are kept, the oldest first."""
    rows = reader.rows("SELECT at, bytes, files FROM generations ORDER BY id DESC LIMIT ?", most)
    return [Size(*row) for row in reversed(rows)]


def ages(reader: Reader, most: int) -> list[Age]:
    """Returns the lag before each of the newest ``most`` completed cycles' ends, oldest first.

    A cycle reads upstream's changes when it starts, and what it read counts when it has ended.
    """
    rows = reader.rows(
        "SELECT started, finished FROM runs WHERE outcome IN ('done', 'incomplete')"
        " AND finished IS NOT NULL ORDER BY id DESC LIMIT ?",
        most + 1,
    )
    rows.reverse()
    pairs = pairwise(rows)
    return [Age(this[1], max(this[1] - before[0], 0.0)) for before, this in pairs]
