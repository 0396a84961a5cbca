"""Shortest chains against a walk from the roots over the whole graph."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core.closure.model import NodeKey
from pypisync.core.closure.paths import Chain, ChainFinder, Use
from pypisync.core.wanted.roots import Root
from tests.deep import scaled


def line(number: int) -> Root:
    return Root(f"root{number}", "latest")


def node(number: int) -> NodeKey:
    return NodeKey(number, "")


@dataclass
class Graph:
    """Edges from user to used; counts how much is asked for."""

    rooted: set[int]
    edges: set[tuple[int, int]]
    asked: int = 0

    def roots(self, nodes: Collection[NodeKey]) -> Mapping[NodeKey, Sequence[Root]]:
        return {n: [line(n.release)] for n in nodes if n.release in self.rooted}

    def uses(self, nodes: Collection[NodeKey]) -> Mapping[NodeKey, Sequence[Use]]:
        self.asked += len(nodes)
        found: dict[NodeKey, list[Use]] = {}
        for user, used in sorted(self.edges):
            if node(used) in nodes:
                found.setdefault(node(used), []).append(Use(node(user), f"{used}", "runtime"))
        return found

    def distances(self, root: int) -> dict[int, int]:
        """Steps from a root to all that it reaches, from above."""
        found = {root: 0}
        frontier = {root}
        while frontier:
            below = {used for user, used in self.edges if user in frontier} - found.keys()
            found |= dict.fromkeys(below, found[next(iter(frontier))] + 1)
            frontier = below
        return found


numbers = st.integers(0, 9)
graphs = st.builds(
    Graph, st.sets(numbers, max_size=3), st.sets(st.tuples(numbers, numbers), max_size=25)
)


@given(graphs, st.sets(numbers, min_size=1))
@settings(deadline=None, max_examples=scaled(200))
def test_every_root_is_found_with_a_shortest_chain(graph: Graph, starts: set[int]) -> None:
    climber = ChainFinder(graph)
    for start in starts:
        found = climber.chains([node(start)])
        distances = {root: graph.distances(root) for root in graph.rooted}
        reaching = {line(root): far[start] for root, far in distances.items() if start in far}
        assert found.whole
        assert {chain.root: len(chain.uses) for chain in found.chains} == reaching
        assert [len(chain.uses) for chain in found.chains] == sorted(reaching.values())
        for chain in found.chains:
            path = [*(use.user.release for use in chain.uses), start]
            assert line(path[0]) == chain.root
            assert set(pairwise(path)) <= graph.edges
            assert [use.requirement for use in chain.uses] == [str(used) for used in path[1:]]


def test_what_was_read_is_not_read_again_and_a_limit_ends_the_climb() -> None:
    deep = {(number + 1, number) for number in range(1000)}
    graph = Graph({3, 900}, deep)
    climber = ChainFinder(graph)
    assert len(climber.chains([node(0)]).chains) == 2
    assert len(climber.chains([node(5)]).chains) == 1
    assert graph.asked == 1001
    found = ChainFinder(graph, most=10).chains([node(0)])
    way = tuple(Use(node(n), str(n - 1), "runtime") for n in (3, 2, 1))
    assert (found.chains, found.whole) == ([Chain(line(3), way)], False)
