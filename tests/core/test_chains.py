"""Shortest chains against a walk from the roots over the whole graph."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core.chains import Chain, Node, RootLine, Use, shortest

LINE = RootLine("root", "latest", "", "")


def node(number: int) -> Node:
    return Node(number, "")


@dataclass
class Graph:
    """Edges from user to used; counts how much is asked for."""

    rooted: set[int]
    edges: set[tuple[int, int]]
    asked: int = 0

    def roots(self, nodes: Collection[Node]) -> Mapping[Node, RootLine]:
        return {n: LINE for n in nodes if n.release in self.rooted}

    def uses(self, nodes: Collection[Node]) -> Mapping[Node, Sequence[Use]]:
        self.asked += len(nodes)
        found: dict[Node, list[Use]] = {}
        for user, used in sorted(self.edges):
            if node(used) in nodes:
                found.setdefault(node(used), []).append(Use(node(user), f"{used}", "runtime"))
        return found

    def distances(self) -> dict[int, int]:
        """Steps from the nearest root, from above."""
        found = dict.fromkeys(self.rooted, 0)
        frontier = set(self.rooted)
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
@settings(deadline=None, max_examples=200)
def test_chains_are_real_and_shortest(graph: Graph, starts: set[int]) -> None:
    found = shortest([node(start) for start in starts], graph)
    distances = graph.distances()
    assert {n.release for n in found} == starts & distances.keys()
    for start, chain in found.items():
        assert len(chain.uses) == distances[start.release]
        tops = [use.user.release for use in chain.uses]
        path = [*tops, start.release]
        assert path[0] in graph.rooted
        assert set(pairwise(path)) <= graph.edges
        assert [use.requirement for use in chain.uses] == [str(used) for used in path[1:]]


def test_what_lies_above_the_nearest_root_is_not_read() -> None:
    deep = {(number + 1, number) for number in range(1000)}
    graph = Graph({3}, deep)
    found = shortest([node(0)], graph)
    assert found[node(0)] == Chain(
        LINE, tuple(Use(node(n), str(n - 1), "runtime") for n in (3, 2, 1))
    )
    assert graph.asked == 3
