"""The pins that pip would come to: its own algorithm over the same facts.

resolvelib is what pip resolves with; the provider below decides in the order in which pip's does
(``resolution/resolvelib/provider.py`` and ``factory.py`` of the release in
:data:`pypisync.core.standards.requires_python.FOLLOWED`), because the order decides where a search
with backtracking ends. The result is a claim, like a solver's, and is checked like one.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from functools import lru_cache
from typing import Any, NamedTuple

from packaging.specifiers import SpecifierSet
from resolvelib import AbstractProvider, BaseReporter
from resolvelib.resolvers import (
    ResolutionImpossible,
    ResolutionTooDeep,
    ResolverException,
)
from resolvelib.resolvers.resolution import _build_result
from resolvelib.structs import State

from pypisync.core.budget import Budget, Spent
from pypisync.core.resolve.candidates import Admission
from pypisync.core.resolve.check_pins import pins_one
from pypisync.core.resolve.check_refutation import positions
from pypisync.core.resolve.pip_ahead import Ahead, Conflict
from pypisync.core.resolve.pip_needs import (
    NONE,
    PipCandidate,
    PipNeed,
    asks,
    bit,
    identified,
    needs_of,
    parts,
)
from pypisync.core.resolve.pip_resolution import PipResolution
from pypisync.core.wanted.groups import Asked

# pip examines a project early that caused this many conflicts.
_CONFLICTS = 5
# pip gives up after so many rounds, and searches in another way after a tenth of them.
_MOST_ROUNDS = 200_000
# Of 538 roots of drawn indexes and of the bench whose search goes back and ends, two go back more
# than 100 times, one of them 875 times; 22 go on for ever. By the clock they would be given up at
# another point each time.
_MOST_CONFLICTS = 300


class Rehearsal(NamedTuple):
    """The pins that an installer chooses, and the releases that it examined.

    A version is its position among the usable ones.
    """

    pins: Mapping[str, int] | None  # by project; None: it finds no solution
    tried: Set[tuple[str, int]]  # the versions that it pinned or tried, at least for a while
    given_up: bool = False  # the search was, so it may have found one
    # It never went back, so it takes the same steps wherever all that it tried is offered, and
    # nothing that upstream has not.
    straight: bool = False


def rehearsed(
    admission: Admission, wanted: Asked, budget: Budget, consulted: set[str]
) -> Rehearsal:
    """Returns the pins of pip. All projects that it examines are added to ``consulted``.

    Raises Spent and Lacking.
    """
    if any(need.fault for need in wanted):
        return Rehearsal(None, set())
    provider = _Pip(admission, wanted, consulted)
    pins, straight = None, False
    try:
        state, straight = _searched(provider, wanted, budget)
        found = _build_result(state)
        pins = {c.name: c.version for c in found.mapping.values()}
    except (ResolutionImpossible, ResolutionTooDeep, RecursionError):
        pass  # the last one is resolvelib's way with some releases that need themselves: pip's too
    except ResolverException as error:
        raise RuntimeError(f"{type(error).__name__}: {error}") from error
    return Rehearsal(pins, provider.tried, straight=straight)


def _searched(
    provider: "_Pip", wanted: Asked, budget: Budget
) -> tuple[State[PipNeed, PipCandidate, str], bool]:
    """Returns how the search ends, and whether it never went back."""
    # Requirements with extras come last; the order decides which releases are examined.
    first = sorted(
        (one for need in wanted for one in needs_of(need)), key=lambda one: one.extras != ()
    )
    before = budget.used
    try:
        return Ahead(provider, budget).resolve(first), True
    except Conflict:
        budget.used = before
    resolution = PipResolution(provider, _RoundCounter(budget), provider.promoted)
    return resolution.resolve(first, max_rounds=_MOST_ROUNDS), False


class _RoundCounter(BaseReporter[PipNeed, PipCandidate, str]):
    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._conflicts = 0

    def starting_round(self, index: int) -> None:
        """Count a round against the budget."""
        del index
        self._budget.step()

    def resolving_conflicts(self, causes: Collection[Any]) -> None:
        """Count how often the search goes back. Raises Spent."""
        del causes
        self._conflicts += 1
        if self._conflicts > _MOST_CONFLICTS:
            raise Spent


@lru_cache(maxsize=100_000)
def _together(specifiers: str) -> tuple[bool, bool]:
    """Returns whether they admit pre-releases, and whether they pin one version."""
    them = SpecifierSet(specifiers)
    return bool(them.prereleases), pins_one(them)


class _Pip(AbstractProvider[PipNeed, PipCandidate, str]):
    def __init__(self, admission: Admission, wanted: Asked, consulted: set[str]) -> None:
        self._consulted = consulted
        self._consulted.update(need.name for need in wanted)
        self.tried: set[tuple[str, int]] = set()
        self._admission = admission
        self._order: dict[str, int] = {}
        for need in wanted:
            self._order.setdefault(self.identify(next(needs_of(need))), len(self._order))
        self._conflicts: defaultdict[str, int] = defaultdict(int)
        self.promoted: set[str] = set()

    def identify(self, requirement_or_candidate: PipNeed | PipCandidate) -> str:
        return identified(requirement_or_candidate)

    def narrow_requirement_selection(
        self,
        identifiers: Iterable[str],
        resolutions: Mapping[str, PipCandidate],
        candidates: Mapping[str, Iterator[PipCandidate]],
        information: Mapping[str, Iterator[Any]],
        backtrack_causes: Sequence[Any],
    ) -> Iterable[str]:
        """Returns the projects of the last conflict, else those of many conflicts, else all."""
        del candidates, information
        causes: set[str] = set()
        for cause in backtrack_causes:
            parents = [] if cause.parent is None else [cause.parent]
            for name in map(self.identify, [cause.requirement, *parents]):
                causes.add(name)
                if name not in resolutions:
                    self._conflicts[name] += 1
                    if self._conflicts[name] >= _CONFLICTS:
                        self.promoted.add(name)
        here = list(identifiers)
        first = [name for name in here if name in causes]
        return first or [name for name in here if name in self.promoted] or here

    def get_preference(
        self,
        identifier: str,
        resolutions: Mapping[str, PipCandidate],
        candidates: Mapping[str, Iterator[PipCandidate]],
        information: Mapping[str, Iterator[Any]],
        backtrack_causes: Sequence[Any],
    ) -> Any:
        """Returns the order of deciding."""
        del resolutions, candidates, backtrack_causes
        return self.rank(identifier, [need for need, _ in information[identifier]])

    def rank(self, identifier: str, needs: Sequence[PipNeed]) -> tuple[Any, ...]:
        """Returns the order: pinned, with an upper bound, wanted by the root, all others."""
        asked = [asks(need.specifier) for need in needs]
        order = self._order.get(identifier, math.inf)
        return (
            identifier not in self.promoted,
            all(need.only is None for need in needs),
            not any(pinned for pinned, _, _ in asked),
            not any(upper for _, upper, _ in asked),
            order,
            all(free for _, _, free in asked),
            identifier,
        )

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[PipNeed]],
        incompatibilities: Mapping[str, Iterator[PipCandidate]],
    ) -> Iterable[PipCandidate]:
        """Returns candidates, newest first; an extra also has the requirements of its project."""
        name, extras = parts(identifier)
        needs = list(requirements.get(identifier, ()))
        if extras:
            needs += requirements.get(name, ())
        if not needs:
            return []  # a parent that was let go asked for it
        versions = self.candidates(name, needs)
        for gone in incompatibilities[identifier]:
            versions &= ~(1 << gone.version)
        return [PipCandidate(name, extras, i) for i in reversed(list(positions(versions)))]

    def candidates(self, name: str, needs: Sequence[PipNeed]) -> int:
        """Returns the versions that all these requirements admit together."""
        versions, passed = self._admitted(name, frozenset(need.specifier for need in needs))
        if passed:
            self.tried.add((name, passed.bit_length() - 1))
        only = [bit(need.only) for need in needs if need.only is not None]
        if only:
            versions = self._matching(name, needs) & ~self._admission.kinds(name).passed
            for one in only:
                versions &= one
        if versions:
            self.tried.add((name, versions.bit_length() - 1))
        return versions

    def is_satisfied_by(self, requirement: PipNeed, candidate: PipCandidate) -> bool:
        return bool(self.accepted(requirement) >> candidate.version & 1)

    def accepted(self, need: PipNeed) -> int:
        """Returns the versions that meet a requirement once they are pinned."""
        if need.only is not None:
            return bit(need.only)
        return self._admission.matching(need.name, need.specifier)

    def get_dependencies(self, candidate: PipCandidate) -> Iterable[PipNeed]:
        """Returns the requirements of the release, and those that its extras add."""
        self.tried.add((candidate.name, candidate.version))
        known = self._admission.required.get(candidate)
        if known is None:
            known = self._admission.required[candidate] = self._required(candidate)
        self._consulted |= known[1]
        return known[0]

    def _required(self, candidate: PipCandidate) -> tuple[list[PipNeed], set[str]]:
        """Returns what a candidate requires, and the projects that it names."""
        name, extras, version = candidate
        index = self._admission.index
        needs = [need for e in ("", *extras) for need in index.needs(name, version, e)]
        own = [PipNeed(name, (), "", version)] if extras else []
        if any(need.fault for need in needs):
            found = [*own, PipNeed(name, (), "", NONE)]  # nothing can meet it
        else:
            found = [*own, *(one for need in needs for one in needs_of(need))]
        return found, {need.name for need in needs}

    def _matching(self, name: str, needs: Iterable[PipNeed]) -> int:
        versions = -1
        for need in needs:
            versions &= self._admission.matching(name, need.specifier)
        return versions

    def _admitted(self, name: str, specifiers: frozenset[str]) -> tuple[int, int]:
        """Returns the versions that pip's finder returns for all these requirements together.

        And if there are none, those that it passes over last: they stand in the way of what is
        older or a pre-release.
        """
        known = self._admission.found.get((name, specifiers))
        if known is None:
            known = self._admission.found[name, specifiers] = self._found(name, specifiers)
        return known

    def _found(self, name: str, specifiers: frozenset[str]) -> tuple[int, int]:
        prereleases, pins = _together(",".join(filter(None, sorted(specifiers))))
        kinds = self._admission.kinds(name)
        versions = ((1 << len(kinds.entries)) - 1) & ~kinds.unseen
        for specifier in specifiers:
            versions &= self._admission.matching(name, specifier)
        if not prereleases:
            versions = versions & kinds.finals or versions
        sound = versions & ~kinds.yanked
        # What its METADATA rules out is passed over last.
        taken = (sound if sound or not pins else versions) & ~kinds.passed
        return taken, 0 if taken else versions
