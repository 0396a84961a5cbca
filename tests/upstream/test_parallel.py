"""Many asks at once: all are answered, failures stay with their ask, and nothing is left behind."""

import threading
from collections.abc import Callable
from threading import Event

import pytest

from pypisync.errors import Gone, Malformed, StorageError
from pypisync.upstream.parallel import InOrder, run


def in_order(count: int, stop: Callable[[], bool] = lambda: False) -> InOrder[int]:
    return InOrder(iter(range(1, count + 1)), stop)


def test_every_ask_is_answered_once() -> None:
    answers = list(run(in_order(500), lambda _: lambda ask: ask * 2, 4))
    assert sorted(answers) == [(n, n * 2) for n in range(1, 501)]


def test_an_upstream_error_is_a_value() -> None:
    def work(ask: int) -> int:
        if ask == 3:
            raise Gone("three")
        return ask

    answers = dict(run(in_order(5), lambda _: work, 2))
    assert isinstance(answers[3], Gone)
    assert answers[5] == 5


def test_what_a_document_does_to_a_library_is_its_own_fault() -> None:
    def work(ask: int) -> int:
        if ask == 3:
            raise RecursionError("maximum recursion depth exceeded")
        return ask

    answers = dict(run(in_order(5), lambda _: work, 2))
    assert isinstance(answers[3], Malformed)
    assert str(answers[3]).endswith("RecursionError: maximum recursion depth exceeded")
    assert answers[5] == 5


@pytest.mark.parametrize("error", [StorageError("disk full"), OSError("disk full"), MemoryError()])
def test_any_other_error_ends_it_and_halts_the_rest(error: Exception) -> None:
    halted: list[Event] = []

    def begin(halt: Event) -> Callable[[int], int]:
        halted.append(halt)

        def work(ask: int) -> int:
            if ask == 3:
                raise error
            return ask

        return work

    with pytest.raises(type(error)):
        list(run(in_order(10_000), begin, 3))
    assert halted[0].is_set()


def test_workers_really_work_side_by_side() -> None:
    together = threading.Barrier(4, timeout=10)
    answers = list(run(in_order(4), lambda _: lambda _: together.wait(), 4))
    assert sorted(index for _, index in answers if isinstance(index, int)) == [0, 1, 2, 3]


def test_workers_that_rest_come_back_when_they_are_of_use() -> None:
    together = threading.Barrier(4, timeout=10)
    fast = 2000  # asks that one worker answers as fast as four

    def work(ask: int) -> int:
        return ask if ask <= fast else together.wait()

    answers = list(run(in_order(fast + 4), lambda _: work, 4))
    assert sorted(answers[:fast]) == [(n, n) for n in range(1, fast + 1)]
    assert sorted(index for _, index in answers[fast:] if isinstance(index, int)) == [0, 1, 2, 3]


def test_all_threads_end_when_it_is_closed() -> None:
    before = threading.active_count()
    answers = run(in_order(10_000), lambda halt: lambda ask: halt.wait(0) or ask, 4)
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_after_a_stop_no_new_ask_is_taken() -> None:
    taken: list[int] = []
    answers = list(run(in_order(100, lambda: len(taken) > 3), lambda _: taken.append, 1))
    assert len(answers) < 30


def test_no_asks_no_answers() -> None:
    assert list(run(in_order(0), lambda _: lambda ask: ask, 2)) == []
