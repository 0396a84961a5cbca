"""The closure: the selection that roots and dependency edges call for, kept up to date.

The selection is the set of nodes that the roots and the classes in use reach. It depends on nothing
else, so an update ends in the same selection as a decision from scratch.

An update touches only what the changed facts touch. It chooses again for the classes and roots of
changed projects, draws the nodes of changed releases again, follows the edges of new nodes, and
removes nodes that lost their support, unless a root still reaches them (reference counts alone
would keep cycles alive).

Facts and earlier decisions are read in batches through a
:class:`pypisync.core.closure.model.StoredGraph`. The update does not wait for facts that the
catalog lacks: the decision names them, and is made again when they have been read.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from pypisync.core.closure.candidates import Candidate, choose
from pypisync.core.closure.edges import edges, root_calls_for
from pypisync.core.closure.model import ClassKey, Decision, Node, NodeKey, RootState, StoredGraph
from pypisync.core.closure.reachability import Liveness
from pypisync.core.closure.working_set import WorkingSet, reached
from pypisync.core.standards.model import Targets


class Closure:
    """One update of the selection."""

    def __init__(self, graph: StoredGraph, targets: Targets) -> None:
        self._targets = targets
        self._work = WorkingSet(graph)
        self._gained: set[NodeKey] = set()
        self._lost: set[NodeKey] = set()
        self._created: set[NodeKey] = set()
        self._redrawn: set[NodeKey] = set()
        self._removed: dict[NodeKey, Node] = {}
        self._unseen: set[int] = set()

    def update(
        self,
        *,
        roots: Iterable[RootState],
        dropped: Iterable[RootState],
        projects: set[int],
        releases: set[int],
    ) -> Decision:
        """Returns what changes in the selection to bring it up to date.

        ``roots``: new ones and those of changed projects; ``dropped``: those no longer wanted;
        ``projects``: whose facts changed; ``releases``: whose masks or requirements changed.
        """
        work, changed = self._work, list(roots)
        for root in dropped:
            self._lost |= reached(root.chosen, root.extras, pinned=root.pinned)
            work.root_chose(root, (), 0)
        work.load_candidates({root.project for root in changed} | projects)
        work.load_pinnable({root.project for root in changed if root.pinned})
        for root in changed:
            self._choose_root(root)
        work.load_classes(projects)
        for key in list(work.classes):
            self._choose(key)
        self._redraw(releases)
        while self._gained:
            self._grow()
        self._shrink()
        return self._decision(changed)

    # -- choosing ---------------------------------------------------------------------------

    def _choose_root(self, root: RootState) -> None:
        before = root.chosen
        candidates = self._candidates(root.project)
        pinnable = self._work.pinnable.get(root.project, {})
        chosen, unmet = root_calls_for(root, self._targets, candidates, pinnable)
        self._work.root_chose(root, chosen, unmet)
        self._support(before, chosen, root.extras, pinned=root.pinned)

    def _choose(self, key: ClassKey) -> None:
        entry = self._work.classes.get(key)
        before = entry.chosen if entry else ()
        chosen, unmet = choose(self._candidates(key.project), key.specifier, key.mask)
        self._work.chose(key, chosen, unmet)
        self._support(before, chosen, key.extras)

    def _candidates(self, project: int) -> Sequence[Candidate]:
        candidates = self._work.candidates[project]
        if candidates is None:
            self._unseen.add(project)
        return candidates or ()

    def _support(
        self,
        before: Sequence[int],
        after: Sequence[int],
        extras: tuple[str, ...],
        *,
        pinned: bool = False,
    ) -> None:
        if before != after:
            old, new = (reached(some, extras, pinned=pinned) for some in (before, after))
            self._gained |= new - old
            self._lost |= old - new

    # -- growing ----------------------------------------------------------------------------

    def _grow(self) -> None:
        wave, self._gained = self._gained, set()
        nodes = self._work.nodes
        self._work.load_nodes({key.release for key in wave})
        fresh = [key for key in sorted(wave) if key not in nodes]
        for key in fresh:
            nodes[key] = Node(None)
            self._created.add(key)
        self._draw(fresh)

    def _redraw(self, releases: set[int]) -> None:
        self._work.load_nodes(releases)
        nodes = [key for key in sorted(self._work.nodes) if key.release in releases]
        self._redrawn.update(nodes)
        self._draw(nodes)

    def _draw(self, keys: Sequence[NodeKey]) -> None:
        """Give nodes their edges, and count the uses of classes."""
        work = self._work
        work.load_releases({key.release for key in keys})
        drawn = {
            key: {}
            if key.pinned
            else dict(edges(self._targets, work.facts[key.release], key.extra))
            for key in keys
        }
        old = {key: work.nodes[key].edges for key in keys}
        named = {c for some in (*drawn.values(), *old.values()) for c in some.values() if c}
        work.load_named(named)
        uses: Counter[ClassKey] = Counter()
        shed: set[ClassKey] = set()
        for key in keys:
            uses.update(c for c in drawn[key].values() if c)
            uses.subtract(c for c in old[key].values() if c)
            # By node: what one node sheds another may take up, perhaps one that depends on itself.
            shed.update({c for c in old[key].values() if c} - set(drawn[key].values()))
            work.draw(key, drawn[key])
        work.load_candidates({c.project for c in uses if c not in work.classes})
        for class_key, count in uses.items():
            self._use(class_key, count)
        for class_key in shed:
            self._lost |= reached(work.classes[class_key].chosen, class_key.extras)

    def _use(self, key: ClassKey, count: int) -> None:
        """``count`` more uses of a class (or fewer)."""
        if key not in self._work.classes:
            self._choose(key)
        entry = self._work.classes[key]
        if entry.uses == 0 and count > 0:
            self._gained |= reached(entry.chosen, key.extras)
        entry.uses += count

    # -- shrinking --------------------------------------------------------------------------

    def _shrink(self) -> None:
        """Remove the nodes that no root reaches any more, and those that only these supported."""
        doubtful = self._lost
        if not doubtful:
            return
        liveness = Liveness(self._work)
        while doubtful:
            self._work.load_nodes({key.release for key in doubtful})
            dead = liveness.dead(key for key in doubtful if key in self._work.nodes)
            self._work.load_nodes({key.release for key in dead})
            self._work.load_named(
                {c for key in dead for c in self._work.nodes[key].edges.values() if c}
            )
            doubtful = set()
            for key in sorted(dead):
                doubtful |= self._remove(key)

    def _remove(self, key: NodeKey) -> set[NodeKey]:
        """Remove a node, and return the nodes that it supported."""
        node = self._work.remove(key)
        supported: set[NodeKey] = set()
        for c in node.edges.values():
            if c:
                entry = self._work.classes[c]
                entry.uses -= 1
                supported |= reached(entry.chosen, c.extras)
        self._redrawn.discard(key)
        if key in self._created:
            self._created.discard(key)
        else:
            self._removed[key] = node
        return supported

    # -- the result -------------------------------------------------------------------------

    def _decision(self, roots: list[RootState]) -> Decision:
        work = self._work
        live = self._created | self._redrawn
        return Decision(
            created={key: work.nodes[key] for key in self._created},
            redrawn={key: work.nodes[key] for key in self._redrawn - self._created},
            removed=self._removed,
            classes=work.changed_classes(),
            known=work.classes,
            roots=roots,
            unseen=self._unseen,
            unknown={
                key.release for key in live if not key.pinned and not work.facts[key.release].known
            },
        )
