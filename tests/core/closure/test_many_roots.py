"""What was seen for one root is used for the next: it must never tell on what comes out."""

import itertools
from collections.abc import Iterator, Mapping
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pypisync.core.closure.candidates import Candidate, choose, choose_root
from pypisync.core.resolve.candidates import Admission
from pypisync.core.resolve.check_pins import Checker, faults
from pypisync.core.resolve.closure_pins import ClosureChoices
from pypisync.core.resolve.consensus import Agreement
from pypisync.core.resolve.target_index import TargetIndex
from pypisync.core.standards.model import Requirement
from pypisync.core.wanted.selector import Selector, parse_selector
from tests.core.resolve.drawn import NAMES, ROOTS, indexes
from tests.core.universes import Index, need, target_index
from tests.deep import scaled

SEVERAL = st.lists(
    st.one_of(ROOTS, st.sampled_from([*NAMES, "b[x]", "c<2"])).map(need), min_size=2, max_size=5
)


def every(facts: TargetIndex) -> Iterator[dict[str, int]]:
    """All sets of pins that there are."""
    names = sorted(facts.offers.releases)
    choices = [(None, *range(len(facts.usable(name)))) for name in names]
    for chosen in itertools.product(*choices):
        yield {n: i for n, i in zip(names, chosen, strict=True) if i is not None}


@given(indexes(), SEVERAL, st.randoms(use_true_random=False))
@settings(max_examples=scaled(60))
def test_a_checker_passes_what_has_no_faults(
    index: Index, roots: list[Requirement], draw: Random
) -> None:
    facts = target_index(index)
    checker = Checker(facts)
    asked = [(root, pins) for root in roots for pins in every(facts)]
    draw.shuffle(asked)
    for root, pins in asked[:400]:
        assert checker.passes((root,), pins) == (not faults(facts, (root,), pins))


@given(indexes(), SEVERAL)
@settings(max_examples=scaled(100))
def test_agreement_is_the_same_by_itself(index: Index, roots: list[Requirement]) -> None:
    admission = Admission(target_index(index).asking(tuple(roots)))
    together = Agreement(admission)
    for wanted in [*((root,) for root in roots), tuple(roots)]:
        assert together.nodes(wanted) == Agreement(admission).nodes(wanted)


@given(indexes(), SEVERAL, st.randoms(use_true_random=False))
@settings(max_examples=scaled(60))
def test_what_is_called_is_the_same_by_itself(
    index: Index, roots: list[Requirement], draw: Random
) -> None:
    facts = target_index(index)
    for releases in facts.offers.releases.values():
        releases[:] = [  # type: ignore[index]
            replace(one, admits=(1, 1, 0), id=number) for number, one in enumerate(releases, 1)
        ]
    calling = ClosureChoices(facts, 1, (1,))
    asked = [(root, pins) for root in roots for pins in every(facts)]
    draw.shuffle(asked)
    for root, pins in asked[:200]:
        first = ClosureChoices(facts, 1, (1,)).called((root,), pins)
        again = calling.called((root,), pins)
        expected = called(facts, root, pins) if is_called(facts, root, pins) else set()
        assert {name for name in NAMES if name in first} == expected
        assert {name for name in NAMES if name in again} == expected


def is_called(facts: TargetIndex, root: Requirement, pins: Mapping[str, int]) -> bool:
    """Whether the closure takes the pin for the root itself: the newest that it admits."""
    if root.name not in pins:
        return False
    wanted = choose_root(listed(facts, root.name), selector(root), (1,))[0]
    return facts.usable(root.name)[pins[root.name]].release.id in wanted


def selector(root: Requirement) -> Selector:
    """The selector that a root's line has."""
    exact = root.specifier.startswith("==") and "*" not in root.specifier
    return parse_selector(root.specifier[2:] if exact else f"latest{root.specifier}")


def called(facts: TargetIndex, root: Requirement, pins: Mapping[str, int]) -> set[str]:
    """The same step by step, where the root itself is called."""
    found = {(root.name, extra) for extra in ("", *root.extras)}
    while True:
        more = {
            (need.name, extra)
            for name, asked in found
            for need in facts.needs(name, pins[name], asked)
            if need.name in pins
            and facts.usable(need.name)[pins[need.name]].release.id in chosen(facts, need)
            for extra in ("", *need.extras)
        }
        if more <= found:
            return {name for name, _ in found}
        found |= more


def chosen(facts: TargetIndex, need: Requirement) -> tuple[int, ...]:
    """The releases that the closure takes for a requirement."""
    return choose(listed(facts, need.name), need.specifier, 1)[0]


def listed(facts: TargetIndex, name: str) -> list[Candidate]:
    """The releases of a project as candidates, the newest first."""
    releases = reversed(facts.offers.get(name))
    return [Candidate(r.id, r.key, r.version, r.prerelease, *r.admits) for r in releases]
