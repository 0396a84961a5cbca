"""The closure: the selection that roots and dependency edges call for, kept up to date.

What is selected is what roots and the classes in use reach; nothing else is remembered, so a
decision from scratch is the same as this one.

An update touches what the changed facts touch: classes and roots of changed projects are chosen
again, nodes of changed releases drawn again, then what is newly reached grows, and what lost its
support is removed unless something that is not itself in doubt still reaches it. (Counting uses
alone would keep cycles alive; looking at everything reachable from the doubtful is exact.)

Facts and earlier decisions are read in batches through a :class:`pypisync.core.graph.Book`. Facts
that the catalog lacks are not waited for: the decision says which they are, and is made again when
they are there.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pypisync.core.graph import (
    Book,
    Class,
    ClassKey,
    Decision,
    EdgeFact,
    Node,
    NodeKey,
    ReleaseFacts,
    Root,
)
from pypisync.core.markers import marker_mask
from pypisync.core.model import Targets
from pypisync.core.select import Candidate, choose, choose_root


class Closure:
    """One update of the selection."""

    def __init__(self, book: Book, targets: Targets) -> None:
        self._book = book
        self._targets = targets
        self._nodes: dict[NodeKey, Node] = {}
        self._looked: set[int] = set()  # releases whose nodes are loaded
        self._facts: dict[int, ReleaseFacts] = {}
        self._candidates: dict[int, Sequence[Candidate] | None] = {}
        self._classes: dict[ClassKey, Class] = {}
        self._stored: dict[ClassKey, tuple[tuple[int, ...], int, int]] = {}
        self._class_projects: set[int] = set()
        self._roots: dict[int, Root] = {}
        self._gained: set[NodeKey] = set()
        self._lost: set[NodeKey] = set()
        self._created: set[NodeKey] = set()
        self._redrawn: set[NodeKey] = set()
        self._removed: dict[NodeKey, Node] = {}
        self._unseen: set[int] = set()

    def update(
        self,
        *,
        roots: Iterable[Root],
        dropped: Iterable[Root],
        projects: set[int],
        releases: set[int],
    ) -> Decision:
        """Bring the selection up to date.

        ``roots``: new ones and those of changed projects; ``dropped``: those no longer wanted;
        ``projects``: whose facts changed; ``releases``: whose masks or requirements changed.
        """
        for root in dropped:
            self._roots[root.id] = root
            self._lost |= _reached(root.chosen, root.extras)
            root.chosen = ()
        changed = list(roots)
        self._load_candidates({root.project for root in changed} | projects)
        for root in changed:
            self._choose_root(root)
        self._load_classes(projects)
        for key, entry in list(self._classes.items()):
            self._choose(key, entry)
        self._redraw(releases)
        while self._gained:
            self._grow()
        self._shrink()
        return self._decision(changed)

    # -- choosing ---------------------------------------------------------------------------

    def _choose_root(self, root: Root) -> None:
        self._roots[root.id] = root
        before = root.chosen
        candidates = self._candidates[root.project]
        if candidates is None:
            self._unseen.add(root.project)
        root.chosen, root.unmet = choose_root(candidates or (), root.selector, self._targets.groups)
        self._support(before, root.chosen, root.extras)

    def _choose(self, key: ClassKey, entry: Class) -> None:
        before = entry.chosen
        candidates = self._candidates[key.project]
        if candidates is None:
            self._unseen.add(key.project)
        entry.chosen, entry.unmet = choose(candidates or (), key.specifier, key.mask)
        self._support(before, entry.chosen, key.extras)

    def _support(
        self, before: Sequence[int], after: Sequence[int], extras: tuple[str, ...]
    ) -> None:
        if before != after:
            old, new = _reached(before, extras), _reached(after, extras)
            self._gained |= new - old
            self._lost |= old - new

    # -- growing ----------------------------------------------------------------------------

    def _grow(self) -> None:
        wave, self._gained = self._gained, set()
        self._load_nodes({key.release for key in wave})
        fresh = [key for key in sorted(wave) if key not in self._nodes]
        for key in fresh:
            self._nodes[key] = Node(None)
            self._created.add(key)
        self._draw(fresh)

    def _redraw(self, releases: set[int]) -> None:
        self._load_nodes(releases)
        nodes = [key for key in sorted(self._nodes) if key.release in releases]
        self._redrawn.update(nodes)
        self._draw(nodes)

    def _draw(self, keys: Sequence[NodeKey]) -> None:
        """Give nodes their edges, and count the uses of classes."""
        self._load_releases({key.release for key in keys})
        drawn = {key: self._edges(self._facts[key.release], key.extra) for key in keys}
        old = {key: self._nodes[key].edges for key in keys}
        named = {c for edges in (*drawn.values(), *old.values()) for c in edges.values() if c}
        self._load_classes({c.project for c in named})
        uses: Counter[ClassKey] = Counter()
        for key in keys:
            uses.update(c for c in drawn[key].values() if c)
            uses.subtract(c for c in old[key].values() if c)
            self._nodes[key].edges = drawn[key]
        self._load_candidates({c.project for c in uses if c not in self._classes})
        for class_key, count in uses.items():
            entry = self._classes.get(class_key)
            if entry is None:
                entry = self._classes[class_key] = Class(None)
                self._choose(class_key, entry)
            elif entry.uses == 0 and count > 0:
                self._gained |= _reached(entry.chosen, class_key.extras)
            entry.uses += count
            if entry.uses == 0:
                self._lost |= _reached(entry.chosen, class_key.extras)

    def _edges(self, facts: ReleaseFacts, extra: str) -> dict[int, ClassKey | None]:
        edges: dict[int, ClassKey | None] = {}
        for edge in facts.edges:
            mask = self._applies(facts, edge, extra)
            if not mask:
                continue
            if edge.fault:
                edges[edge.id] = None
            elif edge.project == facts.project and edge.kind == "runtime":
                # "a[all]" needing "a[x]" means this very release: no other can be installed.
                edges[edge.id] = ClassKey(edge.project, f"=={facts.version}", edge.extras, mask)
            else:
                edges[edge.id] = ClassKey(edge.project, edge.specifier, edge.extras, mask)
        return edges

    def _applies(self, facts: ReleaseFacts, edge: EdgeFact, extra: str) -> int:
        """The targets on which the requirement can apply to this node."""
        if extra and (edge.kind == "build" or "extra" not in edge.marker):
            return 0  # the release's own node has it
        mask = facts.builds if edge.kind == "build" else facts.mask
        if not mask or not edge.marker:
            return mask
        asked = [extra]
        if extra == "" and "extra" in edge.marker:
            everywhere = self._targets.extras
            asked += [e for e in facts.provides if everywhere is None or e in everywhere]
        holds = 0
        for name in asked:
            holds |= marker_mask(self._targets, edge.marker, name)
        return mask & holds

    # -- shrinking --------------------------------------------------------------------------

    def _shrink(self) -> None:
        doubtful = self._doubtful()
        if not doubtful:
            return
        inside: Counter[ClassKey] = Counter()
        for key in doubtful:
            inside.update(c for c in self._nodes[key].edges.values() if c)
        choosers = self._choosers()
        alive = [
            key
            for key in doubtful
            if any(
                self._classes[c].uses > inside[c]
                for c in choosers.get(key.release, ())
                if key.extra == "" or key.extra in c.extras
            )
        ]
        saved = set(alive)
        while alive:
            for key in self._reach(alive.pop()) & doubtful - saved:
                saved.add(key)
                alive.append(key)
        for key in sorted(doubtful - saved):
            self._remove(key)

    def _doubtful(self) -> set[NodeKey]:
        """What lost support, and all that it reaches, up to what a root holds directly."""
        doubtful: set[NodeKey] = set()
        frontier = self._lost
        while frontier:
            releases = {key.release for key in frontier}
            self._load_nodes(releases)
            self._load_choosers(releases)
            rooted: set[NodeKey] = set()
            for root in self._roots.values():
                rooted |= _reached(root.chosen, root.extras)
            fresh = {key for key in frontier if key in self._nodes} - rooted - doubtful
            doubtful |= fresh
            self._load_classes(
                {c.project for key in fresh for c in self._nodes[key].edges.values() if c}
            )
            frontier = set().union(*(self._reach(key) for key in fresh)) - doubtful
        return doubtful

    def _reach(self, key: NodeKey) -> set[NodeKey]:
        reached: set[NodeKey] = set()
        for c in self._nodes[key].edges.values():
            if c:
                reached |= _reached(self._classes[c].chosen, c.extras)
        return reached

    def _choosers(self) -> dict[int, list[ClassKey]]:
        choosers: dict[int, list[ClassKey]] = {}
        for key, entry in self._classes.items():
            for release in entry.chosen:
                choosers.setdefault(release, []).append(key)
        return choosers

    def _remove(self, key: NodeKey) -> None:
        node = self._nodes.pop(key)
        for c in node.edges.values():
            if c:
                self._classes[c].uses -= 1
        self._redrawn.discard(key)
        if key in self._created:
            self._created.discard(key)
        else:
            self._removed[key] = node

    # -- loading ----------------------------------------------------------------------------

    def _load_candidates(self, projects: set[int]) -> None:
        self._candidates.update(self._book.candidates(projects - self._candidates.keys()))

    def _load_releases(self, releases: set[int]) -> None:
        self._facts.update(self._book.releases(releases - self._facts.keys()))

    def _load_classes(self, projects: set[int]) -> None:
        missing = projects - self._class_projects
        if missing:
            self._class_projects |= missing
            self._keep_classes(self._book.classes(missing))

    def _load_choosers(self, releases: set[int]) -> None:
        classes, roots = self._book.choosers(releases)
        self._keep_classes(classes)
        for root in roots:
            self._roots.setdefault(root.id, root)

    def _keep_classes(self, classes: Mapping[ClassKey, Class]) -> None:
        for key, entry in classes.items():
            if key not in self._classes:
                self._classes[key] = entry
                self._stored[key] = (entry.chosen, entry.unmet, entry.uses)

    def _load_nodes(self, releases: set[int]) -> None:
        missing = releases - self._looked
        if missing:
            self._looked |= missing
            self._nodes.update(self._book.nodes(missing))

    # -- the answer -------------------------------------------------------------------------

    def _decision(self, roots: list[Root]) -> Decision:
        classes = {
            key: entry
            for key, entry in self._classes.items()
            if (entry.chosen, entry.unmet, entry.uses) != self._stored.get(key)
            and (entry.uses or entry.id is not None)
        }
        live = self._created | self._redrawn
        return Decision(
            created={key: self._nodes[key] for key in self._created},
            redrawn={key: self._nodes[key] for key in self._redrawn - self._created},
            removed=self._removed,
            classes=classes,
            known=self._classes,
            roots=roots,
            unseen=self._unseen,
            unknown={key.release for key in live if not self._facts[key.release].known},
        )


def _reached(releases: Iterable[int], extras: Sequence[str]) -> set[NodeKey]:
    return {NodeKey(release, extra) for release in releases for extra in ("", *extras)}
