"""Proves subjects on all proof targets, and finds the pins that have to be mirrored.

It depends on nothing but what it is given, so that several processes can share the work.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from pypisync.core.budget import Budget
from pypisync.core.environments.proof_targets import ProofTarget, served
from pypisync.core.resolve.builds import Builds
from pypisync.core.resolve.closure_pins import ClosureChoices
from pypisync.core.resolve.index import Lacking, Offers
from pypisync.core.resolve.prover import Installed, Proof, Prover
from pypisync.core.resolve.questions import Question
from pypisync.core.resolve.self_sufficiency import missed
from pypisync.core.resolve.subject_prover import SubjectProver, unbroken
from pypisync.core.resolve.subject_verdict import SubjectVerdict, apart, joined
from pypisync.core.standards.model import Pin, Targets
from pypisync.core.wanted.groups import Asked, Subject

_MISSING = "facts are missing that could not be read yet"


class ProofTask(Struct, frozen=True):
    """What proofs are made of."""

    environments: Targets  # that the mirror is for
    machines: tuple[ProofTarget, ...]  # on which subjects are proven
    facts: Offers
    wanted: Sequence[Subject]  # all that is to be proven


class SubjectProofs(NamedTuple):
    """What the proofs of one subject come to."""

    subject: Subject
    verdicts: list[SubjectVerdict]
    projects: frozenset[str] = frozenset()  # whose documents are lacking
    releases: frozenset[int] = frozenset()  # whose requirements are lacking, by id


class SubjectsProver:
    """Proves subjects; what one proof works out is kept for the next."""

    def __init__(self, task: ProofTask, budget: Callable[[], Budget]) -> None:
        self._machines = task.machines
        self._budget = budget  # each proof gets one of its own
        self._provers = [_MachineProver(task, number) for number in range(len(task.machines))]

    def prove(self, subjects: Iterable[Subject]) -> Iterator[SubjectProofs]:
        """Yields the proofs of subjects as they are made."""
        for subject in subjects:
            yield self._prove(subject)

    def _prove(self, subject: Subject) -> SubjectProofs:
        verdicts: list[SubjectVerdict] = []
        projects, releases = frozenset[str](), frozenset[int]()
        for machine, prover in zip(self._machines, self._provers, strict=True):
            try:
                verdict = prover.verdict(subject, self._budget())
            except Lacking as lack:
                projects, releases = projects | lack.projects, releases | lack.releases
                verdict = SubjectVerdict((), "undecided", why=(_MISSING,))
            verdicts.append(replace(verdict, targets=(machine.name,)))
        return SubjectProofs(subject, joined(verdicts), projects, releases)


class _MachineProver:
    """Proves subjects on one target."""

    def __init__(self, task: ProofTask, number: int) -> None:
        target = task.machines[number]
        self._environments = task.environments
        self._served = served(target, task.environments)
        self._subjects = SubjectProver(target, task.facts, task.wanted, 1 << number, self._calls_on)
        self._calling = self._choices(self._subjects.shared)

    def verdict(self, subject: Subject, budget: Budget) -> SubjectVerdict:
        """Returns the verdict on a subject. Raises Lacking."""
        found = []
        for question in self._subjects.questions(subject):
            budget.check()  # a request to stop the cycle is noticed here too
            found.append(self._verdict(question, budget, subject.text))
        return found[0] if len(found) == 1 else apart(*found)

    def _verdict(self, question: Question, budget: Budget, name: str) -> SubjectVerdict:
        """Returns the verdict on what is asked for as it is read. Raises Lacking."""
        calling = self._calls_on(question.prover)
        pins: tuple[Pin, ...] = ()
        tried, met, builds = set[tuple[str, int]](), set[str](), Builds()

        def prove() -> Proof:
            nonlocal pins, tried, met, builds
            proof = question.proof(budget, name)
            if proof.rehearsals:
                tried, met = missed(proof, calling, question.wanted, budget)
            pins = _pins(proof, calling, question.wanted)
            proof, builds = self._subjects.built(question, proof, budget)
            return proof

        proof = unbroken(question, budget, prove)
        usable = question.prover.index.usable
        return SubjectVerdict(
            (),
            proof.verdict,
            pins,
            proof.why,
            proof.steps,
            proof.consulted | met,
            frozenset({(n, usable(n)[i].release.version) for n, i in tried} | builds.releases),
        )

    def _calls_on(self, prover: Prover) -> ClosureChoices:
        return self._calling if prover is self._subjects.shared else self._choices(prover)

    def _choices(self, prover: Prover) -> ClosureChoices:
        return ClosureChoices(prover.index, self._served, self._environments.groups)


def _pins(proof: Proof, calling: ClosureChoices, wanted: Asked) -> tuple[Pin, ...]:
    """Returns the pins to be stored: the solver's, and those of installers that differ."""
    found = _stored(proof.pins, "solver", calling, wanted)
    have = {(pin.name, pin.version) for pin in found}
    for installer, pins in proof.others.items():
        others = _stored(pins, installer, calling, wanted)
        found += [pin for pin in others if (pin.name, pin.version) not in have]
    return tuple(found)


def _stored(
    pins: Sequence[Installed], chosen_by: str, calling: ClosureChoices, wanted: Asked
) -> list[Pin]:
    called = calling.called(wanted, {pin.name: pin.version for pin in pins})
    return [
        Pin(
            one.name,
            one.usable.release.version,
            one.extras,
            chosen_by,
            added=one.name not in called,
        )
        for one in pins
    ]
