"""Proves subjects one after the other on one target: what the cycle and ``prove`` have in common.

Metadata can be crafted to be more than a library can take. Whatever the proof of one subject
raises, that subject is undecided and the others go on.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from pypisync.core.budget import Budget
from pypisync.core.environments.proof_targets import ProofTarget
from pypisync.core.resolve.builds import BuildProver, Builds
from pypisync.core.resolve.closure_pins import ClosureChoices
from pypisync.core.resolve.index import Lacking, Offers
from pypisync.core.resolve.pinned import pinned
from pypisync.core.resolve.prover import Proof, Prover
from pypisync.core.resolve.target_index import TargetIndex
from pypisync.core.wanted.groups import Asked, Subject, limits
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

    def set_up(self, subject: Subject) -> tuple[Prover, Asked]:
        """Returns the prover for a subject, and what the subject asks for on this target.

        Constraints hide releases and pins may change one, so such a subject gets a prover of its
        own.
        """
        index = self.shared.index
        wanted, bounds = index.applying(subject.wanted), index.applying(subject.constraints)
        offers = pinned(index.offers, (*wanted, *bounds))
        if not bounds and offers is index.offers:
            return self.shared, wanted
        return Prover(TargetIndex(index.target, offers, wanted, index.bit, limits(bounds))), wanted

    def whole(self, prover: Prover, wanted: Asked, budget: Budget, name: str) -> Proof:
        """Returns the proof that ``prover`` makes, with its builds. Raises Lacking."""
        return self.built(prover, prover.whole(wanted, budget, name), budget)[0]

    def built(self, prover: Prover, proof: Proof, budget: Budget) -> tuple[Proof, Builds]:
        """Returns a proof that ``prover`` made, which stands only if its sdists can be built.

        And what they take to be built. Raises Lacking.
        """
        if proof.verdict != "proven":
            return proof, Builds()
        found = self._builds.of(prover, proof, budget)
        consulted = proof.consulted | found.consulted
        why = (*found.why, *proof.why)
        return replace(proof, verdict=found.verdict, why=why, consulted=consulted), found


def unbroken(prover: Prover, wanted: Asked, budget: Budget, prove: Callable[[], Proof]) -> Proof:
    """Returns the proof that ``prove`` makes, an undecided one if it breaks off.

    Raises Lacking.
    """
    try:
        return prove()
    except (Lacking, PypiSyncError):  # facts are to be read, or the cycle is to stop
        raise
    except Exception as error:  # noqa: BLE001 - see above
        why = f"the search broke off: {type(error).__name__}: {error}"
        consulted = frozenset(prover.solver.consulted | {need.name for need in wanted})
        return Proof("undecided", why=(why,), steps=budget.used, consulted=consulted)
