"""Which nodes no root reaches any more.

A node lives if a root chooses it, or if a class chooses it that a living node uses. So the search
goes backwards: from a node in doubt up along its supporters, until it meets a root. It mostly meets
one within a step or two. If it meets none, no root reaches any of the nodes that it has seen,
cycles included. The result is exact, and the cost grows with the number of nodes above the node in
doubt.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from operator import itemgetter

from pypisync.core.closure.model import NodeKey, called
from pypisync.core.closure.working_set import WorkingSet

# Users of a class that are looked at first; all of them only if these lead to no root.
_FIRST = 8
# Supporters of a node that are looked at before any walk.
_NEAR = 2


class Liveness:
    """Finds dead nodes of one working set, also while dead nodes are being removed from it."""

    def __init__(self, work: WorkingSet) -> None:
        self._work = work
        self._alive: set[NodeKey] = set()

    def dead(self, doubtful: Iterable[NodeKey]) -> set[NodeKey]:
        """Returns those of the nodes, and of their supporters, that no root reaches."""
        wanted = sorted(doubtful)
        self._look_around(wanted)
        dead: set[NodeKey] = set()
        for key in wanted:
            if key not in dead and key not in self._alive:
                found = self._hanging(key, dead, _FIRST)
                dead |= self._hanging(key, dead, None) if found else found
        return dead

    def _look_around(self, nodes: list[NodeKey]) -> None:
        """Mark the nodes that a root supports, directly or by a neighbour; one look for all."""
        work, alive = self._work, self._alive
        work.load_roots({node.release for node in nodes})
        alive.update(node for node in nodes if self._rooted(node))
        left = [node for node in nodes if node not in alive]
        work.load_choosers({node.release for node in left})
        near = [
            pair
            for _, pairs in groupby(self._supporters(left, _NEAR), key=itemgetter(0))
            for pair in islice(pairs, _NEAR)
        ]
        work.load_roots({supporter.release for _, supporter in near})
        alive.update(
            node for node, supporter in near if supporter in alive or self._rooted(supporter)
        )

    def _hanging(self, key: NodeKey, dead: set[NodeKey], limit: int | None) -> set[NodeKey]:
        """Returns the node and all that supports it; nothing if a root is among these."""
        supports: dict[NodeKey, NodeKey | None] = {key: None}
        frontier = [key]
        while frontier:
            self._work.load_roots({node.release for node in frontier})
            for node in frontier:
                if node in self._alive or self._rooted(node):
                    self._mark(node, supports)
                    return set()
            self._work.load_choosers({node.release for node in frontier})
            above: list[NodeKey] = []
            for node, supporter in self._supporters(frontier, limit):
                if supporter not in supports and supporter not in dead:
                    supports[supporter] = node
                    above.append(supporter)
            frontier = above
        return set(supports)

    def _mark(self, node: NodeKey | None, supports: dict[NodeKey, NodeKey | None]) -> None:
        """Mark as live all that the node supports on the way that led to it."""
        while node is not None:
            self._alive.add(node)
            node = supports[node]

    def _rooted(self, node: NodeKey) -> bool:
        return any(
            node.release in root.chosen
            and node in called(node.release, root.extras, pinned=root.pinned)
            for root in self._work.roots_of(node.release)
        )

    def _supporters(
        self, frontier: list[NodeKey], limit: int | None
    ) -> Iterator[tuple[NodeKey, NodeKey]]:
        """Yields pairs of a node of the frontier and a node that supports it."""
        through = [
            (node, c)
            for node in frontier
            for c in sorted(self._work.classes_of(node.release))
            if not node.pinned and (not node.extra or node.extra in c.extras)
        ]
        stored = self._work.users({c for _, c in through}, limit)
        for node, c in through:
            for user in sorted(self._work.users_of(c)):
                yield node, user
            for user in stored.get(c, ()):
                yield node, user
