"""pip's search as long as it never has to go back, which it has to of few roots.

It takes the steps of resolvelib's ``Resolution.resolve``. That copies its whole state in each round
and looks at all of it, so that a closure of *n* projects costs *n* squared; a search that only goes
ahead needs no copies, and only what a pin has asked for can have changed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from resolvelib.resolvers import Criterion, RequirementInformation
from resolvelib.structs import State

from pypisync.core.budget import Budget
from pypisync.core.resolve.check_refutation import positions
from pypisync.core.resolve.pip_needs import PipCandidate, PipNeed, identified, parts

_Information: TypeAlias = RequirementInformation[PipNeed, PipCandidate]


class PipRules(Protocol):
    """What pip's provider decides."""

    def candidates(self, name: str, needs: Sequence[PipNeed]) -> int:
        """Returns the versions that pip's finder returns for all these requirements together."""
        ...

    def accepted(self, need: PipNeed) -> int:
        """Returns the versions that satisfy a requirement once they are pinned."""
        ...

    def get_dependencies(self, candidate: PipCandidate) -> Iterable[PipNeed]:
        """Returns what a candidate requires."""
        ...

    def rank(self, identifier: str, needs: Sequence[PipNeed]) -> Any:
        """Returns the order of deciding."""
        ...


class Conflict(Exception):  # noqa: N818 - it is no error: resolvelib searches
    """The search has to go back."""


@dataclass(slots=True)
class _Criterion:
    """What is asked of a project, or of an extra."""

    information: tuple[_Information, ...]
    versions: int  # its candidates when it was last asked for
    accepted: int  # the versions that meet all that is asked now
    rank: Any = None  # once it is worked out

    def without(self, parent: str, rules: PipRules) -> "_Criterion":
        """Returns the same without what a project asked that is let go."""
        left = tuple(
            one
            for one in self.information
            if one.parent is None or identified(one.parent) != parent
        )
        accepted = -1
        for one in left:
            accepted &= rules.accepted(one.requirement)
        return _Criterion(left, self.versions, accepted)


@dataclass(slots=True)
class Ahead:
    """One search."""

    rules: PipRules
    budget: Budget
    _criteria: dict[str, _Criterion] = field(default_factory=dict)
    _pins: dict[str, PipCandidate] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)  # what has no pin that is accepted
    _asked: dict[str, list[str]] = field(default_factory=dict)  # by pin, of which projects

    def resolve(self, requirements: Iterable[PipNeed]) -> State[PipNeed, PipCandidate, str]:
        """Returns the end of the search. Raises Conflict, Spent and Lacking."""
        for need in requirements:
            self._criteria[identified(need)] = self._added(self._criteria, need, None)
        self._open = set(self._criteria)
        while True:
            self.budget.step()
            if not self._open:
                break
            self._pin(min(self._open, key=self._rank))
        criteria = {
            name: Criterion((), one.information, ()) for name, one in self._criteria.items()
        }
        return State(self._pins, criteria, [])

    def _rank(self, name: str) -> Any:
        criterion = self._criteria[name]
        if criterion.rank is None:
            needs = [one.requirement for one in criterion.information]
            criterion.rank = self.rules.rank(name, needs)
        return criterion.rank

    def _added(
        self, fresh: dict[str, _Criterion], need: PipNeed, parent: PipCandidate | None
    ) -> _Criterion:
        """Returns a criterion with one more requirement. Raises Conflict if nothing meets it."""
        name = identified(need)
        before = fresh.get(name) or self._criteria.get(name)
        information: tuple[_Information, ...] = (RequirementInformation(need, parent),)
        accepted = self.rules.accepted(need)
        if before is not None:
            information = (*before.information, *information)
            accepted &= before.accepted
        needs = [one.requirement for one in information]
        if need.extras:  # an extra also has the requirements of its project
            own = fresh.get(need.name) or self._criteria.get(need.name)
            needs += [one.requirement for one in own.information] if own else []
        versions = self.rules.candidates(need.name, needs)
        if not versions:
            raise Conflict
        return _Criterion(information, versions, accepted)

    def _pin(self, name: str) -> None:
        """Pin the newest candidate whose requirements conflict with nothing."""
        for version in reversed(list(positions(self._criteria[name].versions))):
            candidate = PipCandidate(*parts(name), version)
            fresh: dict[str, _Criterion] = {}
            try:
                for need in self.rules.get_dependencies(candidate):
                    fresh[identified(need)] = self._added(fresh, need, candidate)
            except Conflict:
                continue
            self._take(name, candidate, fresh)
            return
        raise Conflict

    def _take(self, name: str, candidate: PipCandidate, fresh: dict[str, _Criterion]) -> None:
        self._criteria.update(fresh)
        self._pins[name] = candidate
        self._asked[name] = list(fresh)
        changed = {name, *fresh}
        if not self._holds(name):
            raise Conflict  # it asks for another version of itself
        for lost in [other for other in fresh if not self._holds(other)]:
            for other in self._asked.pop(lost, ()):  # what its pin asked for counts no more
                self._criteria[other] = self._criteria[other].without(lost, self.rules)
                changed.add(other)
        for other in changed:
            (self._open.discard if self._holds(other) else self._open.add)(other)

    def _holds(self, name: str) -> bool:
        pin = self._pins.get(name)
        return pin is not None and bool(self._criteria[name].accepted >> pin.version & 1)
