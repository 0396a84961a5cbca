"""A search of pip that only goes ahead, held against resolvelib's own on drawn worlds."""

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resolvelib.resolvers import Resolution
from resolvelib.structs import State

from pypisync.core.budget import Budget
from pypisync.core.resolve import pip
from pypisync.core.resolve.candidates import Admission
from pypisync.core.resolve.pip import rehearsed
from pypisync.core.resolve.pip_ahead import Ahead, Conflict
from pypisync.core.resolve.pip_needs import PipCandidate, PipNeed
from tests.core.resolve.drawn import ROOTS, indexes, many
from tests.core.universes import Index, need, target_index
from tests.deep import scaled


def searched(index: Index, roots: Iterable[str], *, ahead: bool) -> tuple[Any, ...]:
    """All that a rehearsal says: its pins, what it tried, its rounds, and what it looked at."""
    wanted = tuple(need(root) for root in roots)
    budget, consulted = Budget(5_000), set[str]()
    with pytest.MonkeyPatch.context() as patch:
        if not ahead:
            patch.setattr(pip, "Ahead", Behind)
            patch.setattr(pip, "PipResolution", Plain)
        found = rehearsed(Admission(target_index(index).asking(wanted)), wanted, budget, consulted)
    return found._replace(straight=False), budget.used, consulted


class Plain(Resolution[PipNeed, PipCandidate, str]):
    """resolvelib's own search."""

    def __init__(self, provider: Any, reporter: Any, promoted: set[str]) -> None:
        super().__init__(provider, reporter)
        del promoted


class Behind(Ahead):
    """A search that never gets anywhere."""

    def resolve(self, requirements: Iterable[PipNeed]) -> State[PipNeed, PipCandidate, str]:
        """End at once."""
        raise Conflict


@given(indexes(), st.lists(ROOTS, min_size=1, max_size=3))
@settings(max_examples=scaled(300))
def test_a_search_that_only_goes_ahead_decides_as_resolvelib_does(
    index: Index, roots: list[str]
) -> None:
    assert searched(index, roots, ahead=True) == searched(index, roots, ahead=False)


@given(st.integers(0, 2**32))
@settings(max_examples=scaled(600))
def test_so_it_does_in_larger_worlds(seed: int) -> None:
    draw = Random(seed)
    index = many(draw)
    roots = ["app", *draw.sample(sorted({label.split()[0] for label in index}), draw.randint(0, 2))]
    assert searched(index, roots, ahead=True) == searched(index, roots, ahead=False)


@pytest.mark.parametrize(
    ("index", "gets_there"),
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
        pytest.param(
            {"app 1": ["a"], "a 1": [], "a 2": ["b"], "b 1": ["none"]}, False, id="it goes back"
        ),
        pytest.param({"app 1": ["a"], "a 1": ["a<1"], "a 0": []}, False, id="it lets itself go"),
    ],
)  # fmt: skip
def test_it_gets_there_where_it_need_not_go_back(index: Index, gets_there: bool) -> None:
    wanted = (need("app"),)
    provider = pip._Pip(Admission(target_index(index).asking(wanted)), wanted, set())
    search = Ahead(provider, Budget())
    if gets_there:
        search.resolve([PipNeed("app", (), "")])
    else:
        with pytest.raises(Conflict):
            search.resolve([PipNeed("app", (), "")])
    assert searched(index, ["app"], ahead=True) == searched(index, ["app"], ahead=False)
