"""Proves what is open: every root, and every group as a whole, on every proof target.

Proofs are made over everything that upstream offers and the configuration keeps, so that installers
choose the same pins from the mirror as from upstream. The pins become part of the selection.
Missing facts are fetched, and the proof is made again when they have been read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import policy
from pypisync.catalog.facts.offered import all_files
from pypisync.catalog.facts.requirements import ask_for
from pypisync.catalog.proofs import verdicts
from pypisync.catalog.proofs.index import offers, weight
from pypisync.catalog.proofs.verdicts import Verdict
from pypisync.catalog.selection import roots
from pypisync.core.display import show_size
from pypisync.core.environments.proof_targets import served
from pypisync.core.resolve.index import Lacking, OfferedFile, Offers
from pypisync.core.standards.model import Pin
from pypisync.core.wanted.groups import Asked, Subject, group_text, of_group, of_root
from pypisync.cycle.mirror import Mirror

# Most cycles have nothing to prove, and need not wait for the solvers.
if TYPE_CHECKING:
    from pypisync.core.resolve.closure_pins import ClosureChoices
    from pypisync.core.resolve.prover import Installed, Proof, Prover

_MOST_AHEAD = 32
# Subjects that are proven at a time: what they can reach is in memory meanwhile.
_BATCH = 5_000
# Bytes that releases may take which installers only examine: so much for one verdict.
_MOST_EXAMINED = 2**30
_MISSING = "facts are missing that could not be read yet"


@dataclass(slots=True)
class ProofResults:
    """The results of proofs in one cycle."""

    # Projects, and releases as "name==version": what is lacking of it still cannot be had now.
    asked: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)  # subjects whose missing facts cannot be read now


def prove_open(mirror: Mirror, results: ProofResults) -> bool:
    """Prove open subjects. Returns whether there is more to do.

    That is: facts to be read, releases to be decided on, or other subjects.
    """
    with mirror.catalog.begin() as connection:
        verdicts.open_touched(connection)
        due = [text for text in verdicts.open_subjects(connection) if text not in results.unsure]
        texts = due[:_BATCH]
        if not texts:
            return False
        subjects = _subjects(mirror, texts)
        facts = offers(connection, {need.name for one in subjects for need in one.wanted})
    facts.look_up = partial(_all_files, mirror)
    mirror.watch.step("proofs", len(subjects))
    found, lacking = _prove(mirror, subjects, facts)
    # A search that has come this far will often want older releases next.
    now, ahead = mirror.now(), min(len(results.asked), _MOST_AHEAD)
    with mirror.catalog.begin() as connection:
        asked = ask_for(
            connection,
            {name for one in lacking.values() for name in one.projects},
            {number for one in lacking.values() for number in one.releases},
            ahead,
            now,
        )
        fresh = not asked <= results.asked
        results.asked |= asked
        unsure = set[str]() if fresh else set(lacking)
        results.unsure |= unsure
        complete = {text: some for text, some in found.items() if text not in lacking}
        complete |= {text: found[text] for text in unsure}
        complete = {text: _without_lost(facts, some) for text, some in complete.items()}
        complete = {text: _with_rules(connection, some) for text, some in complete.items()}
        complete = {text: _affordable(connection, some) for text, some in complete.items()}
        verdicts.record(connection, complete, unsure, now)
        repaired = roots.repair(connection, verdicts.repairs(connection))
    return fresh or repaired or len(due) > len(texts)


def _all_files(mirror: Mirror, name: str) -> Sequence[OfferedFile]:
    with mirror.catalog.begin() as connection:
        return all_files(connection, name, mirror.rules.policy)


def _subjects(mirror: Mirror, texts: Sequence[str]) -> list[Subject]:
    from pypisync.core.standards import requirements

    groups = {group_text(group): group for group in mirror.groups}
    return [
        of_group(groups[text]) if text in groups else of_root(requirements.parse(text))
        for text in texts
    ]


def _prove(
    mirror: Mirror, subjects: Sequence[Subject], facts: Offers
) -> tuple[dict[str, list[Verdict]], dict[str, Lacking]]:
    """Returns the verdicts of each subject, and the facts that it lacks."""
    found: dict[str, list[Verdict]] = {one.text: [] for one in subjects}
    lacking: dict[str, Lacking] = {}
    machines = mirror.rules.machines.all
    provers = [_Bench(mirror, i, facts, subjects) for i in range(len(machines))]
    for subject in subjects:
        for machine, bench in zip(machines, provers, strict=True):
            try:
                verdict = bench.verdict(subject)
            except Lacking as lack:
                before = lacking.get(subject.text, Lacking())
                lacking[subject.text] = Lacking(
                    before.projects | lack.projects, before.releases | lack.releases
                )
                verdict = Verdict((), "undecided", why=(_MISSING,))
            _join(found[subject.text], replace(verdict, targets=(machine.name,)))
        mirror.watch.advance()
    return found, lacking


def _without_lost(facts: Offers, found: Sequence[Verdict]) -> list[Verdict]:
    """Returns the verdicts; nothing is refuted for a project that merely cannot be read."""
    return [
        replace(one, verdict="blocked")
        if one.verdict == "refuted" and facts.lost.keys() & one.consulted
        else one
        for one in found
    ]


def _with_rules(connection: Transaction, found: Sequence[Verdict]) -> list[Verdict]:
    """Returns the verdicts; a refusal says what the policy bars of the projects involved."""
    told = []
    for one in found:
        rules = {}
        if one.verdict == "refuted":
            rules = policy.rules_on(connection, one.consulted)
        why = (*one.why, *(rules[name] for name in sorted(rules)))
        told.append(replace(one, why=why) if rules else one)
    return told


def _affordable(connection: Transaction, found: Sequence[Verdict]) -> list[Verdict]:
    """Returns the verdicts, without the examined releases where those would take too much room.

    What installers come to from the mirror may then differ, and the verdict says so.
    """
    told = []
    for one in found:
        size = weight(connection, one.tried) if one.tried else 0
        if size > _MOST_EXAMINED:
            note = (
                f"installers examine {len(one.tried)} releases besides the pins, which are not"
                f" mirrored, for they take {show_size(size)}, more than"
                f" {show_size(_MOST_EXAMINED)}: from the mirror they may come to other pins"
            )
            told.append(replace(one, why=(*one.why, note), tried=frozenset()))
        else:
            told.append(one)
    return told


def _join(found: list[Verdict], one: Verdict) -> None:
    """Add a verdict to those of other targets, as one where it is the same."""
    for i, other in enumerate(found):
        if other.same_as(one):
            found[i] = replace(
                other,
                targets=other.targets + one.targets,
                steps=other.steps + one.steps,
                consulted=other.consulted | one.consulted,
            )
            return
    found.append(one)


class _Bench:
    """Proves subjects on one target."""

    def __init__(
        self, mirror: Mirror, number: int, facts: Offers, subjects: Sequence[Subject]
    ) -> None:
        from pypisync.core.resolve.subject_prover import SubjectProver

        self._mirror = mirror
        target = mirror.rules.machines.all[number]
        self._served = served(target, mirror.rules.targets)
        self._subjects = SubjectProver(target, facts, subjects, 1 << number)
        self._calling = self._calls_on(self._subjects.shared)

    def verdict(self, subject: Subject) -> Verdict:
        """Returns the verdict on a subject. Raises Lacking."""
        from pypisync.core.resolve.self_sufficiency import missed
        from pypisync.core.resolve.subject_prover import unbroken

        prover, wanted = self._subjects.set_up(subject)
        calling = self._calling
        if prover is not self._subjects.shared:
            calling = self._calls_on(prover)
        budget = self._mirror.budget()
        budget.check()  # a request to stop the cycle is noticed here too
        pins: tuple[Pin, ...] = ()
        tried, met = set[tuple[str, int]](), set[str]()

        def prove() -> "Proof":
            nonlocal pins, tried, met
            proof = prover.prove(wanted, budget, subject.text)
            proof = prover.rehearse(wanted, proof, budget)
            if proof.rehearsals:
                tried, met = missed(proof, calling, wanted, budget)
            pins = _pins(proof, calling, wanted)
            return proof

        proof = unbroken(prover, wanted, budget, prove)
        return Verdict(
            (),
            proof.verdict,
            pins,
            proof.why,
            proof.steps,
            proof.consulted | met,
            frozenset((n, prover.index.usable(n)[i].release.version) for n, i in tried),
        )

    def _calls_on(self, prover: "Prover") -> "ClosureChoices":
        from pypisync.core.resolve.closure_pins import ClosureChoices

        return ClosureChoices(prover.index, self._served, self._mirror.rules.targets.groups)


def _pins(proof: "Proof", calling: "ClosureChoices", wanted: Asked) -> tuple[Pin, ...]:
    """Returns the pins to be stored: the solver's, and those of installers that differ."""
    found = _stored(proof.pins, "solver", calling, wanted)
    have = {(pin.name, pin.version) for pin in found}
    for installer, pins in proof.others.items():
        others = _stored(pins, installer, calling, wanted)
        found += [pin for pin in others if (pin.name, pin.version) not in have]
    return tuple(found)


def _stored(
    pins: "Sequence[Installed]", chosen_by: str, calling: "ClosureChoices", wanted: Asked
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
