"""The working set: whatever is loaded and changed, it tells what its entries say, and asks once."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core.closure.model import Class, ClassKey, Node, NodeKey, RootState, called
from pypisync.core.closure.working_set import WorkingSet, reached
from tests.core.closure.memory_graph import MemoryGraph, World
from tests.core.closure.test_incremental import SEEDS, grown
from tests.deep import scaled


class Counting(MemoryGraph):
    """A graph that fails where it is asked the same twice."""

    def __init__(self, graph: MemoryGraph) -> None:
        super().__init__(graph.facts)
        self.all, self.stored, self.selected = graph.all, graph.stored, graph.selected
        self.asked: set[tuple[str, object]] = set()

    def _once(self, what: str, keys: Iterable[object]) -> None:
        for key in keys:
            assert (what, key) not in self.asked
            self.asked.add((what, key))

    def classes(self, projects: Iterable[int]) -> Mapping[ClassKey, Class]:
        projects = list(projects)
        self._once("classes", projects)
        return super().classes(projects)

    def named(self, keys: Collection[ClassKey]) -> Mapping[ClassKey, Class]:
        self._once("named", keys)
        return super().named(keys)

    def choosers(self, releases: Iterable[int]) -> Mapping[ClassKey, Class]:
        releases = list(releases)
        self._once("choosers", releases)
        return super().choosers(releases)

    def rooting(self, releases: Iterable[int]) -> Sequence[RootState]:
        releases = list(releases)
        self._once("rooting", releases)
        return super().rooting(releases)

    def nodes(self, releases: Iterable[int]) -> Mapping[NodeKey, Node]:
        releases = list(releases)
        self._once("nodes", releases)
        return super().nodes(releases)


def check(work: WorkingSet, releases: Iterable[int]) -> None:
    """What it tells of users, choosers and roots follows from its entries."""
    users: dict[ClassKey, set[NodeKey]] = {}
    for key, node in work.nodes.items():
        for used in filter(None, node.edges.values()):
            users.setdefault(used, set()).add(key)
    for used in work.classes:
        assert set(work.users_of(used)) == users.get(used, set())
    for release in releases:
        choosing = {key for key, one in work.classes.items() if release in one.chosen}
        assert set(work.classes_of(release)) == choosing
        rooted = {root.id for root in work.roots.values() if release in root.chosen}
        assert {root.id for root in work.roots_of(release)} == rooted


def load(work: WorkingSet, world: World, releases: set[int]) -> None:
    """Something is asked for."""
    match world.draw.randrange(4):
        case 0:
            work.load_nodes(releases)
        case 1:
            work.load_choosers(releases)
        case 2:
            work.load_roots(releases)
        case 3:
            work.load_classes({world.draw.choice(world.names)})


def change(work: WorkingSet, world: World, releases: tuple[int, ...]) -> None:
    """Something is chosen, drawn or removed."""
    draw = world.draw
    match draw.randrange(4):
        case 0 if work.classes:
            work.chose(draw.choice(sorted(work.classes)), releases, 0)
        case 1 if work.roots:
            root = work.roots[draw.choice(sorted(work.roots))]
            work.root_chose(root, releases, 1)
            assert (root.chosen, root.unmet) == (releases, 1)
        case 2 if work.nodes and work.classes:
            node = draw.choice(sorted(work.nodes))
            work.draw(node, {1: draw.choice(sorted(work.classes)), 2: None})
        case 3 if work.nodes:
            node = draw.choice(sorted(work.nodes))
            was = work.nodes[node]
            assert work.remove(node) is was
            assert node not in work.nodes


@given(SEEDS)
@settings(max_examples=scaled(100))
def test_it_tells_what_its_entries_say(seed: int) -> None:
    world = World(seed)
    grown(world, 4)
    work = WorkingSet(Counting(world.graph))
    every = sorted({release for one in world.facts.projects.values() for release in one})
    for _ in range(12 if every else 0):
        some = set(world.draw.sample(every, min(3, len(every))))
        if world.draw.random() < 0.5:
            load(work, world, some)
        else:
            change(work, world, tuple(sorted(some)))
        check(work, every)


@given(SEEDS)
@settings(max_examples=scaled(60))
def test_what_was_changed_in_memory_is_not_loaded_over(seed: int) -> None:
    world = World(seed)
    grown(world, 4)
    work = WorkingSet(world.graph)
    for key, entry in list(world.graph.stored.items())[:3]:
        work.load_named([key])
        assert (work.classes[key].id, work.classes[key].chosen) == (entry.id, entry.chosen)
        work.chose(key, (), 15)
        work.load_classes({key.project})
        work.load_choosers(set(entry.chosen))
        assert (work.classes[key].chosen, work.classes[key].unmet) == ((), 15)
    for root in list(world.graph.all.values())[:3]:
        first, others = set(root.chosen[:1]), set(root.chosen[1:])
        work.load_roots(first)
        if first:
            work.root_chose(work.roots[root.id], (), 0)
            work.load_roots(others)
            assert work.roots[root.id].chosen == ()


@given(SEEDS)
@settings(max_examples=scaled(60))
def test_only_what_differs_from_the_catalog_is_a_change(seed: int) -> None:
    world = World(seed)
    grown(world, 4)
    work = WorkingSet(world.graph)
    work.load_classes(set(world.names))
    assert work.changed_classes() == {}
    changed = {}
    for number, key in enumerate(sorted(work.classes)[:4]):
        entry = work.classes[key]
        if number == 0:
            entry.uses += 1
        elif number == 1:
            work.chose(key, (*entry.chosen, 10**6), entry.unmet)
        elif number == 2:
            work.chose(key, entry.chosen, entry.unmet ^ 1)
        else:
            entry.uses = 0  # the catalog has it, so it has to go
        changed[key] = entry
    fresh = ClassKey(1, ">=0.0.1", (), 15)
    work.chose(fresh, (), 15)
    assert work.changed_classes() == changed  # nobody uses the fresh one
    work.classes[fresh].uses = 1
    assert work.changed_classes() == {**changed, fresh: work.classes[fresh]}


@given(SEEDS)
@settings(max_examples=scaled(60))
def test_stored_users_are_those_that_are_not_loaded(seed: int) -> None:
    world = World(seed)
    grown(world, 4)
    graph, work = world.graph, WorkingSet(world.graph)
    work.load_classes(set(world.names))
    loaded = {key.release for key in list(graph.selected)[::2]}
    work.load_nodes(loaded)
    work.chose(ClassKey(1, "==0.0.7", (), 15), (), 0)  # not in the catalog: nobody there uses it
    found = work.users(work.classes, None)
    for key in work.classes:
        there = {
            node
            for node, one in graph.selected.items()
            if key in one.edges.values() and node.release not in loaded
        }
        assert set(found.get(key, ())) == there
        assert set(work.users_of(key)) == {
            node
            for node, one in graph.selected.items()
            if key in one.edges.values() and node.release in loaded
        }


@given(SEEDS)
@settings(max_examples=scaled(30))
def test_what_is_loaded_is_not_named_again(seed: int) -> None:
    world = World(seed)
    grown(world, 4)
    work = WorkingSet(Counting(world.graph))
    keys = sorted(world.graph.stored)
    work.load_classes({key.project for key in keys[:2]})
    for _ in range(2):  # those that are there are not asked for again
        work.load_named(keys)
        assert work.classes.keys() >= set(keys)


def test_a_call_supports_the_release_and_its_extras() -> None:
    assert called(7, ("x", "y")) == (NodeKey(7, ""), NodeKey(7, "x"), NodeKey(7, "y"))
    assert called(7, ("x",), pinned=True) == (NodeKey(7, "", pinned=True),)
    assert reached((7, 8), ("x",)) == {*called(7, ("x",)), *called(8, ("x",))}
    assert reached((7, 8), (), pinned=True) == {
        NodeKey(7, "", pinned=True),
        NodeKey(8, "", pinned=True),
    }
    assert reached((), ("x",)) == set()


SMALL = st.lists(st.integers(1, 3), max_size=3)


@given(SMALL, SMALL)
def test_facts_are_loaded_once_and_kept(first: list[int], then: list[int]) -> None:
    world = World(0, projects=3)
    asked: list[set[int]] = []

    class Graph(MemoryGraph):
        def candidates(self, projects: Iterable[int]):  # type: ignore[no-untyped-def]
            asked.append(set(projects))
            return super().candidates(asked[-1])

    work = WorkingSet(Graph(world.facts))
    work.load_candidates(set(first))
    work.load_candidates(set(then))
    assert asked == [set(first), set(then) - set(first)]
    assert work.candidates.keys() == {*first, *then}
    for project in (*first, *then):
        assert work.candidates[project] == world.graph._candidates(project)
