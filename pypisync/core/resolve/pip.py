"""The pins that pip would come to: its own algorithm over the same facts.

What pip's provider and finder decide is here (``resolution/resolvelib/provider.py`` and
``factory.py`` of the release in :data:`pypisync.core.standards.requires_python.FOLLOWED`), its
search in :mod:`pypisync.core.resolve.pip_search`. The result is a claim, like a solver's, and is
checked like one.
"""

import math
from collections.abc import Iterable, Mapping, Set
from functools import lru_cache
from typing import Any, NamedTuple

from packaging.specifiers import SpecifierSet

from pypisync.core.budget import Budget
from pypisync.core.resolve.candidates import Admission
from pypisync.core.resolve.check_pins import pins_one
from pypisync.core.resolve.pip_needs import (
    END,
    NONE,
    PipCandidate,
    PipNeed,
    PipRequired,
    asks,
    bit,
    identified,
    needs_of,
)
from pypisync.core.resolve.pip_search import DeadEnd, PipSearch
from pypisync.core.resolve.stops import Broken, EndOfReading
from pypisync.core.standards.model import Requirement
from pypisync.core.wanted.groups import Asked


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
    stopped: str = ""  # why it broke off at a release, perhaps one that it would have left
    ended: bool = False  # it broke off while it read what a release needs


def rehearsed(
    admission: Admission, wanted: Asked, budget: Budget, consulted: set[str]
) -> Rehearsal:
    """Returns the pins of pip. All projects that it examines are added to ``consulted``.

    Raises Spent and Lacking.
    """
    if any(need.fault for need in wanted):
        return Rehearsal(None, set())
    rules = _Pip(admission, wanted, consulted)
    search = PipSearch(rules, budget)
    # Requirements with extras come last; the order decides which releases are examined.
    first = [one for need in wanted for one in needs_of(need)]
    first.sort(key=lambda one: one.extras != ())
    try:
        found = search.run(first)
    except (DeadEnd, RecursionError):  # the last one where releases need themselves: pip's too
        return Rehearsal(None, rules.tried)
    except Broken as why:
        return Rehearsal(None, rules.tried, stopped=str(why), ended=True)
    pins = {one.name: one.version for one in found.values()}
    # pip reads METADATA of each release that it tries, and breaks off where it cannot.
    left = sorted(rules.tried - pins.items())
    stops = (admission.index.breaks_off(name, version, "pip") for name, version in left)
    if stopped := next(filter(None, stops), ""):
        return Rehearsal(None, rules.tried, stopped=stopped)
    return Rehearsal(pins, rules.tried, straight=not search.went_back)


@lru_cache(maxsize=100_000)
def _together(specifiers: str) -> tuple[bool, bool]:
    """Returns whether they admit pre-releases, and whether they pin one version."""
    them = SpecifierSet(specifiers)
    return bool(them.prereleases), pins_one(them)


class _Pip:
    """What pip's provider decides, see :class:`pypisync.core.resolve.pip_states.PipRules`."""

    def __init__(self, admission: Admission, wanted: Asked, consulted: set[str]) -> None:
        self._consulted = consulted
        self._consulted.update(need.name for need in wanted)
        self.tried: set[tuple[str, int]] = set()
        self._admission = admission
        self._order: dict[str, int] = {}
        for need in wanted:
            self._order.setdefault(identified(next(needs_of(need))), len(self._order))

    def rank(self, identifier: str, needs: Iterable[PipNeed]) -> tuple[Any, ...]:
        """Returns the order: pinned, with an upper bound, wanted by the root, all others."""
        asked = [asks(need.specifier) for need in needs]
        return (
            all(need.only is None for need in needs),
            not any(pinned for pinned, _, _ in asked),
            not any(upper for _, upper, _ in asked),
            self._order.get(identifier, math.inf),
            all(free for _, _, free in asked),
            identifier,
        )

    def candidates(self, name: str, specifiers: frozenset[str], only: int) -> int:
        """Returns the versions that pip's finder returns for all that is asked together."""
        versions, passed = self._admitted(name, specifiers)
        if passed:
            self.tried.add((name, passed.bit_length() - 1))
        if only != -1:
            versions = self._matching(name, specifiers) & ~self._admission.kinds(name).passed & only
        if versions:
            self.tried.add((name, versions.bit_length() - 1))
        return versions

    def accepted(self, need: PipNeed) -> int:
        """Returns the versions that meet a requirement once they are pinned."""
        if need.only is not None:
            return bit(need.only)
        return self._admission.matching(need.name, need.specifier)

    def required(self, candidate: PipCandidate) -> PipRequired:
        """Returns the requirements of the release, and those that its extras add."""
        self.tried.add((candidate.name, candidate.version))
        known = self._admission.required.get(candidate)
        if known is None:
            known = self._admission.required[candidate] = self._required(candidate)
        self._consulted |= known.projects
        return known

    def _required(self, candidate: PipCandidate) -> PipRequired:
        name, extras, version = candidate
        needs, end = self._read(candidate)
        found = [PipNeed(name, (), "", version)] if extras else []
        if any(need.fault for need in needs):
            found += [PipNeed(name, (), "", NONE)]  # nothing can meet it
        else:
            found += [one for need in needs for one in needs_of(need)]
        projects = frozenset(need.name for need in needs)
        return PipRequired([*found, *end], projects, frozenset(map(identified, found)))

    def _read(self, candidate: PipCandidate) -> tuple[list[Requirement], list[PipNeed]]:
        """Returns the requirements of a candidate, and what ends the search behind them."""
        name, extras, version = candidate
        index = self._admission.index
        found: list[Requirement] = []
        stop: EndOfReading | None = None
        for extra in ("", *extras):
            found += index.needs(name, version, extra)
            ends = filter(None, (stop, index.stop(name, version, extra)))
            stop = min(ends, key=lambda end: end.place, default=None)
        if stop is None and not extras:
            return found, []
        # Those of extras stand among the others, as METADATA has them.
        stated = index.usable(name)[version].release.needs
        places = {need: i for i, need in reversed(list(enumerate(stated)))}
        found.sort(key=lambda need: places.get(need, len(places)))
        if stop is None:
            return found, []
        why = index.said("pip", name, version, stop.why)
        found = [need for need in found if places.get(need, len(places)) < stop.place]
        return found, [PipNeed(name, (), why, END)]

    def _matching(self, name: str, specifiers: Iterable[str]) -> int:
        versions = -1
        for specifier in specifiers:
            versions &= self._admission.matching(name, specifier)
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
        asked = ",".join(filter(None, sorted(specifiers)))
        prereleases, pins = _together(self._admission.index.limited(name, asked))
        kinds = self._admission.kinds(name)
        every = ((1 << len(kinds.entries)) - 1) & ~kinds.unseen
        versions = every & self._matching(name, specifiers)
        if not prereleases:
            versions = versions & kinds.finals or versions
        sound = versions & ~kinds.yanked
        # What its METADATA rules out is passed over last.
        taken = (sound if sound or not pins else versions) & ~kinds.passed
        return taken, 0 if taken else versions
