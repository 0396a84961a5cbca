"""Proves subjects one after the other on one target: what the cycle and ``prove`` have in common.

Metadata can be crafted to be more than a library can take. Whatever the proof of one subject
raises, that subject is undecided and the others go on.
"""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from pypisync.core.budget import Budget
from pypisync.core.environments.proof_targets import ProofTarget
from pypisync.core.resolve.builds import BuildProver, Builds
from pypisync.core.resolve.closure_pins import ClosureChoices
from pypisync.core.resolve.index import Lacking, Offers
from pypisync.core.resolve.prover import Proof, Prover
from pypisync.core.resolve.questions import Question, questions
from pypisync.core.resolve.subject_verdict import both_verdicts
from pypisync.core.resolve.target_index import TargetIndex
from pypisync.core.wanted.groups import Subject
from pypisync.errors import PypiSyncError


class SubjectProver:
    """Proves on one target; facts that one proof works out are kept for the next.

    ``bit`` is the target's, where the releases of ``offers`` have masks. ``calls_on``: what the
    closure chooses, if builds are to be mirrored.
    """

    def __init__(
        self,
        target: ProofTarget,
        offers: Offers,
        subjects: Sequence[Subject],
        bit: int = 0,
        calls_on: Callable[[Prover], ClosureChoices] | None = None,
    ) -> None:
        wanted = dict.fromkeys(need for one in subjects for need in one.wanted)
        for releases in offers.releases.values():
            for release in releases:
                wanted |= dict.fromkeys(release.build)
        self.shared = Prover(TargetIndex(target, offers, tuple(wanted), bit))
        self._builds = BuildProver(self.shared, calls_on)

    def questions(self, subject: Subject) -> list[Question]:
        """Returns how installers read what a subject asks for on this target."""
        return questions(self.shared, subject.wanted, subject.constraints)

    def whole(self, subject: Subject, budget: Budget) -> Proof:
        """Returns the proof of a subject, with its builds. Raises Lacking."""
        found = []
        for question in self.questions(subject):

            def prove(question: Question = question) -> Proof:
                return self.built(question, question.proof(budget, subject.text), budget)[0]

            found.append(unbroken(question, budget, prove))
        return together(*found)

    def built(self, question: Question, proof: Proof, budget: Budget) -> tuple[Proof, Builds]:
        """Returns a proof that was made for a reading, which stands only if sdists can be built.

        And what they take to be built, also where one installer alone comes to it. Raises Lacking.
        """
        if not proof.found:
            return proof, Builds()
        found = self._builds.of(question.prover, proof, budget)
        consulted = proof.consulted | found.consulted
        if proof.verdict != "proven":
            return replace(proof, consulted=consulted), found
        why = (*found.why, *proof.why)
        return replace(proof, verdict=found.verdict, why=why, consulted=consulted), found


def together(first: Proof, second: Proof | None = None) -> Proof:
    """Returns the proof for both installers by the one for both, or by pip's and uv's own."""
    if second is None:
        return first
    verdict, why = both_verdicts(first, second)
    pins, other = (first.pins, second.pins) if first.pins else (second.pins, ())
    return Proof(
        verdict, pins, why, steps=first.steps + second.steps,
        others={"uv": other} if other else {}, consulted=first.consulted | second.consulted,
    )  # fmt: skip


def unbroken(question: Question, budget: Budget, prove: Callable[[], Proof]) -> Proof:
    """Returns the proof that ``prove`` makes, an undecided one if it breaks off.

    Raises Lacking.
    """
    try:
        return prove()
    except (Lacking, PypiSyncError):  # facts are to be read, or the cycle is to stop
        raise
    except Exception as error:  # noqa: BLE001 - see above
        why = f"the search broke off: {type(error).__name__}: {error}"
        consulted = frozenset(
            question.prover.solver.consulted | {need.name for need in question.wanted}
        )
        return Proof("undecided", why=(why,), steps=budget.used, consulted=consulted)
