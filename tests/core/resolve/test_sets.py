"""What the solver says to its library and hears from it: sets of versions, ranges, derivations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypisync.core.budget import Budget
from pypisync.core.resolve.candidates import Admission, Mode
from pypisync.core.resolve.check_refutation import RefutationStep, Term
from pypisync.core.resolve.solver import Solver, _Provider, _Set
from tests.core.universes import Index, need, target_index

UNIVERSE = frozenset(range(6))
SETS = st.frozensets(st.sampled_from(sorted(UNIVERSE))), st.booleans()


@st.composite
def sets(draw: st.DrawFn) -> tuple[_Set, frozenset[int], bool]:
    """A set of versions, its members among six, and whether it has all others, too."""
    members, open_ = draw(SETS[0]), draw(SETS[1])
    return _Set(sum(1 << one for one in members) | (-1 << 6 if open_ else 0)), members, open_


def of(one: _Set) -> tuple[frozenset[int], bool]:
    """The members among six, and whether far ones are in it."""
    return frozenset(i for i in UNIVERSE if i in one), 99 in one


@given(sets(), sets())
def test_they_are_sets(
    one: tuple[_Set, frozenset[int], bool], other: tuple[_Set, frozenset[int], bool]
) -> None:
    (a, mine, more), (b, others, also) = one, other
    assert of(a) == (mine, more)
    assert of(a & b) == (mine & others, more and also)
    assert of(a | b) == (mine | others, more or also)
    assert of(a - b) == (mine - others, more and not also)
    assert of(~a) == (UNIVERSE - mine, not more)
    assert (a == b) == ((mine, more) == (others, also))
    assert (hash(a) == hash(b)) or a != b
    inside = mine <= others and (also or not more)
    apart = not mine & others and not (more and also)
    assert (a.is_subset(b), a.is_disjoint(b)) == (inside, apart)
    assert a.is_superset(b) == b.is_subset(a)
    relation = a.relation(b)
    assert (relation.is_subset, relation.is_disjoint) == (inside, apart)
    assert a.is_empty == (not mine and not more)


def test_the_least_the_greatest_and_one_alone() -> None:
    assert of(_Set.empty()) == (frozenset(), False)
    assert of(_Set.full()) == (UNIVERSE, True)
    assert of(_Set.singleton(3)) == (frozenset({3}), False)
    assert _Set(5) != 5


@pytest.mark.parametrize("mode", Mode)
def test_a_range_is_satisfied_if_a_version_of_it_can_be_chosen(mode: Mode) -> None:
    provider = _Provider(Solver(Admission(target_index({"a 1": [], "a 2": []}))), mode, [])
    for bits in range(16):
        assert provider.has_satisfying_version("a", _Set(bits)) is bool(bits & 0b11)
        assert provider.has_satisfying_version("b", _Set(bits)) is False


def refuted(index: Index, *barred: RefutationStep) -> list[RefutationStep]:
    """The steps by which nothing installs "a"."""
    wanted = (need("a"),)
    solver = Solver(Admission(target_index(index).asking(wanted)))
    found = solver.solve(wanted, Mode.TRUSTING, Budget(), barred)
    assert not isinstance(found, dict)
    return list(found)


def test_what_was_barred_before_is_a_step_of_its_own_kind() -> None:
    barred = RefutationStep((Term("a", 1, positive=True), Term("b", 1, positive=True)), "barred")
    steps = refuted({"a 1": ["b"], "b 1": []}, barred)
    assert barred in steps
    assert sorted(step.kind for step in steps) == [
        "barred", "dependency", "derived", "derived", "root",
    ]  # fmt: skip


def test_what_two_steps_follow_from_is_told_once() -> None:
    """One of the steps is a cause of two others."""
    index = {"a 1": ["b==1", "c==1"], "b 1": ["d!=2", "d>=2"], "b 2": [], "c 1": ["b"], "d 1": [],
             "d 2": []}  # fmt: skip
    steps = refuted(index)
    assert len(steps) == len(set(steps)) == 6
