"""pip's search, step by step as resolvelib takes it.

pip resolves with resolvelib's ``Resolution.resolve``, and decides in the order of its own provider
(``resolution/resolvelib/provider.py`` of the release in
:data:`pypisync.core.standards.requires_python.FOLLOWED`). The order decides where a search ends
that goes back, so each step is the same.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pypisync.core.budget import Budget, Spent
from pypisync.core.resolve.check_refutation import positions
from pypisync.core.resolve.pip_needs import END, PipCandidate, PipNeed, identified, parts
from pypisync.core.resolve.pip_states import Criterion, Demand, PipRules, PipStates
from pypisync.core.resolve.stops import Broken

# pip gives up after so many rounds, and searches in another way after a tenth of them.
_MOST_ROUNDS = 200_000
_MOST_BOLD = 0.1
# Of 538 roots of drawn indexes and of the bench whose search goes back and ends, two go back more
# than 100 times, one of them 875 times; 22 go on for ever. By the clock they would be given up at
# another point each time.
_MOST_CONFLICTS = 300
# pip examines a project early that caused this many conflicts.
_CONFLICTS = 5


class DeadEnd(Exception):  # noqa: N818 - a result, not a fault
    """The search has nowhere to go back to."""


@dataclass(slots=True)
class PipSearch:
    """One search."""

    rules: PipRules
    budget: Budget
    now: PipStates = field(init=False)
    went_back: int = 0
    _conflicts: Counter[str] = field(default_factory=Counter)
    _promoted: set[str] = field(default_factory=set)
    # At first it goes back past what a conflict is not about; the states before it did so.
    _bold: bool = True
    _saved: PipStates | None = None
    _rounds: range | None = None  # in which it may do so

    def __post_init__(self) -> None:
        self.now = PipStates(self.rules)

    def run(self, needs: Iterable[PipNeed]) -> dict[str, PipCandidate]:
        """Returns the pins.

        Raises DeadEnd, Broken, Spent, Lacking, and RecursionError as pip does.
        """
        for need in needs:
            criterion = self._added({}, need, None)
            if not criterion.versions:
                raise DeadEnd
            self.now.put(identified(need), criterion)
        self.now.push()
        for number in range(_MOST_ROUNDS):
            self.budget.step()
            if self._too_bold(number):
                self._begin_again()
            elif not self.now.open:
                return self._needed()
            elif causes := self._pin(self._next()):
                self._go_back(causes)
            else:
                self.now.push()
        raise DeadEnd

    def _next(self) -> str:
        """Returns what to pin: of the last conflict, else of many conflicts, else of all."""
        now = self.now
        if len(now.open) == 1:
            return next(iter(now.open))
        causes = now.last.causes
        for name, times in causes.items():
            if name not in now.pins:
                self._conflicts[name] += times
                if self._conflicts[name] >= _CONFLICTS:
                    self._promoted.add(name)
        first = now.open & causes.keys() or now.open & self._promoted or now.open
        return min(first, key=self._rank)

    def _rank(self, name: str) -> tuple[bool, Any]:
        criterion = self.now.criteria[name]
        if criterion.rank is None:
            criterion.rank = self.rules.rank(name, [one.need for one in criterion.asked])
        return name not in self._promoted, criterion.rank

    def _pin(self, name: str) -> Mapping[str, int]:
        """Pin the newest candidate whose requirements conflict with nothing.

        Returns what the conflicts are about if there is none.
        """
        causes: dict[int, Demand] = {}
        for version in reversed(list(positions(self.now.criteria[name].versions))):
            candidate = PipCandidate(*parts(name), version)
            fresh: dict[str, Criterion] = {}
            for need in self.rules.required(candidate).needs:
                if need.only == END:
                    raise Broken(need.specifier)
                one = self._added(fresh, need, candidate)
                if not one.versions:
                    causes |= {id(asked): asked for asked in one.asked}
                    break
                fresh[identified(need)] = one
            else:
                self.now.pin(name, candidate, fresh)
                return {}
        return _about(causes.values())

    def _added(
        self, fresh: Mapping[str, Criterion], need: PipNeed, parent: PipCandidate | None
    ) -> Criterion:
        """Returns a criterion with one more requirement; it has no candidates if nothing fits."""
        name = identified(need)
        before = fresh.get(name) or self.now.criteria.get(name) or Criterion()
        found = before.also(Demand(need, parent), self.rules.accepted(need))
        own = None
        if need.extras:
            own = fresh.get(need.name) or self.now.criteria.get(need.name)
        found.versions = self._candidates(need.name, found, own)
        found.fresh = not need.extras
        return found

    def _candidates(self, name: str, criterion: Criterion, own: Criterion | None) -> int:
        """Returns the candidates; an extra also has the requirements of its project."""
        specifiers, only = criterion.specifiers, criterion.only
        if own is not None:
            specifiers, only = specifiers | own.specifiers, only & own.only
        if not specifiers:
            return 0  # a parent that was let go asked for it
        return self.rules.candidates(name, specifiers, only) & ~criterion.ruled_out

    def _go_back(self, causes: Mapping[str, int]) -> None:
        """Go back to where a conflict can be avoided. Raises DeadEnd and Spent."""
        self.went_back += 1
        if self.went_back > _MOST_CONFLICTS:
            raise Spent
        while len(self.now) > 2:
            self.now.undo()
            broken = self._broken(causes)
            if broken is None:
                break
            self.now.push()
            if self._rule_out(broken):
                self.now.last.causes = causes
                return
        if not self._begin_again():
            raise DeadEnd

    def _broken(self, causes: Mapping[str, int]) -> list[tuple[str, int]] | None:
        """Undo pins up to one that has to do with the conflict.

        Returns what was ruled out until then, with this one. None if there is no such pin.
        """
        now = self.now
        while len(now) > 1:
            name, apart = now.last.pin, now.last.pin not in causes
            pin = now.pins[name]
            if self._bold and self._saved is None and apart:
                self._saved = now.copy()
            if (
                (apart and not self._bold)
                or not causes.keys().isdisjoint(self.rules.required(pin).identifiers)
                or len(now.pins) == 1
            ):
                ruled_out = [(n, one.ruled_out) for n, one in now.criteria.items() if one.ruled_out]
                now.undo()
                return [*ruled_out, (name, 1 << pin.version)]
            now.undo()
        return None

    def _rule_out(self, gone: Iterable[tuple[str, int]]) -> bool:
        """Rule versions out. Returns whether each project still has candidates."""
        criteria = self.now.criteria
        for name, versions in gone:
            criterion = criteria.get(name)
            if criterion is None or (criterion.fresh and not versions & ~criterion.ruled_out):
                continue
            left = criterion.versions
            if not criterion.fresh:
                project, extras = parts(name)
                own = criteria.get(project) if extras else None
                left = self._candidates(project, criterion, own)
            left &= ~versions
            if not left:
                return False
            self.now.put(name, criterion.but(versions, left))
        return True

    def _too_bold(self, number: int) -> bool:
        """Returns whether it has gone back past other things for too many rounds."""
        if self._saved is None:
            return False
        if self._rounds is None:
            self._rounds = range(number, number + int((_MOST_ROUNDS - number) * _MOST_BOLD))
        return number not in self._rounds

    def _begin_again(self) -> bool:
        """Search on from where it first went back past something else. Returns whether it did."""
        if self._saved is None:
            return False
        self.now, self._saved, self._bold = self._saved, None, False
        self.now.undo()
        return True

    def _needed(self) -> dict[str, PipCandidate]:
        """Returns the pins that something asks for that is needed itself."""
        needed: set[str] = set()
        return {n: self.now.pins[n] for n in self.now.criteria if self._leads_to(n, needed)}

    def _leads_to(self, name: str, needed: set[str]) -> bool:
        if name in needed:
            return True
        for _, parent in self.now.criteria[name].asked:
            asker = None if parent is None else identified(parent)
            if asker is not None and self.now.pins.get(asker) is not parent:
                continue
            if asker is None or self._leads_to(asker, needed):
                needed.add(name)
                return True
        return False


def _about(causes: Iterable[Demand]) -> Mapping[str, int]:
    """Returns the projects of a conflict, with how often each is met."""
    found: Counter[str] = Counter()
    for need, parent in causes:
        found[identified(need)] += 1
        if parent is not None:
            found[identified(parent)] += 1
    return found
