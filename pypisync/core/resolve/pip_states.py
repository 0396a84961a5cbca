"""What pip's search knows, and how it gets back to what it knew before.

resolvelib copies its whole state in each round. Here a state is kept as what changed in it, so that
going back undoes the changes, and only what a pin has asked for is looked at again.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, NamedTuple, Protocol, TypeVar

from msgspec import Struct, field

from pypisync.core.resolve.pip_needs import PipCandidate, PipNeed, PipRequired, bit, identified

_T = TypeVar("_T")


class PipRules(Protocol):
    """What pip's provider decides."""

    def candidates(self, name: str, specifiers: frozenset[str], only: int) -> int:
        """Returns the versions that pip's finder returns for all that is asked together."""
        ...

    def accepted(self, need: PipNeed) -> int:
        """Returns the versions that satisfy a requirement once they are pinned."""
        ...

    def required(self, candidate: PipCandidate) -> PipRequired:
        """Returns what a candidate requires."""
        ...

    def rank(self, identifier: str, needs: Iterable[PipNeed]) -> Any:
        """Returns the order of deciding."""
        ...


class Demand(NamedTuple):
    """A requirement, and what requires it; None for what is wanted."""

    need: PipNeed
    parent: PipCandidate | None


class Criterion(Struct):
    """What is asked of a project, or of an extra."""

    asked: tuple[Demand, ...] = ()
    specifiers: frozenset[str] = frozenset()
    only: int = -1  # the versions that extras ask for, which belong to their release
    accepted: int = -1  # the versions that meet all that is asked now
    ruled_out: int = 0
    versions: int = 0  # the candidates when they were last looked for
    fresh: bool = False  # they are the candidates now, whatever else is asked
    rank: Any = None  # once it is worked out

    def also(self, asked: Demand, accepted: int) -> "Criterion":
        """Returns the same with one more requirement, and no candidates yet."""
        need, specifiers, only = asked.need, self.specifiers, self.only
        if need.specifier not in specifiers:
            specifiers |= {need.specifier}
        if need.only is not None:
            only &= bit(need.only)
        both = self.accepted & accepted
        return Criterion((*self.asked, asked), specifiers, only, both, self.ruled_out)

    def without(self, parents: Set[str], rules: PipRules) -> "Criterion":
        """Returns the same without what projects asked for that are let go."""
        left = Criterion(ruled_out=self.ruled_out)
        for one in self.asked:
            if one.parent is None or identified(one.parent) not in parents:
                left = left.also(one, rules.accepted(one.need))
        left.versions = self.versions
        return left

    def but(self, ruled_out: int, versions: int) -> "Criterion":
        """Returns the same where more is ruled out, with its candidates."""
        ruled_out |= self.ruled_out
        return Criterion(
            self.asked, self.specifiers, self.only, self.accepted, ruled_out, versions, self.fresh,
            self.rank,
        )  # fmt: skip


class _Before(NamedTuple):
    """What was known of a project."""

    criterion: Criterion | None
    pin: PipCandidate | None
    asks: tuple[str, ...]


class _State(Struct):
    """What differs from the state before."""

    causes: Mapping[str, int]  # what the last conflict was about, and how often
    before: dict[str, _Before] = field(default_factory=dict)
    pin: str = ""  # the last one


class PipStates(Struct):
    """The states of a search, and what is known in the last of them."""

    rules: PipRules
    criteria: dict[str, Criterion] = field(default_factory=dict)
    pins: dict[str, PipCandidate] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)  # what has no pin that is accepted
    _asks: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by pin, for which projects
    _states: list[_State] = field(default_factory=lambda: [_State({})])

    def copy(self) -> "PipStates":
        """Returns the same, which changes by itself."""
        return PipStates(
            self.rules, {**self.criteria}, {**self.pins}, {*self.open}, {**self._asks},
            [*self._states],
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self._states)

    @property
    def last(self) -> _State:
        """The last state."""
        return self._states[-1]

    def push(self) -> None:
        """Begin another state."""
        self._states.append(_State(self.last.causes))

    def undo(self) -> None:
        """Go back to the state before the last one."""
        for name, before in self._states.pop().before.items():
            _restore(self.criteria, name, before.criterion)
            _restore(self.pins, name, before.pin)
            _restore(self._asks, name, before.asks)
            self._settle(name)

    def put(self, name: str, criterion: Criterion) -> None:
        """Change what is asked of a project."""
        self._remember(name)
        self.criteria[name] = criterion
        self._settle(name)

    def pin(self, name: str, candidate: PipCandidate, fresh: Mapping[str, Criterion]) -> None:
        """Pin a candidate, with what is asked of projects then.

        Pins that this lets go no longer ask for anything.
        """
        held = [one for one in fresh if one in self.criteria and one not in self.open]
        self._remember(name)
        self.pins[name] = candidate
        self._asks[name] = (*self._asks.get(name, ()), *fresh)
        self.last.pin = name
        for one, criterion in fresh.items():
            self.put(one, criterion)
        self._settle(name)
        lost = self.open.intersection(held)
        for one in list(self._asked_by(lost)):
            self.put(one, self.criteria[one].without(lost, self.rules))

    def _asked_by(self, parents: Set[str]) -> Iterator[str]:
        for parent in parents:
            self._remember(parent)
            yield from self._asks.pop(parent, ())

    def _remember(self, name: str) -> None:
        if name not in self.last.before:
            self.last.before[name] = _Before(
                self.criteria.get(name), self.pins.get(name), self._asks.get(name, ())
            )

    def _settle(self, name: str) -> None:
        criterion, pin = self.criteria.get(name), self.pins.get(name)
        met = criterion is None or (pin is not None and criterion.accepted >> pin.version & 1)
        (self.open.discard if met else self.open.add)(name)


def _restore(known: dict[str, _T], name: str, value: _T | None) -> None:
    if value:
        known[name] = value
    else:
        known.pop(name, None)
