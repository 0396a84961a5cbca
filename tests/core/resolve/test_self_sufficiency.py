"""With what is mirrored besides the pins, installers come to the same as from upstream."""

from collections.abc import Mapping
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pypisync.core.budget import Budget
from pypisync.core.resolve import pip, uv
from pypisync.core.resolve.candidates import Admission
from pypisync.core.resolve.closure_pins import ClosureChoices
from pypisync.core.resolve.index import Lacking, Offers
from pypisync.core.resolve.prover import Prover
from pypisync.core.resolve.self_sufficiency import missed
from pypisync.core.resolve.target_index import TargetIndex
from pypisync.core.standards.model import Requirement
from tests.core.resolve.drawn import ROOTS, indexes, many
from tests.core.universes import Index, need, target_index
from tests.deep import scaled

REHEARSED = {"uv": uv.rehearsed, "pip": pip.rehearsed}


def upstream(index: Index) -> TargetIndex:
    """An index whose releases all serve the one target."""
    facts = target_index(index)
    for releases in facts.offers.releases.values():
        releases[:] = [  # type: ignore[index]
            replace(one, admits=(int(not one.files[0].yanked), 1, 0), id=number)
            for number, one in enumerate(releases, 1)
        ]
    return facts


def drawn(draw: Random) -> dict[str, list[str]]:
    """An index where a newer release is looked at in vain, and yanked ones hide pre-releases."""
    libs = sorted(draw.sample(range(1, 10), draw.randint(2, 5)))
    index = {"app 1.0": ["mid" + draw.choice(("", "", ">=1", "<3"))]}
    if draw.random() < 0.3:
        index["app 1.0"].append("base")
    for version in range(1, draw.randint(2, 4) + 1):
        lines = index[f"mid {version}.0"] = []
        if version > 1 or draw.random() < 0.1:
            lines.append(f"lib>{draw.choice([*libs, draw.randint(1, 9)])}")
        if draw.random() < 0.3:
            lines.append("base" + draw.choice(("", "<2", ">1")))
    for version in libs:
        label = f"lib {version}.0b1" if draw.random() < 0.35 else f"lib {version}.0"
        index[label] = ["yanked"] if draw.random() < 0.4 else []
        if draw.random() < 0.2:
            index[label].append("inside>=3.12")
        if draw.random() < 0.3:
            index[label].append(draw.choice(("base<2", "base>1", "mid<2")))
    for version in (1, 2, 3):
        index[f"base {version}.0"] = ["yanked"] if draw.random() < 0.2 else []
    return index


@given(indexes(), ROOTS, st.randoms(use_true_random=False))
@settings(max_examples=scaled(60))
def test_a_mirror_of_one_root_gives_the_pins_of_upstream(
    index: Index, root: str, draw: Random
) -> None:
    check(index, root, draw)


@given(st.integers(0, 2**32))
@settings(max_examples=scaled(150))
def test_so_it_does_where_installers_look_at_what_they_leave(seed: int) -> None:
    draw = Random(seed)
    check(drawn(draw), "app", draw)


def check(index: Index, root: str, draw: Random) -> None:
    """The mirror of one root, and one that holds other releases, which other roots called for."""
    facts = upstream(index)
    wanted = (need(root),)
    prover = Prover(facts)
    budget = Budget(50_000)
    proof = prover.rehearse(wanted, prover.prove(wanted, budget), budget)
    if not proof.rehearsals:
        return  # all installers agree on the newest, or nothing installs
    calling = ClosureChoices(prover.index, 1, (1,))
    tried, _ = missed(proof, calling, wanted, budget)
    pins = {(p.name, p.version) for some in (proof.pins, *proof.others.values()) for p in some}
    listed = pins | tried | called(calling, pins, root)
    everything = {(n, i) for n, some in facts.offers.releases.items() for i in range(len(some))}
    more = {one for one in sorted(everything) if draw.random() < 0.3}
    for there in (listed, listed | more if tried else listed):
        mirror = TargetIndex(facts.target, only(facts, there), wanted, facts.bit)
        for installer, rehearsal in proof.rehearsals.items():
            if rehearsal.pins is None:
                continue
            here = REHEARSED[installer](Admission(mirror), wanted, Budget(50_000), set())
            assert here.pins is not None
            assert named(mirror, here.pins) == named(facts, rehearsal.pins)


@given(indexes(), ROOTS, st.integers(0, 2**32))
@settings(max_examples=scaled(150))
def test_a_search_that_never_goes_back_is_not_made_again(
    index: Index, root: str, seed: int
) -> None:
    """It would come to the same from what the mirror has, if that is all that it tried."""
    for offered, wanted in (
        (index, need(root)),
        (drawn(Random(seed)), need("app")),
        (many(Random(seed)), need("app")),
    ):
        for installer in REHEARSED:
            assert_same_steps(upstream(offered), wanted, Random(seed), installer)


def assert_same_steps(facts: TargetIndex, wanted: Requirement, draw: Random, by: str) -> None:
    """With what was tried and anything else there, the search is the same."""
    facts = facts.asking((wanted,))
    budget, consulted = Budget(50_000), set[str]()
    found = REHEARSED[by](Admission(facts), (wanted,), budget, consulted)
    if not found.straight or found.pins is None:
        return
    everything = {(n, i) for n in facts.offers.releases for i in range(len(facts.usable(n)))}
    more = {one for one in sorted(everything) if draw.random() < 0.3}
    for there in (set(found.tried), {*found.tried, *more}):
        mirror = TargetIndex(facts.target, only(facts, there), (wanted,), facts.bit)
        again, met = Budget(50_000), set[str]()
        here = REHEARSED[by](Admission(mirror), (wanted,), again, met)
        assert here.straight
        assert here.pins is not None
        assert named(mirror, here.pins) == named(facts, found.pins)
        assert met == consulted
        assert by == "uv" or again.used == budget.used  # uv may pass over what is not there


def called(calling: ClosureChoices, pins: set[tuple[str, int]], root: str) -> set[tuple[str, int]]:
    """What the closure of the root selects, and the pins with theirs."""
    seen: set[tuple[str, int, str]] = set()
    todo = [(name, pin, "") for name, pin in pins] + calling.choices((need(root),), root=True)
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            try:
                todo += calling.choices(calling.index.needs(*node))
            except Lacking:
                continue
    return {(name, pin) for name, pin, _ in seen}


def only(facts: TargetIndex, there: set[tuple[str, int]]) -> Offers:
    """The releases that a mirror lists, by their positions among the usable ones."""
    found = {}
    for name in facts.offers.releases:
        usable = facts.usable(name)
        found[name] = [one.release for i, one in enumerate(usable) if (name, i) in there]
    return Offers({name: some for name, some in found.items() if some})


def named(facts: TargetIndex, pins: Mapping[str, int]) -> dict[str, str]:
    return {name: facts.usable(name)[pin].release.version for name, pin in pins.items()}
