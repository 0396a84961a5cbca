"""Whether a root installs from an index on a target: the verdict, with its evidence.

Four verdicts that are never confused. *Proven*: here are the pins, and a checker that knows
nothing of the search has passed them. *Refuted*: nothing installs it, and every step of the
derivation has been checked. *Undecided*: the budget was spent. *Blocked*: it would hang on a
release whose needs cannot be known (its markers make installers fail, or nobody states them).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pypisync.core.explain import explained
from pypisync.core.ground import Ground, Usable
from pypisync.core.model import Requirement
from pypisync.core.pins import faults, reached
from pypisync.core.refutation import Clause, Refutation, Term, refutes
from pypisync.core.solver import Budget, Mode, Solver, Spent

Verdict = Literal["proven", "refuted", "undecided", "blocked"]


@dataclass(frozen=True, slots=True)
class Pin:
    """A release of an installation, with the extras that are asked of it."""

    name: str
    extras: tuple[str, ...]
    usable: Usable


@dataclass(frozen=True, slots=True)
class Proof:
    """What came out for one root on one target."""

    verdict: Verdict
    pins: tuple[Pin, ...] = ()  # by name
    why: tuple[str, ...] = ()  # lines for people
    refutation: Refutation = ()
    steps: int = 0


@dataclass(slots=True)
class Prover:
    """Proves roots on one target; what one root teaches helps the next."""

    ground: Ground
    solver: Solver = field(init=False)

    def __post_init__(self) -> None:
        self.solver = Solver(self.ground)

    def prove(self, root: Requirement, budget: Budget) -> Proof:
        """The verdict on one root. Its text, specifier and extras are looked at, no marker."""
        before = budget.used
        if root not in self.ground.roots:  # what is hopeless hangs on all that can be asked for
            self.ground = self.ground.with_root(root)
            self.solver = Solver(self.ground)
        proof = self._decided(root, budget)
        return Proof(proof.verdict, proof.pins, proof.why, proof.refutation, budget.used - before)

    def _decided(self, root: Requirement, budget: Budget) -> Proof:
        try:
            for mode in Mode:
                proof = self._search(root, mode, budget)
                if proof is not None:
                    return proof
        except Spent:
            return Proof("undecided", why=("the search was given up when its budget was spent",))
        return Proof("undecided", why=("no solution was found, and no refutation stood up",))

    def _search(self, root: Requirement, mode: Mode, budget: Budget) -> Proof | None:
        """The verdict if this mode gives one. Raises Spent."""
        barred: list[Clause] = []
        while True:
            budget.step()
            answer = self.solver.solve(root, mode, budget, barred)
            if not isinstance(answer, dict):
                if not refutes(self.ground, root, answer):
                    return None
                why = explained(self.ground, root, answer)
                return Proof("refuted", why=tuple(why), refutation=answer)
            if doubts := self._doubts(answer):
                return Proof("blocked", why=tuple(doubts))
            if not faults(self.ground, root, answer):
                return Proof("proven", self._pins(root, answer))
            if mode is Mode.STRICT:  # never, unless the search and its checker differ
                return None
            terms = tuple(
                Term(name, 1 << pin, positive=True) for name, pin in sorted(answer.items())
            )
            barred.append(Clause(terms, "barred"))

    def _doubts(self, pins: Mapping[str, int]) -> list[str]:
        chosen = (self.ground.usable(name)[pin] for name, pin in sorted(pins.items()))
        return [f"{u.release.name} {u.release.version}: {u.doubt}" for u in chosen if u.doubt]

    def _pins(self, root: Requirement, pins: Mapping[str, int]) -> tuple[Pin, ...]:
        asked = reached(self.ground, root, pins)
        return tuple(
            Pin(
                name,
                tuple(sorted({extra for need in asked[name] for extra in need.extras})),
                self.ground.usable(name)[pin],
            )
            for name, pin in sorted(pins.items())
        )
