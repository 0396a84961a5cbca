"""The working set of one update: the nodes, classes and roots it has looked at, as they are now.

Loaded entries may have been changed in memory and are authoritative. Everything else is unchanged
in the catalog.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pypisync.core.closure.model import (
    Class,
    ClassKey,
    Node,
    NodeKey,
    ReleaseFacts,
    RootState,
    StoredGraph,
    called,
)

if TYPE_CHECKING:
    from pypisync.core.closure.candidates import Candidate


class WorkingSet:
    """Loads from a stored graph what is asked for, once."""

    def __init__(self, graph: StoredGraph) -> None:
        self.nodes: dict[NodeKey, Node] = {}
        self.facts: dict[int, ReleaseFacts] = {}
        self.candidates: dict[int, Sequence[Candidate] | None] = {}
        self.pinnable: dict[int, Mapping[bytes, int]] = {}
        self.classes: dict[ClassKey, Class] = {}
        self.roots: dict[int, RootState] = {}
        self._graph = graph
        self._stored: dict[ClassKey, tuple[tuple[int, ...], int, int]] = {}
        self._looked: set[int] = set()  # releases whose nodes are loaded
        self._class_projects: set[int] = set()  # projects whose classes are loaded
        self._chosen: set[int] = set()  # releases whose choosers are loaded
        self._rooted: set[int] = set()  # releases whose roots are loaded
        self._classes_of: dict[int, set[ClassKey]] = {}
        self._roots_of: dict[int, dict[int, RootState]] = {}
        self._users: dict[ClassKey, set[NodeKey]] = {}
        self._few: dict[ClassKey, list[NodeKey]] = {}  # all stored users of classes with few

    def load_candidates(self, projects: set[int]) -> None:
        """Load the releases of projects."""
        self.candidates.update(self._graph.candidates(projects - self.candidates.keys()))

    def load_pinnable(self, projects: set[int]) -> None:
        """Load the releases of projects that a lock file can name."""
        self.pinnable.update(self._graph.pinnable(projects - self.pinnable.keys()))

    def load_releases(self, releases: set[int]) -> None:
        """Load the facts of releases."""
        self.facts.update(self._graph.releases(releases - self.facts.keys()))

    def load_classes(self, projects: set[int]) -> None:
        """Load all classes into projects."""
        missing = projects - self._class_projects
        if missing:
            self._class_projects |= missing
            self._keep(self._graph.classes(missing))

    def load_nodes(self, releases: set[int]) -> None:
        """Load the nodes of releases."""
        missing = releases - self._looked
        if missing:
            self._looked |= missing
            for key, node in self._graph.nodes(missing).items():
                self.nodes[key] = node
                self._index(key, node)

    def load_named(self, keys: Iterable[ClassKey]) -> None:
        """Load those of these classes that exist."""
        missing = [
            key
            for key in keys
            if key not in self.classes and key.project not in self._class_projects
        ]
        if missing:
            self._keep(self._graph.named(missing))

    def load_choosers(self, releases: set[int]) -> None:
        """Load the classes that choose releases."""
        missing = releases - self._chosen
        if missing:
            self._chosen |= missing
            self._keep(self._graph.choosers(missing))

    def load_roots(self, releases: set[int]) -> None:
        """Load the roots that call for releases."""
        missing = releases - self._rooted
        if missing:
            self._rooted |= missing
            for root in self._graph.rooting(missing):
                if root.id not in self.roots:
                    self.roots[root.id] = root
                    for release in root.chosen:
                        self._roots_of.setdefault(release, {})[root.id] = root

    def chose(self, key: ClassKey, chosen: tuple[int, ...], unmet: int) -> None:
        """Set the releases that a class calls for."""
        entry = self.classes.setdefault(key, Class(None))
        for release in entry.chosen:
            self._classes_of[release].discard(key)
        for release in chosen:
            self._classes_of.setdefault(release, set()).add(key)
        entry.chosen, entry.unmet = chosen, unmet

    def root_chose(self, root: RootState, chosen: tuple[int, ...], unmet: int) -> None:
        """Set the releases that a root calls for."""
        self.roots[root.id] = root
        for release in root.chosen:
            self._roots_of.setdefault(release, {}).pop(root.id, None)
        for release in chosen:
            self._roots_of.setdefault(release, {})[root.id] = root
        root.chosen, root.unmet = chosen, unmet

    def draw(self, key: NodeKey, edges: dict[int, ClassKey | None]) -> None:
        """Set the edges of a node."""
        node = self.nodes[key]
        self._forget(key, node)
        node.edges = edges
        self._index(key, node)

    def remove(self, key: NodeKey) -> Node:
        """Remove a node, and return it as it was."""
        node = self.nodes.pop(key)
        self._forget(key, node)
        return node

    def users_of(self, key: ClassKey) -> Collection[NodeKey]:
        """Returns the loaded nodes that use a class."""
        return self._users.get(key, ())

    def classes_of(self, release: int) -> Collection[ClassKey]:
        """Returns the classes that call for a release whose choosers are loaded."""
        return self._classes_of.get(release, ())

    def roots_of(self, release: int) -> Iterable[RootState]:
        """Returns the roots that call for a release whose roots are loaded."""
        return self._roots_of.get(release, {}).values()

    def users(
        self, classes: Iterable[ClassKey], limit: int | None
    ) -> Mapping[ClassKey, list[NodeKey]]:
        """Returns nodes that use classes and are not loaded, at most ``limit`` for each class."""
        numbers = {key: number for key in classes if (number := self.classes[key].id) is not None}
        asked = [number for key, number in numbers.items() if key not in self._few]
        found = self._graph.users(asked, limit)
        users = {key: self._few.get(key, found.get(numbers[key], [])) for key in numbers}
        if limit is not None:
            self._few.update((key, some) for key, some in users.items() if len(some) < limit)
        return {
            key: [user for user in some if user.release not in self._looked]
            for key, some in users.items()
        }

    def changed_classes(self) -> dict[ClassKey, Class]:
        """Returns the classes that are not as the catalog has them."""
        return {
            key: entry
            for key, entry in self.classes.items()
            if (entry.chosen, entry.unmet, entry.uses) != self._stored.get(key)
            and (entry.uses or entry.id is not None)
        }

    def _index(self, key: NodeKey, node: Node) -> None:
        for c in node.edges.values():
            if c:
                self._users.setdefault(c, set()).add(key)

    def _forget(self, key: NodeKey, node: Node) -> None:
        for c in node.edges.values():
            if c:
                self._users[c].discard(key)

    def _keep(self, classes: Mapping[ClassKey, Class]) -> None:
        for key, entry in classes.items():
            if key not in self.classes:
                self.classes[key] = entry
                for release in entry.chosen:
                    self._classes_of.setdefault(release, set()).add(key)
                self._stored[key] = (entry.chosen, entry.unmet, entry.uses)


def reached(
    releases: Iterable[int], extras: Sequence[str], *, pinned: bool = False
) -> set[NodeKey]:
    """Returns the nodes that a choice of these releases with these extras supports."""
    return {node for release in releases for node in called(release, extras, pinned=pinned)}
