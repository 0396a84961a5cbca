"""The closure: each way of making the selection comes to the same, whatever changed before.

Worlds, roots and changes are drawn from a seed that Hypothesis draws, and prints where a test
fails.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core.closure import reachability
from pypisync.core.closure.candidates import Candidate
from pypisync.core.closure.full import FullSelection
from pypisync.core.closure.incremental import Closure
from pypisync.core.closure.model import (
    ClassKey,
    Decision,
    EdgeFact,
    NodeKey,
    ReleaseFacts,
    RootState,
)
from pypisync.core.wanted.selector import parse_selector
from tests.core.closure.memory_graph import (
    TARGETS,
    MemoryGraph,
    Selection,
    World,
    copied,
    key_of,
    naive,
)
from tests.deep import scaled

SEEDS = st.integers(0, 2**32)


def update(
    graph: MemoryGraph,
    new: list[RootState],
    dropped: list[RootState],
    projects: set[int],
    releases: set[int],
) -> Decision:
    """One update, recorded."""
    touched = [root for root in graph.all.values() if root.project in projects]
    gone = {root.id for root in dropped}
    kept = [root for root in touched if root.id not in gone]
    decision = Closure(graph, TARGETS).update(
        roots=[*new, *kept], dropped=dropped, projects=projects, releases=releases
    )
    graph.apply(decision, dropped)
    return decision


def stored(graph: MemoryGraph) -> Selection:
    """What an update has recorded."""
    classes = {key: (one.chosen, one.unmet) for key, one in graph.stored.items()}
    roots = {root.id: (root.chosen, root.unmet) for root in graph.all.values()}
    return set(graph.selected), classes, roots


def grown(world: World, steps: int) -> None:
    """Let roots come and go, and facts change, with an update after each."""
    graph = world.graph
    for _ in range(steps):
        new = [world.root() for _ in range(world.draw.randint(0, 2))]
        dropped = [root for root in graph.all.values() if world.draw.random() < 0.25]
        projects, releases = world.change()
        update(graph, new, dropped, projects, releases)


@given(SEEDS)
@settings(max_examples=scaled(150))
def test_an_update_comes_to_what_plain_recursion_comes_to(seed: int) -> None:
    world = World(seed)
    for _ in range(8):
        grown(world, 1)
        assert stored(world.graph) == naive(world.graph)


@given(SEEDS)
@settings(max_examples=scaled(100))
def test_so_does_one_that_looks_at_one_user_of_a_class_first(seed: int) -> None:
    """If that one leads to no root, the others are looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reachability, "_FIRST", 1)
        world = World(seed)
        for _ in range(8):
            grown(world, 1)
            assert stored(world.graph) == naive(world.graph)


@given(SEEDS)
@settings(max_examples=scaled(150))
def test_from_nothing_it_is_the_same(seed: int) -> None:
    world = World(seed)
    grown(world, 6)
    graph = world.graph
    found = FullSelection(graph, TARGETS)
    roots = {root.id: (root.chosen, root.unmet) for root in found.choose_roots()}
    found.grow()
    facts = graph.facts.releases
    assert set(found.unknown) == {
        key.release
        for key in graph.selected
        if not (key.extra or key.pinned or facts[key.release].known)
    }
    nodes = [NodeKey(one, "") if isinstance(one, int) else one for one in found.nodes]
    classes = {key: (found.chosen[n], found.unmet[n]) for key, n in found.classes.items()}
    assert (set(nodes), classes, roots) == stored(graph)
    assert {key: found.uses[n] for key, n in found.classes.items()} == {
        key: one.uses for key, one in graph.stored.items()
    }
    keys = list(map(ClassKey._make, found.classes))
    drawn: dict[NodeKey, dict[int, ClassKey | None]] = {node: {} for node in nodes}
    for user, requirement, used in zip(found.users, found.requirements, found.used, strict=True):
        drawn[nodes[user]][requirement] = keys[used] if used >= 0 else None
    assert drawn == {key: node.edges for key, node in graph.selected.items()}


def test_what_takes_up_a_use_of_itself_does_not_live_by_it() -> None:
    """At once, one release stops needing another, and that one begins to need itself."""
    world = World(0, projects=0)
    facts = world.facts
    need = EdgeFact(1, 2, "runtime", "==1.0", "", (), "")

    def state(release: int, *edges: EdgeFact) -> None:
        facts.projects[release] = {release}
        facts.releases[release] = ReleaseFacts(release, "1.0", 15, 0, True, (), edges)
        facts.candidates[release] = Candidate(release, key_of("1.0"), "1.0", False, 15, 15)

    state(1, need)
    state(2)
    root = RootState(1, 1, parse_selector("latest"), ())
    update(world.graph, [root], [], set(), set())
    assert {key.release for key in world.graph.selected} == {1, 2}
    state(1)
    state(2, need)
    update(world.graph, [], [], {1, 2}, {1, 2})
    assert stored(world.graph) == naive(world.graph)
    assert {key.release for key in world.graph.selected} == {1}


