"""Whether sdists can be built: what each needs for it installs, in an environment of its own.

pip and uv build an sdist with what ``[build-system] requires`` asks for (PEP 518), from the same
index, whatever is installed besides; constraints do not count there. pip builds what it merely
looks at, too, and ends its search where that fails. Nothing is run here: that the build itself ends
well is not known.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import TypeAlias

from msgspec import Struct, field

from pypisync.core.budget import Budget
from pypisync.core.resolve.closure_pins import ClosureChoices
from pypisync.core.resolve.index import ListedRelease
from pypisync.core.resolve.prover import Installed, Proof, Prover
from pypisync.core.resolve.questions import Question, questions
from pypisync.core.resolve.self_sufficiency import missed
from pypisync.core.resolve.subject_verdict import Verdict
from pypisync.core.resolve.target_index import TargetIndex
from pypisync.core.wanted.groups import Asked

_Key: TypeAlias = tuple[Asked, ...]  # what is asked for, as installers read it


class Builds(Struct):
    """What builds come to."""

    verdict: Verdict = "proven"
    why: tuple[str, ...] = ()
    releases: set[tuple[str, str]] = field(default_factory=set)  # to be mirrored for them
    consulted: set[str] = field(default_factory=set)  # the projects that this depends on

    def add(self, other: "Builds") -> None:
        """Add another build, which has to end well, too."""
        self.releases |= other.releases
        self.consulted |= other.consulted
        if self.verdict == "proven":
            self.verdict, self.why = other.verdict, other.why


class BuildProver(Struct):
    """Proves builds on one target; many sdists need the same, which is proven once."""

    prover: Prover
    calls_on: Callable[[Prover], ClosureChoices] | None = None  # None: nothing is to be mirrored
    _known: dict[_Key, Builds] = field(default_factory=dict)
    # What was given up, and the steps and seconds that it had.
    _given_up: dict[_Key, tuple[Builds, int, float]] = field(default_factory=dict)
    _begun: list[_Key] = field(default_factory=list)

    def of(self, prover: Prover, proof: Proof, budget: Budget) -> Builds:
        """Returns what a proof, made by ``prover``, takes to be built. Raises Lacking."""
        found = Builds()
        for release in _built(prover.index, proof):
            found.consulted.add(release.name)
            if found.verdict != "undecided":
                found.add(self._build(release, budget))
        return found

    def _build(self, release: ListedRelease, budget: Budget) -> Builds:
        label = f"{release.name} {release.version}"
        asked = questions(self.prover, release.build)
        if fault := next(_faults(asked), ""):
            return Builds("blocked", (f"{label} cannot be built: {fault}",))
        if _key(asked) in self._begun:
            return Builds("blocked", (f"{label} cannot be built without having been built",))
        found = self._environment(asked, budget)
        if found.verdict == "proven":
            return found
        verdict: Verdict = "undecided" if found.verdict == "undecided" else "blocked"
        why = (f"what {label} needs to be built cannot be installed:", *found.why)
        return Builds(verdict, why, found.releases, found.consulted)

    def _environment(self, asked: Sequence[Question], budget: Budget) -> Builds:
        """Returns whether an environment with all that is asked for can be had.

        A search that was given up is not made again for each root, unless that has more for it.
        """
        key = _key(asked)
        if (known := self._known.get(key)) is not None:
            return known
        left = budget.left()
        if had := self._given_up.get(key):
            found, steps, seconds = had
            if budget.steps <= steps and left <= 2 * seconds:
                return found
        found = Builds()
        for one in asked:
            found.add(self._proven(one, key, budget))
        if found.verdict == "undecided":
            self._given_up[key] = found, budget.steps, left
        # What fails within another build may fail for that one alone.
        elif found.verdict == "proven" or not self._begun:
            self._known[key] = found
        return found

    def _proven(self, one: Question, key: _Key, budget: Budget) -> Builds:
        own = replace(budget, used=0)  # so that it matters to nobody who asked for it first
        proof = one.proof(own, "the build")
        found = Builds(proof.verdict, proof.why, consulted=set(proof.consulted))
        if proof.found:
            found.releases, met = self._mirrored(one.prover, proof, one.wanted, own)
            found.consulted |= met
            self._begun.append(key)
            try:
                found.add(self.of(one.prover, proof, budget))
            finally:
                self._begun.pop()
        return found

    def _mirrored(
        self, prover: Prover, proof: Proof, asked: Asked, budget: Budget
    ) -> tuple[set[tuple[str, str]], set[str]]:
        """Returns the releases that the closure does not call for, and the projects looked at."""
        if self.calls_on is None:
            return set(), set()
        calling = self.calls_on(prover)
        some, met = missed(proof, calling, asked, budget) if proof.rehearsals else (set(), set())
        for pins in (proof.pins, *proof.others.values()):
            called = calling.called(asked, {pin.name: pin.version for pin in pins})
            some |= {(pin.name, pin.version) for pin in pins if pin.name not in called}
        return {(n, prover.index.usable(n)[i].release.version) for n, i in some}, met


def _key(asked: Sequence[Question]) -> _Key:
    return tuple(one.wanted for one in asked)


def _faults(asked: Sequence[Question]) -> Iterator[str]:
    """Yields why an installer stops at what a build asks for."""
    for one in asked:
        if one.fault:
            yield one.fault
        yield from (f'"{need.text}": {need.fault}' for need in one.wanted if need.fault)


def _pins(proof: Proof) -> Iterator[Installed]:
    return chain(proof.pins, *proof.others.values())


def _built(index: TargetIndex, proof: Proof) -> list[ListedRelease]:
    """Returns the releases that are built for a proof, by name and version."""
    found = {(pin.name, pin.version) for pin in _pins(proof) if index.is_built(pin.usable)}
    for one in proof.rehearsals.values():
        found |= {(name, i) for name, i in one.tried if index.is_built(index.usable(name)[i])}
    return [index.usable(name)[i].release for name, i in sorted(found)]
