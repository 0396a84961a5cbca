"""What is asked for, as pip and uv read it: a marker or a ``===`` can say another thing to each.

Almost always both read the same, and one proof is for both. Else each has a proof of its own over
the facts as it reads them, and what is asked for is proven only if both of them are.
"""

from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from pypisync.core.budget import Budget
from pypisync.core.resolve.index import Offers
from pypisync.core.resolve.pinned import pinned
from pypisync.core.resolve.prover import Proof, Prover
from pypisync.core.resolve.target_index import TargetIndex
from pypisync.core.standards.model import Requirement
from pypisync.core.standards.requires_python import Installer
from pypisync.core.standards.uv_markers import read_by_uv
from pypisync.core.wanted.groups import Asked, limits


class Question(Struct, frozen=True):
    """What is asked for on one target, as one installer reads it or as both do."""

    prover: Prover
    wanted: Asked
    by: Installer | None = None  # None: both
    fault: str = ""  # why the installer stops at what is asked for

    def proof(self, budget: Budget, name: str) -> Proof:
        """Returns the proof. Raises Lacking."""
        if self.fault:
            return Proof("blocked", why=(self.fault,))
        if self.by is None:
            return self.prover.whole(self.wanted, budget, name)
        before = budget.used
        proof = self.prover.alone(self.by, self.wanted, budget)
        return replace(self.prover.told(self.wanted, proof, name), steps=budget.used - before)


class _Read(NamedTuple):
    wanted: Asked
    bounds: Asked
    fault: str


def questions(shared: Prover, asked: Asked, constraints: Asked = ()) -> list[Question]:
    """Returns how installers read what is asked for: as one question, or as pip's and uv's.

    Constraints hide releases and pins may change one, so these have a prover of their own; else it
    is ``shared``.
    """
    index = shared.index
    by_pip = _read(index, asked, constraints)
    if not all(map(_alike, (*asked, *constraints))):
        by_uv = _read(index.read_by("uv"), asked, constraints)
        if by_uv != by_pip:
            return [_apart(index, by_pip, "pip"), _apart(index, by_uv, "uv")]
    offers = pinned(index.offers, (*by_pip.wanted, *by_pip.bounds))
    if by_pip.bounds or offers is not index.offers:
        shared = _prover(index, offers, by_pip)
    return [Question(shared, by_pip.wanted, None, by_pip.fault)]


def _alike(need: Requirement) -> bool:
    return "===" not in need.specifier and read_by_uv(need.marker) == need.marker


def _read(index: TargetIndex, asked: Asked, constraints: Asked) -> _Read:
    faults = filter(None, map(index.fault, (*asked, *constraints)))
    return _Read(index.applying(asked), index.applying(constraints), next(faults, ""))


def _apart(index: TargetIndex, read: _Read, by: Installer) -> Question:
    offers = pinned(index.offers, (*read.wanted, *read.bounds))
    return Question(_prover(index, offers, read, by), read.wanted, by, read.fault)


def _prover(index: TargetIndex, offers: Offers, read: _Read, by: Installer | None = None) -> Prover:
    bounds = limits(read.bounds)
    return Prover(TargetIndex(index.target, offers, read.wanted, index.bit, bounds, by))