@given(SEEDS)
@settings(max_examples=scaled(100))
def test_uses_are_counted_right(seed: int) -> None:
    world = World(seed)
    grown(world, 6)
    graph = world.graph
    uses = Counter(key for node in graph.selected.values() for key in node.edges.values() if key)
    assert uses == {key: one.uses for key, one in graph.stored.items()}


@given(SEEDS)
@settings(max_examples=scaled(100))
def test_the_order_of_events_does_not_matter(seed: int) -> None:
    """The same roots, all at once or one by one in another order."""
    one, other = World(seed), World(seed)
    roots = []
    for _ in range(6):
        root = one.root()
        roots.append(root)
        update(one.graph, [root], [], set(), set())
    other.draw.shuffle(roots)
    update(other.graph, [copied(root) for root in roots],
           [], set(), set())  # fmt: skip
    assert stored(one.graph) == stored(other.graph)


@given(SEEDS)
@settings(max_examples=scaled(100))
def test_without_roots_nothing_is_left(seed: int) -> None:
    """Cycles included, which support themselves."""
    world = World(seed)
    grown(world, 5)
    update(world.graph, [], list(world.graph.all.values()), set(), set())
    assert stored(world.graph) == (set(), {}, {})


@given(SEEDS)
@settings(max_examples=scaled(100))
def test_looking_again_changes_nothing(seed: int) -> None:
    world = World(seed)
    grown(world, 5)
    before = stored(world.graph)
    decision = update(world.graph, [], [], set(world.names), set(world.facts.releases))
    assert (decision.created, decision.removed, decision.classes) == ({}, {}, {})
    assert stored(world.graph) == before


@given(SEEDS)
@settings(max_examples=scaled(100))
def test_what_is_lacking_is_named(seed: int) -> None:
    """Projects nobody has looked at, and releases whose requirements nobody has read."""
    world = World(seed)
    graph = world.graph
    new = [world.root() for _ in range(4)]
    decision = update(graph, new, [], set(), set())
    asked = {root.project for root in new} | {key.project for key in graph.stored}
    asked -= {root.project for root in new if root.pinned} - {key.project for key in graph.stored}
    pinned = {root.project for root in new if root.pinned}
    assert decision.unseen - pinned == (asked & world.facts.unseen) - pinned
    facts = world.facts.releases
    read = {key.release for key in graph.selected if not key.pinned}
    assert decision.unknown == {one for one in read if not facts[one].known}


class Counting(MemoryGraph):
    """A graph that counts what the search for dead nodes asks of it."""

    def __init__(self, graph: MemoryGraph) -> None:
        super().__init__(graph.facts)
        self.all, self.stored, self.selected = graph.all, graph.stored, graph.selected
        self.asked: Counter[str] = Counter()

    def users(self, classes: Iterable[int], limit: int | None) -> Mapping[int, list[NodeKey]]:
        self.asked["users"] += 1
        return super().users(classes, limit)

    def rooting(self, releases: Iterable[int]) -> Sequence[RootState]:
        self.asked["roots"] += 1
        return super().rooting(releases)


def needing(needs: Mapping[int, Sequence[int]]) -> World:
    """One release of each project, that needs these others; a root on each."""
    world = World(0, projects=0)
    facts, number = world.facts, 0
    for project in sorted({*needs, *(one for some in needs.values() for one in some)}):
        edges = []
        for other in needs.get(project, ()):
            number += 1
            edges.append(EdgeFact(number, other, "runtime", "", "", (), ""))
        facts.projects[project] = {project}
        facts.releases[project] = ReleaseFacts(project, "1.0", 15, 0, True, (), tuple(edges))
        facts.candidates[project] = Candidate(project, key_of("1.0"), "1.0", False, 15, 15)
    roots = [RootState(n, n, parse_selector("latest"), ()) for n in facts.projects]
    update(world.graph, roots, [], set(), set())
    return world


def test_many_nodes_in_doubt_are_looked_at_together() -> None:
    """What a root's own release needs lives, and that is seen in one look for all of them."""
    graph = Counting(needing({1: range(2, 52)}).graph)
    update(graph, [], [root for root in graph.all.values() if root.id > 1], set(), set())
    assert {key.release for key in graph.selected} == set(range(1, 52))
    assert graph.asked == {"roots": 2, "users": 1}


def test_a_way_to_a_root_is_walked_once() -> None:
    """Twenty leaves hang on one chain: the first climbs it, the others see that it lives."""
    graph = Counting(needing({1: [2], 2: [3], 3: [4], 4: range(5, 25)}).graph)
    update(graph, [], [root for root in graph.all.values() if root.id > 1], set(), set())
    assert {key.release for key in graph.selected} == set(range(1, 25))
    assert graph.asked["users"] <= 1 + 4 + 2 + 19


def test_a_cycle_that_no_root_reaches_is_seen_as_a_whole() -> None:
    graph = Counting(needing({1: [2], 2: [3], 3: [4], 4: [2]}).graph)
    update(graph, [], list(graph.all.values()), set(), set())
    assert not graph.selected
    assert not graph.stored
