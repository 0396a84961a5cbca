"""Whether installers come to the same pins from a mirror of one root as from upstream.

Mirroring the pins is not always enough: resolvers also examine candidates that they later reject,
and without those they may decide differently. A search that meets fewer conflicts decides in
another order, and a pre-release is taken where the finals that stand in its way upstream are
missing. In these cases the examined candidates are mirrored too, and where that is not enough also
the releases next to them.
"""

from collections.abc import Mapping
from functools import partial

from pypisync.core.budget import Budget, Spent
from pypisync.core.resolve import pip, uv
from pypisync.core.resolve.candidates import Admission
from pypisync.core.resolve.closure_pins import ClosureChoices
from pypisync.core.resolve.index import Lacking
from pypisync.core.resolve.prover import Proof
from pypisync.core.resolve.target_index import TargetIndex
from pypisync.core.wanted.groups import Asked

_REHEARSALS = {"uv": uv.rehearsed, "pip": pip.rehearsed}
_SHARE = 4  # of the budget

Found = set[tuple[str, int]]
"""Projects, and positions of versions among the usable ones."""


def missed(
    proof: Proof, calling: ClosureChoices, wanted: Asked, budget: Budget
) -> tuple[Found, set[str]]:
    """Returns the releases that have to be mirrored besides the pins, and the projects looked at.

    There are none in most cases. Facts that have not been read yet are not waited for: they come
    with the selection, and then this is worked out again.
    """
    index = calling.index
    pins = {(p.name, p.version) for some in (proof.pins, *proof.others.values()) for p in some}
    kept, met = _alone(calling, wanted, pins)
    if all(one.tried <= pins for one in proof.rehearsals.values() if one.pins is not None):
        return set(), met  # nothing else was examined, so nothing else can be needed
    looked_at: Found = set()
    for one in proof.rehearsals.values():
        looked_at |= one.tried - pins if one.pins is not None else set()
    if _same(proof, calling, wanted, budget, (kept, met)):
        return set(), met
    if _same(proof, calling, wanted, budget, (_with(kept, looked_at), met)) is not False:
        return looked_at, met
    # uv takes what lies between two releases together, so that also what it does not try counts.
    around = {(name, pin + step) for name, pin in looked_at | pins for step in (-1, 1)}
    there = {(n, pin) for n, pin in around if 0 <= pin < len(index.usable(n))}
    return looked_at | (there - pins), met


def _same(
    proof: Proof,
    calling: ClosureChoices,
    wanted: Asked,
    budget: Budget,
    alone: tuple[dict[str, set[int]], set[str]],
) -> bool | None:
    """Returns whether installers come to the same pins where nothing but ``alone`` is kept.

    None: a search was given up. Projects that they look at are added to its second part.
    """
    index, (kept, met) = calling.index, alone
    there = Admission(index.only(kept, wanted))
    same = True
    for installer, upstream in proof.rehearsals.items():
        if upstream.pins is None:
            continue
        if upstream.straight and all(pin in kept.get(name, ()) for name, pin in upstream.tried):
            continue
        rehearsal = partial(_REHEARSALS[installer], there, wanted)
        try:
            here = rehearsal(budget.share(_SHARE), met).pins
        except Spent:
            return None
        except Lacking:
            continue
        same &= here is not None and _named(there.index, here) == _named(index, upstream.pins)
    return same


def _with(kept: Mapping[str, set[int]], more: Found) -> dict[str, set[int]]:
    found = {name: set(pins) for name, pins in kept.items()}
    for name, pin in more:
        found.setdefault(name, set()).add(pin)
    return found


def _named(index: TargetIndex, pins: Mapping[str, int]) -> dict[str, str]:
    return {name: index.usable(name)[pin].release.version for name, pin in pins.items()}


def _alone(
    calling: ClosureChoices, wanted: Asked, pins: Found
) -> tuple[dict[str, set[int]], set[str]]:
    """Returns what a mirror of nothing else has: the releases called for and the pins.

    And the projects that are asked for.
    """
    index = calling.index
    seen: set[tuple[str, int, str]] = set()
    kept: dict[str, set[int]] = {}
    waiting = [(name, pin, "") for name, pin in pins]
    met = {need.name for need in wanted}
    waiting += calling.choices(wanted, root=True)
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        name, pin, extra = node
        kept.setdefault(name, set()).add(pin)
        try:
            needs = index.needs(name, pin, extra)
            met |= {need.name for need in needs if not need.fault}
            waiting += calling.choices(needs)
        except Lacking:
            continue
    return kept, met
