"""pip's search, held against resolvelib's own on drawn worlds."""

from collections import Counter
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core.budget import Budget, Spent
from pypisync.core.resolve import pip, pip_search
from pypisync.core.resolve.candidates import Admission
from pypisync.core.resolve.pip_needs import PipCandidate, needs_of
from pypisync.core.resolve.pip_search import PipSearch
from pypisync.core.resolve.pip_states import Criterion
from tests.core.resolve import by_resolvelib
from tests.core.resolve.drawn import ROOTS, indexes, many
from tests.core.universes import Index, need, target_index
from tests.deep import scaled


def searched(index: Index, roots: Iterable[str], *, by_itself: bool) -> tuple[Any, ...]:
    """All that a rehearsal says: its pins, what it tried, its rounds, and what it looked at."""
    wanted = tuple(need(root) for root in roots)
    budget, consulted = Budget(5_000), set[str]()
    admission = Admission(target_index(index).asking(wanted))
    rules = pip._Pip(admission, wanted, consulted)
    try:
        if not by_itself:
            found = pip.rehearsed(admission, wanted, budget, consulted)
            return found.pins, found.tried, budget.used, consulted
        first = sorted((n for w in wanted for n in needs_of(w)), key=lambda one: one.extras != ())
        pins = by_resolvelib.rehearsed(rules, first, budget).pins
    except Spent:
        return None, budget.used, consulted
    return pins, rules.tried, budget.used, consulted


@given(indexes(), st.lists(ROOTS, min_size=1, max_size=3))
@settings(max_examples=scaled(300))
def test_it_decides_as_resolvelib_does(index: Index, roots: list[str]) -> None:
    assert searched(index, roots, by_itself=False) == searched(index, roots, by_itself=True)


@given(st.integers(0, 2**32))
@settings(max_examples=scaled(600))
def test_so_it_does_in_larger_worlds(seed: int) -> None:
    draw = Random(seed)
    index = many(draw)
    roots = ["app", *draw.sample(sorted({label.split()[0] for label in index}), draw.randint(0, 2))]
    assert searched(index, roots, by_itself=False) == searched(index, roots, by_itself=True)


@given(st.integers(0, 2**32), st.integers(1, 40))
@settings(max_examples=scaled(300))
def test_so_it_does_where_it_has_gone_back_past_other_things_for_too_long(
    seed: int, rounds: int
) -> None:
    index = many(Random(seed))
    with pytest.MonkeyPatch.context() as patch:
        for module in (by_resolvelib, pip_search):
            patch.setattr(module, "_MOST_ROUNDS", rounds * 10)
        assert searched(index, ["app"], by_itself=False) == searched(index, ["app"], by_itself=True)


@pytest.mark.parametrize(
    ("index", "straight"),
    [
        pytest.param({"app 1": ["a", "b"], "a 1": [], "b 1": ["a"]}, True, id="nothing conflicts"),
        pytest.param(
            {"app 1": ["a", "b"], "a 1": [], "a 2": [], "b 1": ["a<2"]}, True, id="a pin is let go"
        ),
        pytest.param(
            {"app 1": ["a"], "a 1": [], "a 2": ["none"]}, True, id="the newest is passed over"
        ),
        pytest.param(
            {"app 1": ["a", "b"], "a 1": ["c>=2"], "a 2": ["c<2"], "b 1": ["a<2"],
             "c 1": [], "c 2": []}, True, id="what a pin that is let go asked for counts no more",
        ),
        pytest.param(
            {"app 1": ["a", "b"], "a 1": [], "a 2": [], "b 1": [], "b 2": ["a!=2", "c<9"],
             "c 1": ["b<2"]}, True, id="a pin is let go for a while",
        ),
        pytest.param({"app 1": ["a"], "a 1": ["a<1"], "a 0": []}, True, id="it lets itself go"),
        pytest.param(
            {"app 1": ["a"], "a 1": [], "a 2": ["b"], "b 1": ["none"]}, False, id="it goes back"
        ),
    ],
)  # fmt: skip
def test_it_says_whether_it_went_back(index: Index, *, straight: bool) -> None:
    wanted = (need("app"),)
    admission = Admission(target_index(index).asking(wanted))
    assert pip.rehearsed(admission, wanted, Budget(), set()).straight is straight
    assert searched(index, ["app"], by_itself=False) == searched(index, ["app"], by_itself=True)


def about(*names: str) -> PipSearch:
    """A search that has these open, and has pinned "c"."""
    rules = pip._Pip(Admission(target_index({"a 1": []})), (need("a"),), set())
    search = PipSearch(rules, Budget())
    for name in names:
        search.now.put(name, Criterion())
    search.now.pins["c"] = PipCandidate("c", (), 0)
    return search


def following(search: PipSearch, causes: Mapping[str, int] | None = None) -> str:
    """What it pins next, after a conflict that is about these."""
    search.now.last.causes = causes or {}
    return search._next()


def test_what_the_last_conflict_was_about_is_pinned_first() -> None:
    search = about("a", "b", "d", "e")
    assert following(search) == "a"
    assert following(search, Counter("bcd")) == "b"
    assert following(about("a", "e"), Counter("bcd")) == "a"


def test_what_caused_five_conflicts_without_a_pin_is_pinned_before_others() -> None:
    search = about("a", "b", "c")
    following(search, Counter("bbcccccc"))
    assert following(search, Counter("bb")) == "b"
    assert following(search) == "a"
    following(search, Counter("b"))
    assert following(search) == "b"


def test_what_only_a_release_let_go_asked_for_has_no_candidates() -> None:
    search = about("a")
    assert search._candidates("a", Criterion(), None) == 0
    assert search._candidates("a", Criterion(specifiers=frozenset([""])), None) == 1
    own = Criterion(specifiers=frozenset(["<1"]))
    assert search._candidates("a", Criterion(specifiers=frozenset([""])), own) == 0
