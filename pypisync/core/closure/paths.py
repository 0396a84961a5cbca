"""Why something is selected: the ways to it from roots, along requirements.

The search starts at the node and climbs one step at a time. So it finds the shortest way from each
root first, and reads only what lies above the node. A node is a selected release or an extra of it,
as in :mod:`pypisync.core.closure.incremental`; the caller says where the facts come from.

:func:`owners` finds the root that alone reaches a release: the release goes if that root goes.
Walking everything that each root reaches would cost one walk a root, and most roots reach the same
releases.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct, field

from pypisync.core.closure.model import NodeKey
from pypisync.core.wanted.roots import Root

SHARED = ""
"""The owner of what several roots reach."""

_T = TypeVar("_T", bound=Hashable)


class Use(Struct, frozen=True):
    """A node that needs another, by this requirement (``kind`` runtime or build)."""

    user: NodeKey
    requirement: str
    kind: str


class UseGraph(Protocol):
    """The selection, read in batches; a node that nothing is known of is left out of the result."""

    def roots(self, nodes: Collection[NodeKey]) -> Mapping[NodeKey, Sequence[Root]]:
        """Returns the roots that call for the node itself."""

    def uses(self, nodes: Collection[NodeKey]) -> Mapping[NodeKey, Sequence[Use]]:
        """Returns what needs the node."""


class Chain(Struct, frozen=True):
    """From a root down to the node asked about: ``uses[0].user`` is what the root calls for."""

    root: Root
    uses: tuple[Use, ...]


class Chains(Struct):
    """A shortest chain from each root that reaches a node, the shorter first.

    ``whole``: whether all that lies above was looked at, so that these are all the roots.
    """

    chains: list[Chain] = field(default_factory=list)
    whole: bool = True


class ChainFinder(Struct):
    """Looks for the roots of one node after another; it reads nothing twice."""

    graph: UseGraph
    most: int | None = None  # nodes to look at in one search; None: no limit
    _roots: dict[NodeKey, Sequence[Root]] = field(default_factory=dict)
    _uses: dict[NodeKey, Sequence[Use]] = field(default_factory=dict)

    def chains(self, starts: Iterable[NodeKey]) -> Chains:
        """Returns the roots that reach one of the nodes; none for a node that no root reaches."""
        found: dict[Root, Chain] = {}
        frontier = sorted(starts)
        below: dict[NodeKey, tuple[NodeKey, Use] | None] = dict.fromkeys(frontier)
        while frontier:
            self._read(frontier)
            for node in frontier:
                for root in self._roots[node]:
                    if root not in found:
                        found[root] = Chain(root, _way(below, node))
            if self.most is not None and len(below) > self.most:
                return Chains([*found.values()], whole=False)
            frontier = self._above(frontier, below)
        return Chains([*found.values()])

    def _read(self, frontier: Collection[NodeKey]) -> None:
        fresh = {node for node in frontier if node not in self._roots}
        if fresh:
            roots, uses = self.graph.roots(fresh), self.graph.uses(fresh)
            for node in fresh:
                self._roots[node] = roots.get(node, ())
                self._uses[node] = uses.get(node, ())

    def _above(
        self,
        frontier: Iterable[NodeKey],
        below: dict[NodeKey, tuple[NodeKey, Use] | None],
    ) -> list[NodeKey]:
        above: list[NodeKey] = []
        for node in frontier:
            for use in self._uses[node]:
                if use.user not in below:
                    below[use.user] = (node, use)
                    above.append(use.user)
        return sorted(above)


def _way(below: Mapping[NodeKey, tuple[NodeKey, Use] | None], top: NodeKey) -> tuple[Use, ...]:
    way: list[Use] = []
    step = below[top]
    while step is not None:
        node, use = step
        way.append(use)
        step = below[node]
    return tuple(way)


def owners(starts: Mapping[str, Iterable[_T]], reach: Mapping[_T, Iterable[_T]]) -> dict[_T, str]:
    """Returns for every reached node the root that alone reaches it, or SHARED.

    ``starts``: the nodes that each root calls for itself, by the root's name (not empty).
    ``reach``: the nodes that a node leads to directly. Each step is walked twice at most.
    """
    owner: dict[_T, str] = {}
    todo: list[tuple[_T, str]] = [(node, root) for root, nodes in starts.items() for node in nodes]
    while todo:
        node, root = todo.pop()
        has = owner.get(node)
        if has in (root, SHARED):
            continue
        owner[node] = root if has is None else SHARED
        todo += [(below, owner[node]) for below in reach.get(node, ())]
    return owner
