"""pip's search by resolvelib itself, the one that pip has with it."""

import operator
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pip._vendor.resolvelib.providers import AbstractProvider
from pip._vendor.resolvelib.reporters import BaseReporter
from pip._vendor.resolvelib.resolvers import ResolutionImpossible, ResolutionTooDeep, Resolver

from pypisync.core.budget import Budget, Spent
from pypisync.core.resolve.check_refutation import positions
from pypisync.core.resolve.pip import Rehearsal
from pypisync.core.resolve.pip_needs import PipCandidate, PipNeed, bit, identified, parts
from pypisync.core.resolve.pip_search import _CONFLICTS, _MOST_CONFLICTS, _MOST_ROUNDS
from pypisync.core.resolve.pip_states import PipRules


def rehearsed(rules: PipRules, first: Sequence[PipNeed], budget: Budget) -> Rehearsal:
    """What the search comes to."""
    resolver: Any = Resolver(Provider(rules), Counter(budget))
    try:
        found = resolver.resolve(first, max_rounds=_MOST_ROUNDS).mapping
    except (ResolutionImpossible, ResolutionTooDeep, RecursionError):
        return Rehearsal(None, set())
    return Rehearsal({one.name: one.version for one in found.values()}, set())


class Counter(BaseReporter[PipNeed, PipCandidate, str]):
    """Counts rounds, and how often the search goes back."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.conflicts = 0

    def starting_round(self, index: int) -> None:
        del index
        self.budget.step()

    def resolving_conflicts(self, causes: Any) -> None:
        del causes
        self.conflicts += 1
        if self.conflicts > _MOST_CONFLICTS:
            raise Spent


class Provider(AbstractProvider[PipNeed, PipCandidate, str]):
    """pip's provider, over rules."""

    def __init__(self, rules: PipRules) -> None:
        self.rules = rules
        self.conflicts: defaultdict[str, int] = defaultdict(int)
        self.promoted: set[str] = set()

    def identify(self, requirement_or_candidate: PipNeed | PipCandidate) -> str:
        return identified(requirement_or_candidate)

    def narrow_requirement_selection(
        self,
        identifiers: Iterable[str],
        resolutions: Mapping[str, PipCandidate],
        candidates: Any,
        information: Any,
        backtrack_causes: Sequence[Any],
    ) -> Iterable[str]:
        """The projects of the last conflict, else those of many conflicts, else all."""
        del candidates, information
        causes: set[str] = set()
        for cause in backtrack_causes:
            parents = [] if cause.parent is None else [cause.parent]
            for name in map(identified, [cause.requirement, *parents]):
                causes.add(name)
                if name not in resolutions:
                    self.conflicts[name] += 1
                    if self.conflicts[name] >= _CONFLICTS:
                        self.promoted.add(name)
        here = list(identifiers)
        first = [name for name in here if name in causes]
        return first or [name for name in here if name in self.promoted] or here

    def get_preference(
        self,
        identifier: str,
        resolutions: Any,
        candidates: Any,
        information: Mapping[str, Iterator[Any]],
        backtrack_causes: Any,
    ) -> Any:
        del resolutions, candidates, backtrack_causes
        needs = [need for need, _ in information[identifier]]
        return identifier not in self.promoted, self.rules.rank(identifier, needs)

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[PipNeed]],
        incompatibilities: Mapping[str, Iterator[PipCandidate]],
    ) -> Sequence[PipCandidate]:
        """The candidates, newest first; an extra also has the requirements of its project."""
        name, extras = parts(identifier)
        needs = list(requirements.get(identifier, ()))
        if extras:
            needs += requirements.get(name, ())
        if not needs:
            return []
        only = -1
        for need in needs:
            only &= -1 if need.only is None else bit(need.only)
        specifiers = frozenset(map(operator.attrgetter("specifier"), needs))
        versions = self.rules.candidates(name, specifiers, only)
        for gone in incompatibilities[identifier]:
            versions &= ~bit(gone.version)
        return [PipCandidate(name, extras, i) for i in reversed(list(positions(versions)))]

    def is_satisfied_by(self, requirement: PipNeed, candidate: PipCandidate) -> bool:
        return bool(self.rules.accepted(requirement) >> candidate.version & 1)

    def get_dependencies(self, candidate: PipCandidate) -> Iterable[PipNeed]:
        return self.rules.required(candidate).needs
