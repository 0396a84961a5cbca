"""Whether a root or a group installs from an index on a target: the verdict, with its evidence.

There are four verdicts. *Proven*: there are pins, and a checker that shares nothing with the search
has passed them. *Refuted*: no installer can install it, and every step of the derivation has been
checked. *Undecided*: the budget was spent. *Blocked*: every solution depends on a release whose
needs cannot be known, because its markers make installers fail or no source states them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pypisync.core.budget import Budget, Spent
from pypisync.core.resolve import pip, uv
from pypisync.core.resolve.candidates import Admission, Mode
from pypisync.core.resolve.check_pins import Checker, faults, reached
from pypisync.core.resolve.check_refutation import Refutation, RefutationStep, Term, refutes
from pypisync.core.resolve.consensus import Agreement
from pypisync.core.resolve.explain import explained
from pypisync.core.resolve.pip import Rehearsal
from pypisync.core.resolve.solver import Solver
from pypisync.core.resolve.subject_verdict import PIP_ONLY, UV_ONLY, Verdict, both_verdicts
from pypisync.core.resolve.target_index import IndexNode, TargetIndex, Usable
from pypisync.core.standards.requires_python import INSTALLERS, Installer
from pypisync.core.wanted.groups import Asked

# The share of the budget for each of the two installers' own searches.
_SHARE = 4
# How often a search begins again because pip refuses its result, such as a yanked release. Of 1,200
# proofs of roots that conflict, two more stay undecided than with 16, for two thirds of the time.
_MOST_BARRED = 8
_SPENT = "the search was given up when its budget was spent"
MISSES = "ends its search before it comes to the installation that there is"
_OTHERS = "{} may come to other pins: its own search was given up when its budget was spent"


class Installed(Struct, frozen=True):
    """A release of an installation, with the extras that are asked of it."""

    name: str
    extras: tuple[str, ...]
    usable: Usable
    version: int = 0  # its position among the usable ones


class Proof(Struct, frozen=True):
    """The verdict on one root or group on one target, with its evidence."""

    verdict: Verdict
    pins: tuple[Installed, ...] = ()  # by name
    why: tuple[str, ...] = ()  # lines for people
    refutation: Refutation = ()
    steps: int = 0
    agreed: bool = False  # every resolver that prefers the newest release chooses these pins
    # The pins of installers that choose others, by their own order and rules.
    others: Mapping[str, tuple[Installed, ...]] = msgspec.field(default_factory=dict)
    consulted: frozenset[str] = frozenset()  # the projects that the verdict depends on
    rehearsals: Mapping[str, Rehearsal] = msgspec.field(default_factory=dict)  # by installer

    @property
    def found(self) -> bool:
        """Whether pip or uv comes to these pins, perhaps one of them alone."""
        return self.verdict == "proven" or (self.verdict == "blocked" and bool(self.rehearsals))


_NOTHING = Proof(
    "undecided",
    why=("neither pip's search nor uv's finds a solution, and no refutation stood up",),
)


def _unsure(proof: Proof, by: Installer) -> Proof:
    """Returns a proof that says that the installer may come to other pins, if it is proven."""
    said = (*proof.why, _OTHERS.format(by))
    return replace(proof, why=said) if proof.verdict == "proven" else proof


@dataclass(slots=True)
class Prover:
    """Proves on one target; facts that one proof works out are kept for the next."""

    index: TargetIndex
    admission: Admission = field(init=False)
    solver: Solver = field(init=False)
    agreement: Agreement = field(init=False)
    checker: Checker = field(init=False)
    _agreed_pins: dict[IndexNode, Installed] = field(init=False)
    _readers: "dict[Installer, Prover]" = field(init=False)

    def __post_init__(self) -> None:
        self._stand_on(self.index)

    def _stand_on(self, index: TargetIndex) -> None:
        self.index = index
        self.admission = Admission(self.index)
        self.solver = Solver(self.admission)
        self.agreement = Agreement(self.admission)
        self.checker = Checker(self.index)
        self._agreed_pins = {}
        self._readers = {}

    def whole(self, wanted: Asked, budget: Budget, name: str = "") -> Proof:
        """Returns the verdict that also stands pip's own search. Raises Lacking."""
        return self.rehearse(wanted, self.prove(wanted, budget, name), budget)

    def prove(self, wanted: Asked, budget: Budget, name: str = "") -> Proof:
        """Returns the verdict on requirements that are wanted together.

        Explanations call them ``name``. Markers of ``wanted`` are ignored. Raises Lacking.
        """
        before, used = budget.used, set[str]()
        index = self.index.asking(wanted)
        if (
            index is not self.index
        ):  # which versions are hopeless depends on all wanted requirements
            self._stand_on(index)
        self.solver.consulted = used
        proof = self._agreed(wanted) or self._decided(wanted, budget, name)
        return replace(proof, steps=budget.used - before, consulted=proof.consulted | used)

    def rehearse(self, wanted: Asked, proof: Proof, budget: Budget) -> Proof:
        """Returns the proof with pip's pins, if they differ; it is blocked if pip finds none.

        Raises Lacking.
        """
        if proof.verdict != "proven" or proof.agreed or "pip" in proof.rehearsals:
            return proof
        by_pip = self._rehearsed(pip.rehearsed, wanted, budget)
        proof = replace(proof, consulted=proof.consulted | self.solver.consulted)
        if by_pip.pins is not None and (doubts := self._doubts(by_pip.pins)):
            its = {**proof.others, "pip": self._pins(wanted, by_pip.pins)}
            return replace(proof, verdict="blocked", why=(UV_ONLY, *doubts), others=its)
        if by_pip.given_up:
            return _unsure(proof, "pip")
        if by_pip.pins is None:
            return replace(proof, verdict="blocked", why=(by_pip.stopped or f"pip {MISSES}",))
        return self._beside(wanted, proof, by_pip)

    def _beside(self, wanted: Asked, proof: Proof, by_pip: Rehearsal) -> Proof:
        """Returns a proof with what pip comes to, if that stands the check."""
        if by_pip.pins is None or not self._stands(wanted, by_pip.pins):
            return proof
        proof = replace(proof, rehearsals={**proof.rehearsals, "pip": by_pip})
        others = self._pins(wanted, by_pip.pins)
        if others == proof.pins:
            return proof
        return replace(proof, others={**proof.others, "pip": others})

    def _agreed(self, wanted: Asked) -> Proof | None:
        nodes = self.agreement.nodes(wanted)
        if nodes is None:
            return None
        pins = {name: version for name, version, _ in nodes}
        if not self.checker.passes(wanted, pins):
            return None
        return Proof("proven", self._of(nodes), agreed=True, consulted=frozenset(pins))

    def _decided(self, wanted: Asked, budget: Budget, name: str) -> Proof:
        """Returns the proof by uv's pins if pip accepts them, or by pip's own.

        Else by a search in any order. It begins again whenever pip refuses what it comes to as a
        pre-release or as yanked, so that it takes much longer.
        """
        by_uv, stopped = self._rehearsed(uv.rehearsed, wanted, budget), None
        if self._parts():
            return self._apart(wanted, budget, name)
        if by_uv.pins is not None:
            pins = self._pins(wanted, by_uv.pins)
            stopped = Proof("blocked", pins, tuple(self._doubts(by_uv.pins)))
            if not stopped.why and self.checker.passes(wanted, by_uv.pins):
                return Proof("proven", pins, rehearsals={"uv": by_uv})
        by_pip = self._rehearsed(pip.rehearsed, wanted, budget)
        if self._parts():  # pip looks at more than uv did
            return self._apart(wanted, budget, name)
        if stopped and stopped.why:
            return self._past(wanted, stopped, by_pip)
        if by_pip.ended and by_uv.pins is None:
            proof = Proof("blocked", why=tuple(filter(None, (by_pip.stopped, by_uv.stopped))))
        else:
            proof = self._kept(wanted, by_pip) or self._searched(wanted, budget) or _NOTHING
        if by_pip.given_up and any(step.kind == "barred" for step in proof.refutation):
            proof = Proof("undecided", why=(_SPENT,))
        if self._parts():  # and the search at more than pip
            return self._apart(wanted, budget, name)
        return self.told(wanted, self._beside_uv(wanted, proof, by_uv, by_pip), name)

    def _past(self, wanted: Asked, stopped: Proof, by_pip: Rehearsal) -> Proof:
        """Returns the proof where a release stops uv; pip may have a way past it."""
        if (
            by_pip.pins is None
            or self._doubts(by_pip.pins)
            or not self._stands(wanted, by_pip.pins)
        ):
            return stopped
        return replace(
            stopped, pins=self._pins(wanted, by_pip.pins), why=(PIP_ONLY, *stopped.why),
            others={"uv": stopped.pins}, rehearsals={"pip": by_pip},
        )  # fmt: skip

    def _beside_uv(self, wanted: Asked, proof: Proof, by_uv: Rehearsal, by_pip: Rehearsal) -> Proof:
        """Returns the proof by pip's rules, with what uv comes to by its own."""
        if by_uv.given_up:
            return _unsure(proof, "uv")
        if by_uv.pins is None:
            missed = by_pip.stopped or f"pip {MISSES}"
            found = PIP_ONLY if "pip" in proof.rehearsals else missed
            return self._not_by_uv(wanted, proof, by_uv, found)
        if faults(self.index, wanted, by_uv.pins, by="uv"):
            return proof
        others = {"uv": self._pins(wanted, by_uv.pins)}
        proof = replace(proof, others=others, rehearsals={**proof.rehearsals, "uv": by_uv})
        if proof.verdict != "refuted":
            return proof
        against = faults(self.index, wanted, by_uv.pins, by="pip")
        return replace(proof, verdict="blocked", why=(UV_ONLY, *against))

    def told(self, wanted: Asked, proof: Proof, name: str) -> Proof:
        """Returns the proof, with the words for its refutation if it is one."""
        if proof.verdict != "refuted":
            return proof
        return replace(proof, why=tuple(explained(self.index, wanted, proof.refutation, name)))

    def _kept(self, wanted: Asked, by_pip: Rehearsal) -> Proof | None:
        """Returns the proof by the pins that pip's own search has come to, if they stand."""
        if by_pip.pins is None or self._doubts(by_pip.pins):
            return None
        if not self._stands(wanted, by_pip.pins):
            return None
        return Proof("proven", self._pins(wanted, by_pip.pins), rehearsals={"pip": by_pip})

    def _stands(self, wanted: Asked, pins: Mapping[str, int]) -> bool:
        """Returns whether pins that pip's own search has come to stand the check."""
        if self.checker.passes(wanted, pins):
            return True
        return self.index.reader != "uv" and not faults(self.index, wanted, pins, kept=True)

    def _not_by_uv(self, wanted: Asked, proof: Proof, by_uv: Rehearsal, by_pip: str) -> Proof:
        """Returns the proof where uv finds no installation; what is said of pip comes first."""
        if proof.verdict != "proven":
            return proof
        pins = {pin.name: pin.version for pin in proof.pins}
        against = [by_uv.stopped] if by_uv.stopped else faults(self.index, wanted, pins, by="uv")
        return replace(proof, verdict="blocked", why=(by_pip, *against))

    def _apart(self, wanted: Asked, budget: Budget, name: str) -> Proof:
        """Returns the proof where installers read the facts differently: each has to find a way.

        The pins are uv's if pip takes them as well, for they are the newest; else pip's.
        """
        of_pip, of_uv = (self._by(by).alone(by, wanted, budget) for by in INSTALLERS)
        consulted = of_pip.consulted | of_uv.consulted
        if of_pip.verdict == "refuted":
            of_pip = self._by("pip").told(wanted, of_pip, name)
            if of_uv.verdict == "refuted":
                return replace(of_pip, consulted=consulted)
        of_uv = self._by("uv").told(wanted, of_uv, name)
        verdict, why = both_verdicts(of_pip, of_uv)
        chosen = {pin.name: pin.version for pin in of_uv.pins}
        both = bool(chosen) and self._by("pip").checker.passes(wanted, chosen)
        first, by, other = of_pip, "uv", of_uv
        uv_only = (of_pip.verdict, of_uv.verdict) == ("refuted", "proven")
        if both or not (of_pip.pins or uv_only):
            first, by, other = of_uv, "pip", of_pip
        others = {by: other.pins} if other.pins and other.pins != first.pins else {}
        rehearsals = {**of_pip.rehearsals, **of_uv.rehearsals}
        return Proof(
            verdict, first.pins, why, others=others, consulted=consulted, rehearsals=rehearsals
        )

    def _by(self, installer: Installer) -> "Prover":
        """Returns the prover by the facts as one installer reads them."""
        if installer not in self._readers:
            self._readers[installer] = Prover(self.index.read_by(installer))
        return self._readers[installer]

    def alone(self, by: Installer, wanted: Asked, budget: Budget) -> Proof:
        """Returns the proof for one installer, by its own search. Raises Lacking."""
        used = self.solver.consulted = set[str]()
        searched = uv.rehearsed if by == "uv" else pip.rehearsed
        own = self._rehearsed(searched, wanted, budget)
        if own.pins is not None:
            pins, why = self._pins(wanted, own.pins), tuple(self._doubts(own.pins))
            if why:
                proof = Proof("blocked", pins, why)
            elif found := faults(self.index, wanted, own.pins, by=by, kept=True):
                proof = Proof("undecided", why=tuple(found))
            else:
                proof = Proof("proven", pins, rehearsals={by: own})
        elif own.given_up:
            proof = Proof("undecided", why=(_SPENT,))
        elif own.ended:
            proof = Proof("blocked", why=(own.stopped,))
        else:
            solved = self._searched(wanted, budget)
            if solved is None and by == "uv":
                solved = self._kept(wanted, self._rehearsed(pip.rehearsed, wanted, budget))
            proof = solved or _NOTHING
            if proof.verdict == "proven":  # by pip's rules, in an order that is not the installer's
                chosen = {pin.name: pin.version for pin in proof.pins}
                against = [*self._passed(proof.pins, by)] or faults(self.index, wanted, chosen, by)
                missed = own.stopped or f"{by} {MISSES}"
                proof = Proof("blocked", why=tuple(against or [missed]))
        return replace(proof, consulted=frozenset(used))

    def _passed(self, pins: Iterable[Installed], by: Installer) -> Iterator[str]:
        for pin in pins:
            if by in pin.usable.passed:
                yield f"{by} passes over {pin.name} {pin.usable.release.version}"

    def _parts(self) -> bool:
        """Returns whether one of pip and uv passes over something that was looked at."""
        names = sorted(self.solver.consulted)
        return any(self.admission.kinds(name).parted for name in names)

    def _rehearsed(
        self,
        rehearsal: Callable[[Admission, Asked, Budget, set[str]], Rehearsal],
        wanted: Asked,
        budget: Budget,
    ) -> Rehearsal:
        """Returns the pins of an installer, within a share of the budget. Raises Lacking."""
        share = budget.share(_SHARE)
        try:
            return rehearsal(self.admission, wanted, share, self.solver.consulted)
        except Spent:
            return Rehearsal(None, set(), given_up=True)  # another order may do
        finally:
            budget.used = max(budget.used, share.used)

    def _searched(self, wanted: Asked, budget: Budget) -> Proof | None:
        """Returns the proof by a search in any order; None if it ends without a verdict."""
        for mode in (Mode.WIDE, Mode.TRUSTING):
            try:
                proof = self._search(wanted, mode, budget)
            except Spent:
                return Proof("undecided", why=(_SPENT,))
            if proof is not None:
                return proof
            if not any(self.admission.kinds(one).doubted for one in self.solver.consulted):
                break  # the other mode admits nothing else
        return None

    def _search(self, wanted: Asked, mode: Mode, budget: Budget) -> Proof | None:
        """Returns the verdict if this mode gives one. Raises Spent and Lacking."""
        barred: list[RefutationStep] = []
        while True:
            budget.step()
            budget.check()
            answer = self.solver.solve(wanted, mode, budget, barred)
            if not isinstance(answer, dict):
                if not refutes(self.index, wanted, answer):
                    return None
                return Proof("refuted", refutation=answer)
            if doubts := self._doubts(answer):
                return Proof("blocked", self._pins(wanted, answer), tuple(doubts))
            if self.checker.passes(wanted, answer):
                return Proof("proven", self._pins(wanted, answer))
            if len(barred) == _MOST_BARRED:
                return None
            terms = tuple(
                Term(name, 1 << pin, positive=True) for name, pin in sorted(answer.items())
            )
            barred.append(RefutationStep(terms, "barred"))

    def _doubts(self, pins: Mapping[str, int]) -> list[str]:
        chosen = (self.index.usable(name)[pin] for name, pin in sorted(pins.items()))
        return [f"{u.release.name} {u.release.version}: {u.doubt}" for u in chosen if u.doubt]

    def _of(self, nodes: Iterable[IndexNode]) -> tuple[Installed, ...]:
        """Returns the pins of nodes, by name; most pins occur in many proofs."""
        found: list[Installed] = []
        for node in sorted(nodes):
            name, version, extra = node
            if extra:  # its release has come before
                found[-1] = replace(found[-1], extras=(*found[-1].extras, extra))
                continue
            pin = self._agreed_pins.get(node)
            if pin is None:
                pin = Installed(name, (), self.index.usable(name)[version], version)
                self._agreed_pins[node] = pin
            found.append(pin)
        return tuple(found)

    def _pins(self, wanted: Asked, pins: Mapping[str, int]) -> tuple[Installed, ...]:
        asked = reached(self.index, wanted, pins)
        return tuple(
            Installed(
                name,
                tuple(sorted({extra for need in asked[name] for extra in need.extras})),
                self.index.usable(name)[pin],
                pin,
            )
            for name, pin in sorted(pins.items())
        )
