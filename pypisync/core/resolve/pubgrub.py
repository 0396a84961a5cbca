"""PubGrub, step by step as uv takes it: what is known of a search, and what follows from it.

The algorithm is Natalie Weizenbaum's. The order in which incompatibilities are looked at, and
what a backtracking search forgets, are those of the crate that uv resolves with (astral-sh/pubgrub,
``internal/core.rs`` and ``internal/partial_solution.rs``), because they decide which solution a
search finds.

A node is a project, or an extra of one. A term is an integer: the set of states that a node may be
in. Bit 0 is "absent", the others are places on its line of versions (see
:mod:`pypisync.core.resolve.lines`), to infinity; so terms are met, joined and denied by single
operations. An incompatibility says that its terms cannot all be true at once.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct, field

from pypisync.core.budget import Budget

ANY = -1
_ABSENT = 1


class PubGrubPackage(NamedTuple):
    """A unit of deciding: a project, or a project with an extra or under a marker.

    ``proxy``: the node stands for the extra or marker together with the project itself, because
    both have the same version.
    """

    name: str
    extra: str = ""
    marker: str = ""
    proxy: bool = False


ROOT = PubGrubPackage("")
"""Everything that is asked for; it has one version, at place 0."""

PYTHON = PubGrubPackage("", proxy=True)
"""The interpreter; what a release that does not admit it asks for is at place 0."""


class Incompatibility(NamedTuple):
    """Terms that cannot all be true; ``edge``: a dependency of the one node on the other."""

    terms: Mapping[PubGrubPackage, int]
    edge: tuple[PubGrubPackage, PubGrubPackage] | None = None


class Impossible(Exception):  # noqa: N818 - a result, not a fault
    """There is no solution."""


class _Derivation(NamedTuple):
    moment: int
    level: int
    cause: int
    term: int  # with all that was known of the node before


class _Knowledge(Struct):
    """The accumulated term of a node, and since when each part of it holds."""

    first: int  # the level at which something became known
    last: int
    term: int
    history: list[_Derivation] = field(default_factory=list)
    decided: int = 0  # the moment


def some(places: int) -> int:
    """Returns the term: present, at one of these places."""
    return places << 1


class Search(Struct):
    """A search for a solution. Every step counts against the budget, which raises Spent."""

    budget: Budget
    known: dict[PubGrubPackage, _Knowledge] = field(default_factory=dict)
    incompatibilities: list[Incompatibility] = field(default_factory=list)
    went_back: bool = False
    _about: dict[PubGrubPackage, list[int]] = field(default_factory=dict)
    _edges: dict[tuple[PubGrubPackage, PubGrubPackage, int], int] = field(default_factory=dict)
    _contradicted: dict[int, int] = field(
        default_factory=dict
    )  # incompatibilities, since which level
    _ranks: dict[PubGrubPackage, tuple[int, ...]] = field(
        default_factory=dict
    )  # of what is undecided
    _news: set[PubGrubPackage] = field(default_factory=set)
    _level: int = 0
    _moment: int = 0

    def next(self, rank: Callable[[PubGrubPackage], tuple[int, ...]]) -> PubGrubPackage | None:
        """Returns the node to decide now, the one of highest rank; None if nothing is left.

        The rank of a node is worked out when its term changes, and kept until it changes again.
        """
        for node in self._news:
            one = self.known.get(node)
            if one is not None and not one.decided and not one.term & _ABSENT:
                self._ranks[node] = rank(node)
        self._news.clear()
        first = max(self._ranks, key=self._ranks.__getitem__, default=None)
        if first is not None:
            del self._ranks[first]
        return first

    def term(self, node: PubGrubPackage) -> int:
        """Returns the term of a node: the states that it may still have."""
        one = self.known.get(node)
        return ANY if one is None else one.term

    def add(self, incompatibility: Incompatibility) -> int:
        """Add an incompatibility, and return its number."""
        self.incompatibilities.append(incompatibility)
        number = len(self.incompatibilities) - 1
        self._file(number)
        return number

    def depend(
        self,
        node: PubGrubPackage,
        place: int,
        around: int,
        needs: Iterable[tuple[PubGrubPackage, int]],
    ) -> int | None:
        """Decide on a version whose needs are these, unless they contradict what is known.

        ``around``: places with no other version. Returns the incompatibility in the way.
        """
        numbers = []
        for other, places in needs:
            terms: dict[PubGrubPackage, int] = {node: some(around)}
            if places and other != node:
                terms[other] = ~some(places)
            self.incompatibilities.append(Incompatibility(terms, (node, other)))
            numbers.append(len(self.incompatibilities) - 1)
        for number in numbers:
            self._file(number)
        if self.went_back:  # as long as nothing went wrong, uv does not look
            for number in numbers:
                known = self.incompatibilities[number].terms.items()
                if all(n == node or not self.term(n) & ~term for n, term in known):
                    return number
        self.decide(node, place)
        return None

    def decide(self, node: PubGrubPackage, place: int) -> None:
        """Decide on a version for a node."""
        self._level += 1
        one = self.known[node]
        one.last, one.term, one.decided = self._level, some(1 << place), self._tick()

    def back_before(self, node: PubGrubPackage) -> None:
        """Undo the decision on a node, if there is one, and everything after it."""
        one = self.known.get(node)
        if one is not None and one.decided:
            self._back(one.last - 1)

    def propagate(self, node: PubGrubPackage) -> list[tuple[PubGrubPackage, int]]:
        """Unit propagation from a changed node. Raises Impossible.

        Returns the nodes that conflicted on the way, with the incompatibilities.
        """
        conflicts: list[tuple[PubGrubPackage, int]] = []
        waiting = [node]
        while waiting:
            clash = self._conclude(waiting.pop(), waiting)
            if clash is not None:
                other, cause = self._resolve(clash, conflicts)
                waiting[:] = [other]
                self._derive(other, cause)
        return conflicts

    def _conclude(self, node: PubGrubPackage, waiting: list[PubGrubPackage]) -> int | None:
        """Apply the incompatibilities of a node, newest first. Returns a violated one, if any."""
        for number in reversed(self._about.get(node, ())):
            if number in self._contradicted:
                continue
            open_node: PubGrubPackage | None = None
            for other, term in self.incompatibilities[number].terms.items():
                state = self.term(other)
                if not state & ~term:
                    continue
                if not state & term:
                    self._contradicted[number] = self._level
                    break
                if open_node is not None:
                    break
                open_node = other
            else:
                if open_node is None:
                    return number
                if open_node not in waiting:
                    waiting.append(open_node)
                self._derive(open_node, number)
        return None

    def _derive(self, node: PubGrubPackage, cause: int) -> None:
        """Derive the negation of a node's term where all other terms hold."""
        self.budget.step()
        self._contradicted[cause] = self._level
        term = ~self.incompatibilities[cause].terms[node]
        one = self.known.get(node)
        if one is None:
            one = self.known[node] = _Knowledge(self._level, self._level, term)
        one.last = self._level
        one.term &= term
        one.history.append(_Derivation(self._tick(), self._level, cause, one.term))
        self._news.add(node)

    def _resolve(
        self, number: int, conflicts: list[tuple[PubGrubPackage, int]]
    ) -> tuple[PubGrubPackage, int]:
        """Conflict resolution: derive the cause of a violation, and go back to where it applies."""
        new = False
        while True:
            self.budget.step()
            terms = self.incompatibilities[number].terms
            if not terms or (len(terms) == 1 and terms.get(ROOT, 0) & some(1)):
                raise Impossible
            moments = {node: self._since(node, term) for node, term in terms.items()}
            node = max(moments, key=lambda one: moments[one][0])
            _, level, cause = moments[node]
            term = (
                self.known[node].term
                if cause is None
                else ~self.incompatibilities[cause].terms[node]
            )
            moments[node] = self._since(node, ~(term & ~terms[node]))
            before = max(1, max(moments.values(), key=lambda one: one[0])[1])
            if cause is None or before < level:
                self._back(before)
                if new:
                    self._file(number)
                conflicts.append((node, number))
                return node, number
            self.incompatibilities.append(self._prior(number, cause, node))
            number, new = len(self.incompatibilities) - 1, True
            conflicts.append((node, number))

    def _since(self, node: PubGrubPackage, term: int) -> tuple[int, int, int | None]:
        """Returns the satisfier of a term: moment, level and cause; no cause for a decision."""
        one = self.known[node]
        for derivation in one.history:
            if not derivation.term & ~term:
                return derivation.moment, derivation.level, derivation.cause
        return one.decided, one.last, None

    def _prior(self, number: int, cause: int, node: PubGrubPackage) -> Incompatibility:
        """Returns the prior cause: the resolvent of two incompatibilities."""
        mine, others = self.incompatibilities[number].terms, self.incompatibilities[cause].terms
        terms = {other: term for other, term in mine.items() if other != node}
        for other, term in others.items():
            if other != node:
                terms[other] = terms.get(other, ANY) & term
        if (both := mine[node] | others[node]) != ANY:
            terms[node] = both
        return Incompatibility(terms)

    def _back(self, level: int) -> None:
        self._level, self.went_back = level, True
        for node, one in list(self.known.items()):
            if one.first > level:
                del self.known[node]
                self._ranks.pop(node, None)
            elif one.last > level:
                while one.history[-1].level > level:
                    one.history.pop()
                one.last, one.term, one.decided = one.history[-1].level, one.history[-1].term, 0
                self._ranks.pop(node, None)
                self._news.add(node)
            elif node not in self._ranks:
                self._news.add(node)
        self._contradicted = {c: since for c, since in self._contradicted.items() if since <= level}

    def _file(self, number: int) -> None:
        """Index an incompatibility by its nodes; join equal dependencies of several versions."""
        terms, edge = self.incompatibilities[number]
        if edge is not None and edge[0] != edge[1]:
            node, other = edge
            key = (node, other, terms.get(other, ANY))
            past = self._edges.get(key)
            if past is not None:
                joined = {**terms, node: terms[node] | self.incompatibilities[past].terms[node]}
                for one in joined:
                    self._about[one].remove(past)
                self.incompatibilities.append(Incompatibility(joined, edge))
                number, terms = len(self.incompatibilities) - 1, joined
            self._edges[key] = number
        for one in terms:
            self._about.setdefault(one, []).append(number)

    def _tick(self) -> int:
        self._moment += 1
        return self._moment
