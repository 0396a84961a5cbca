"""A small world of releases in memory, and the decisions about it: what the closure reads.

:class:`MemoryGraph` is the whole of both ports (`StoredGraph`, `FactSource`) without a database.
``naive`` tells the selection a third time, by plain recursion over the facts.
"""

import random
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from msgspec.structs import replace

from pypisync.core.closure.candidates import Candidate, choose
from pypisync.core.closure.edges import edges, root_calls_for
from pypisync.core.closure.model import (
    Class,
    ClassKey,
    Decision,
    EdgeFact,
    Node,
    NodeKey,
    ReleaseFacts,
    RootState,
    called,
)
from pypisync.core.environments.targets import targets
from pypisync.core.standards import versions
from pypisync.core.wanted.selector import parse_selector

TARGETS = targets({"python_version": ["3.9", "3.12"], "sys_platform": ["linux", "win32"]})
SPECIFIERS = ("", "", "", "<2", ">=2", "==1.0", ">1,<3", "!=2.0", ">9", "~=1.0", "==2.0a1")
MARKERS = (
    "", "", "", 'python_version < "3.10"', 'sys_platform == "win32"', 'extra == "x"',
    'extra == "y" and python_version >= "3.10"', 'os_name == "java"',
)  # fmt: skip
VERSIONS = ("1.0", "1.5", "2.0a1", "2.0", "3.0")
SELECTORS = ("latest", "latest", "2 latest", "latest<2", ">=1.5", "1.0", "9.9")


@dataclass
class Facts:
    """What is known of releases, by id; a project that nobody has looked at is ``unseen``."""

    releases: dict[int, ReleaseFacts] = field(default_factory=dict)
    candidates: dict[int, Candidate] = field(default_factory=dict)  # those that are kept
    projects: dict[int, set[int]] = field(default_factory=dict)  # their releases
    unseen: set[int] = field(default_factory=set)


