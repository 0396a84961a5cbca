"""The closure from nothing, for any number of roots: one pass outward, nothing to take back.

The result is the same as that of :class:`pypisync.core.closure.incremental.Closure`, which would
hold a graph of objects in memory. Here an edge is three numbers, and facts are read in batches.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol, TypeVar

from pypisync.core.closure.candidates import Candidate, choose, newest_suffices
from pypisync.core.closure.edges import groups_of, plain_edges, root_calls_for
from pypisync.core.closure.model import NodeKey, PlainKey, ReleaseFacts, RootState
from pypisync.core.standards.model import Targets

_BATCH = 5_000

_T = TypeVar("_T")


class FactSource(Protocol):
    """Where facts are read from, in batches."""

    def all_roots(self) -> Iterator[RootState]:
        """Yields all roots; those of one project together."""

    def newest_of(self, projects: Sequence[int]) -> Mapping[int, Candidate]:
        """Returns the newest final release with files, of projects that have one."""

    def candidates_of(
        self, projects: Sequence[int]
    ) -> Iterator[tuple[int, Sequence[Candidate] | None]]:
        """Yields releases with files, newest first; None for a project nobody has looked at yet."""

    def pinnable(self, projects: Iterable[int]) -> Mapping[int, Mapping[bytes, int]]:
        """Returns all releases with files, kept or not, by the keys of their versions."""

    def facts_of(self, releases: Sequence[int]) -> Iterator[tuple[int, ReleaseFacts]]:
        """Yields the facts of releases."""


class FullSelection:
    """A selection as it grows; nodes and classes are numbered from 0 as they are met."""

    def __init__(self, source: FactSource, targets: Targets) -> None:
        self.nodes: dict[int | NodeKey, int] = {}  # a release, or an extra of one: its number
        self.classes: dict[PlainKey, int] = {}
        self.chosen: list[tuple[int, ...]] = []  # by class
        self.unmet: list[int] = []  # by class
        self.uses = array("i")  # by class
        # Edge by edge: node, requirement, class (-1: nothing can meet it).
        self.users, self.requirements, self.used = array("i"), array("i"), array("i")
        self.unseen: set[int] = set()  # projects to fetch
        self.unknown: list[int] = []  # releases whose requirements are to be read
        self._source = source
        self._targets = targets
        self._wave: dict[int, list[str]] = {}  # nodes still to be drawn: extras by release

    def choose_roots(self) -> Iterator[RootState]:
        """Yields every root, with what it calls for."""
        for roots in _batched(self._source.all_roots()):
            # Most roots are "latest", which one release decides.
            newest = self._source.newest_of(sorted({root.project for root in roots}))
            others = {
                root.project
                for root in roots
                if root.pinned
                or not newest_suffices(
                    newest.get(root.project), root.selector, groups_of(root, self._targets)
                )
            }
            found = dict(self._source.candidates_of(sorted(others)))
            pinnable = self._source.pinnable({root.project for root in roots if root.pinned})
            for root in roots:
                if root.project in found:
                    candidates = self._seen(root.project, found[root.project])
                    root.chosen, root.unmet = root_calls_for(
                        root, self._targets, candidates, pinnable.get(root.project, {})
                    )
                else:
                    root.chosen = (newest[root.project].release,)
                self._reach(root.chosen, root.extras, pinned=root.pinned)
                yield root

    def grow(self) -> None:
        """Follow the edges to the end."""
        while self._wave:
            wave, self._wave = self._wave, {}
            fresh: dict[int, list[PlainKey]] = {}
            for releases in _batched(sorted(wave)):
                for release, facts in self._source.facts_of(releases):
                    for extra in wave[release]:
                        self._draw(release, extra, facts, fresh)
            self._choose(fresh)

    def _draw(
        self, release: int, extra: str, facts: ReleaseFacts, fresh: dict[int, list[PlainKey]]
    ) -> None:
        node = self.nodes[NodeKey(release, extra) if extra else release]
        classes, uses = self.classes, self.uses
        requirements, used = self.requirements.append, self.used.append
        before = len(self.used)
        for requirement, key in plain_edges(self._targets, facts, extra):
            number = -1
            if key is not None:
                number = classes.setdefault(key, len(uses))
                if number == len(uses):
                    uses.append(0)
                    fresh.setdefault(key[0], []).append(key)
                uses[number] += 1
            requirements(requirement)
            used(number)
        self.users.extend([node] * (len(self.used) - before))
        if not facts.known and not extra:
            self.unknown.append(release)

    def _choose(self, fresh: dict[int, list[PlainKey]]) -> None:
        """Choose for classes that are new."""
        missing = len(self.uses) - len(self.chosen)
        self.chosen += [()] * missing
        self.unmet += [0] * missing
        for projects in _batched(sorted(fresh)):
            for project, found in self._source.candidates_of(projects):
                candidates = self._seen(project, found)
                for key in fresh[project]:
                    number = self.classes[key]
                    _, specifier, extras, mask = key
                    chosen, unmet = choose(candidates, specifier, mask)
                    self.chosen[number], self.unmet[number] = chosen, unmet
                    self._reach(chosen, extras)

    def _seen(self, project: int, found: Sequence[Candidate] | None) -> Sequence[Candidate]:
        if found is None:
            self.unseen.add(project)
        return found or ()

    def _reach(
        self, releases: Iterable[int], extras: Sequence[str], *, pinned: bool = False
    ) -> None:
        nodes = self.nodes
        for release in releases:
            if pinned:
                nodes.setdefault(NodeKey(release, "", pinned=True), len(nodes))
                continue
            if release not in nodes:
                nodes[release] = len(nodes)
                self._wave.setdefault(release, []).append("")
            for extra in extras:
                key = NodeKey(release, extra)
                if key not in nodes:
                    nodes[key] = len(nodes)
                    self._wave.setdefault(release, []).append(extra)


def _batched(values: Iterable[_T]) -> Iterator[list[_T]]:
    left = iter(values)
    while batch := list(islice(left, _BATCH)):
        yield batch
