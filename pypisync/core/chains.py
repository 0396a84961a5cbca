"""Why something is selected: the shortest way to it from a root, along requirements.

Found from below, one step up for all at once, so that what is read grows with the distance to the
nearest root and not with the mirror. A node is a selected release or an extra of it, as in
:mod:`pypisync.core.closure`; where the facts come from is the caller's business.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Node(NamedTuple):
    """A selected release, or with ``extra`` an extra of it."""

    release: int
    extra: str


@dataclass(frozen=True, slots=True)
class RootLine:
    """A wanted line of the configuration; ``origin`` is the pattern's text if one gave it."""

    project: str
    selector: str
    extras: str
    origin: str


@dataclass(frozen=True, slots=True)
class Use:
    """A node that needs another, by this requirement (``kind`` runtime or build)."""

    user: Node
    requirement: str
    kind: str


class Book(Protocol):
    """What is known of the selection, in batches; nodes without an answer are left out."""

    def roots(self, nodes: Collection[Node]) -> Mapping[Node, RootLine]:
        """A root that calls for the node itself."""

    def uses(self, nodes: Collection[Node]) -> Mapping[Node, Sequence[Use]]:
        """What needs the node."""


@dataclass(frozen=True, slots=True)
class Chain:
    """From a root down to the node asked about: ``uses[0].user`` is what the root calls for."""

    root: RootLine
    uses: tuple[Use, ...]


@dataclass(slots=True)
class _Search:
    frontier: list[Node]
    below: dict[Node, tuple[Node, Use] | None]  # by node: the way back to the start


def shortest(starts: Collection[Node], book: Book) -> dict[Node, Chain]:
    """A shortest chain for each of the nodes; one that no root reaches has none."""
    found: dict[Node, Chain] = {}
    roots: dict[Node, RootLine | None] = {}
    uses: dict[Node, Sequence[Use]] = {}
    searches = {start: _Search([start], {start: None}) for start in starts}
    while searches:
        fresh = _frontiers(searches) - roots.keys()
        answers = book.roots(fresh)
        roots.update((node, answers.get(node)) for node in fresh)
        for start, search in list(searches.items()):
            for node in search.frontier:
                root = roots[node]
                if root is not None:
                    found[start] = Chain(root, _way(search, node))
                    del searches[start]
                    break
        fresh = _frontiers(searches) - uses.keys()
        above = book.uses(fresh)
        uses.update((node, above.get(node, ())) for node in fresh)
        for start, search in list(searches.items()):
            _climb(search, uses)
            if not search.frontier:
                del searches[start]
    return found


def _frontiers(searches: Mapping[Node, _Search]) -> set[Node]:
    return {node for search in searches.values() for node in search.frontier}


def _climb(search: _Search, uses: Mapping[Node, Sequence[Use]]) -> None:
    above: list[Node] = []
    for node in search.frontier:
        for use in uses[node]:
            if use.user not in search.below:
                search.below[use.user] = (node, use)
                above.append(use.user)
    search.frontier = sorted(above)


def _way(search: _Search, top: Node) -> tuple[Use, ...]:
    way: list[Use] = []
    step = search.below[top]
    while step is not None:
        node, use = step
        way.append(use)
        step = search.below[node]
    return tuple(way)