class MemoryGraph:
    """Facts and the decisions made so far."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.all: dict[int, RootState] = {}
        self.stored: dict[ClassKey, Class] = {}
        self.selected: dict[NodeKey, Node] = {}
        self._count = 0

    # -- facts --

    def candidates(self, projects: Iterable[int]) -> Mapping[int, Sequence[Candidate] | None]:
        return {project: self._candidates(project) for project in projects}

    def candidates_of(
        self, projects: Sequence[int]
    ) -> Iterator[tuple[int, Sequence[Candidate] | None]]:
        yield from self.candidates(projects).items()

    def _candidates(self, project: int) -> Sequence[Candidate] | None:
        if project in self.facts.unseen:
            return None
        known = self.facts.candidates
        kept = [known[one] for one in self.facts.projects.get(project, ()) if one in known]
        return sorted(kept, key=lambda one: one.key, reverse=True)

    def newest_of(self, projects: Sequence[int]) -> Mapping[int, Candidate]:
        found = {}
        for project in projects:
            finals = [c for c in self._candidates(project) or () if not c.prerelease]
            if finals:
                found[project] = finals[0]
        return found

    def pinnable(self, projects: Iterable[int]) -> Mapping[int, Mapping[bytes, int]]:
        facts = self.facts
        return {
            project: {
                key_of(facts.releases[one].version): one for one in facts.projects.get(project, ())
            }
            for project in projects
        }

    def releases(self, releases: Iterable[int]) -> Mapping[int, ReleaseFacts]:
        return {one: self.facts.releases[one] for one in releases}

    def facts_of(self, releases: Sequence[int]) -> Iterator[tuple[int, ReleaseFacts]]:
        yield from self.releases(releases).items()

    def all_roots(self) -> Iterator[RootState]:
        for root in sorted(self.all.values(), key=lambda one: (one.project, one.id)):
            yield copied(root)

    # -- decisions; copies, as a database gives --

    def classes(self, projects: Iterable[int]) -> Mapping[ClassKey, Class]:
        wanted = set(projects)
        return self._classes(key for key in self.stored if key.project in wanted)

    def named(self, keys: Collection[ClassKey]) -> Mapping[ClassKey, Class]:
        return self._classes(key for key in keys if key in self.stored)

    def choosers(self, releases: Iterable[int]) -> Mapping[ClassKey, Class]:
        wanted = set(releases)
        return self._classes(k for k, one in self.stored.items() if wanted & set(one.chosen))

    def rooting(self, releases: Iterable[int]) -> Sequence[RootState]:
        wanted = set(releases)
        return [deepcopy(root) for root in self.all.values() if wanted & set(root.chosen)]

    def users(self, classes: Iterable[int], limit: int | None) -> Mapping[int, list[NodeKey]]:
        ids = {one.id: key for key, one in self.stored.items()}
        return {
            number: [k for k, node in self.selected.items() if ids[number] in node.edges.values()][
                :limit
            ]
            for number in classes
        }

    def nodes(self, releases: Iterable[int]) -> Mapping[NodeKey, Node]:
        wanted = set(releases)
        return {k: deepcopy(node) for k, node in self.selected.items() if k.release in wanted}

    def _classes(self, keys: Iterable[ClassKey]) -> dict[ClassKey, Class]:
        return {key: deepcopy(self.stored[key]) for key in keys}

    def apply(self, decision: Decision, dropped: Iterable[RootState] = ()) -> None:
        """Record a decision."""
        for dead, node in decision.removed.items():
            assert self.selected.pop(dead).id == node.id
        for key, entry in decision.classes.items():
            if entry.uses:
                entry.id = entry.id or self._next()
                self.stored[key] = entry
            else:
                self.stored.pop(key, None)
        for drawn, node in {**decision.created, **decision.redrawn}.items():
            self.selected[drawn] = Node(node.id or self._next(), dict(node.edges))
        for root in decision.roots:
            self.all[root.id] = root
        for root in dropped:
            self.all.pop(root.id, None)

    def _next(self) -> int:
        self._count += 1
        return self._count


def copied(root: RootState) -> RootState:
    """The root, before it called for anything."""
    return replace(root, chosen=(), unmet=0)


def key_of(version: str) -> bytes:
    """The version as bytes that sort."""
    parsed = versions.parse(version)
    assert parsed is not None
    return versions.key(parsed)


class World:
    """Facts drawn from a seed, and changes to them."""

    def __init__(self, seed: int, projects: int = 10) -> None:
        self.draw = random.Random(seed)
        self.facts = Facts()
        self.graph = MemoryGraph(self.facts)
        self.names = range(1, projects + 1)
        self._edge = self._roots = 0
        for project in self.names:
            self.facts.projects[project] = set()
            for version in self.draw.sample(VERSIONS, self.draw.choice((0, 2, 3, 4, 5))):
                self.publish(project, version)
        self.facts.unseen |= {p for p in self.names if self.draw.random() < 0.04}

    def publish(self, project: int, version: str) -> int:
        """A release, new or with other facts."""
        draw, facts = self.draw, self.facts
        number = project * 100 + VERSIONS.index(version)
        every = draw.choice((15, 15, 15, draw.randrange(16)))
        facts.projects[project].add(number)
        facts.releases[number] = ReleaseFacts(
            project, version, every, draw.choice((0, 0, every & draw.randrange(16))),
            draw.random() < 0.95, ("x", "y"), tuple(self._edges()),
        )  # fmt: skip
        facts.candidates.pop(number, None)
        if draw.random() < 0.95:
            sound = every & draw.choice((15, 15, 15, draw.randrange(16)))
            facts.candidates[number] = Candidate(
                number, key_of(version), version, "a" in version, sound, every,
                draw.choice((0, 0, 0, every & draw.randrange(16))),
            )  # fmt: skip
        return number

    def _edges(self) -> Iterator[EdgeFact]:
        for _ in range(self.draw.choice((0, 1, 2, 3, 4))):
            self._edge += 1
            draw = self.draw
            yield EdgeFact(
                self._edge, draw.choice(self.names), draw.choice(("runtime",) * 5 + ("build",)),
                draw.choice(SPECIFIERS), draw.choice(MARKERS),
                draw.choice(((), (), ("x",), ("x", "y"))), draw.choice(("",) * 12 + ("a URL",)),
                draw.choice((None, None, None, draw.randrange(16))),
            )  # fmt: skip

    def root(self) -> RootState:
        """A wanted line."""
        draw = self.draw
        pinned = draw.random() < 0.15
        selector = draw.choice(VERSIONS) if pinned else draw.choice(SELECTORS)
        extras = () if pinned else draw.choice(((), (), ("x",)))
        marker = "" if pinned else draw.choice(("", "", "", 'sys_platform == "win32"'))
        self._roots += 1
        return RootState(
            self._roots,
            draw.choice(self.names),
            parse_selector(selector),
            extras,
            marker,
            pinned=pinned,
        )

    def change(self) -> tuple[set[int], set[int]]:
        """Some facts change: the projects and the releases that it concerns."""
        draw, facts = self.draw, self.facts
        projects, releases = set[int](), set[int]()
        for _ in range(draw.randint(0, 3)):
            project = draw.choice(self.names)
            projects.add(project)
            if draw.random() < 0.25 and facts.projects[project]:
                gone = draw.choice(sorted(facts.projects[project]))
                facts.candidates.pop(gone, None)  # the release stays known, as in the catalog
            elif draw.random() < 0.1:
                facts.unseen ^= {project}
            else:
                releases.add(self.publish(project, draw.choice(VERSIONS)))
        return projects, releases


Selection = tuple[
    set[NodeKey],
    dict[ClassKey, tuple[tuple[int, ...], int]],
    dict[int, tuple[tuple[int, ...], int]],
]


def naive(graph: MemoryGraph) -> Selection:
    """Nodes, classes and roots with what they call for, by plain recursion."""
    found: set[NodeKey] = set()
    classes: dict[ClassKey, tuple[tuple[int, ...], int]] = {}
    roots = {}

    def visit(node: NodeKey) -> None:
        if node in found:
            return
        found.add(node)
        if node.pinned:
            return
        for _, key in edges(TARGETS, graph.facts.releases[node.release], node.extra):
            if key is not None and key not in classes:
                chosen = choose(graph._candidates(key.project) or (), key.specifier, key.mask)
                classes[key] = chosen
                call(chosen[0], key.extras)

    def call(releases: Sequence[int], extras: tuple[str, ...], *, pinned: bool = False) -> None:
        for release in releases:
            for node in called(release, extras, pinned=pinned):
                visit(node)

    for root in graph.all_roots():
        pinnable = graph.pinnable([root.project])[root.project]
        candidates = graph._candidates(root.project) or ()
        roots[root.id] = root_calls_for(root, TARGETS, candidates, pinnable)
        call(roots[root.id][0], root.extras, pinned=root.pinned)
    return found, classes, roots
