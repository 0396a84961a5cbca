"""What a search may cost: steps are counted one by one, the clock is looked at now and then."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypisync.core.budget import Budget, Spent


def spent_after(budget: Budget, most: int) -> int | None:
    """The number of the step that is one too many."""
    for number in range(1, most + 1):
        try:
            budget.step()
        except Spent:
            return number
    return None


@given(st.integers(0, 300))
def test_so_many_steps_and_no_more(steps: int) -> None:
    budget = Budget(steps)
    assert spent_after(budget, 400) == steps + 1
    assert budget.used == steps + 1


def test_by_default_there_is_no_end_by_the_clock() -> None:
    assert Budget().until == math.inf
    assert Budget().steps == 200_000
    Budget(until=0.5).check()  # whoever gives no clock stays at zero


class Clock:
    """A clock that counts how often it is looked at."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.now


def test_the_clock_is_looked_at_at_once_and_then_each_64_steps() -> None:
    clock = Clock()
    budget = Budget(1000, until=5.0, clock=clock)
    looks = []
    for _ in range(200):
        budget.step()
        looks.append(clock.looks)
    assert [i for i in range(200) if looks[i] != (looks[i - 1] if i else 0)] == [0, 64, 128, 192]
    clock.now = 5.0
    assert spent_after(budget, 100) == 57  # the 257th
    with pytest.raises(Spent):
        budget.check()


def test_time_is_over_at_its_end_not_before() -> None:
    clock = Clock(4.999)
    budget = Budget(until=5.0, clock=clock)
    budget.check()
    assert budget.left() == 5.0 - 4.999
    clock.now = 5.0
    assert budget.left() == 0.0
    with pytest.raises(Spent):
        budget.check()


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(1, 8))
def test_a_share_is_a_part_of_the_steps_that_are_left(steps: int, used: int, part: int) -> None:
    used = min(steps, used)
    budget = Budget(steps, used=used)
    share = budget.share(part)
    assert share.used == used
    assert share.steps - used == (steps - used) // part
    assert share.until == math.inf
    spent_after(share, 2000)
    assert budget.used == used  # whoever has the share says what it used


def test_a_share_is_a_part_of_the_time_that_is_left() -> None:
    clock = Clock(10.0)
    budget = Budget(until=18.0, clock=clock)
    assert budget.share(4).until == 12.0
    assert budget.share(1).until == 18.0
    clock.now = 20.0
    late = budget.share(4)
    assert late.until == 20.0  # not before now: nothing is left
    with pytest.raises(Spent):
        late.check()
