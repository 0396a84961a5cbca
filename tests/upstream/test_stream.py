"""Documents and files as one stream: what is urgent first, and nothing is left behind."""

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty
from random import Random
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core.standards.model import Unchanged
from pypisync.errors import Gone, Malformed, StorageError
from pypisync.upstream.api import Answer, Ask, FileAsk, ProjectAsk
from pypisync.upstream.lanes import LARGE, Lanes
from pypisync.upstream.stream import _MOST, InTurn, Threads
from tests.deep import scaled


def file(name: str, size: int | None = None, *, urgent: bool = False) -> FileAsk:
    return FileAsk(f"http://files.test/{name}", name, "", size, urgent=urgent)


def drained(lanes: Lanes, count: int) -> list[str]:
    taken = [lanes.get_nowait() for _ in range(count)]
    return [one.name if isinstance(one, ProjectAsk) else one.path for one in taken]


def answers(stream: Threads | InTurn, count: int) -> dict[Ask, Answer]:
    found: dict[Ask, Answer] = {}
    while len(found) < count:
        found.update(stream.answers(count - len(found)))
    return found


def test_what_a_decision_waits_for_comes_first_then_the_smallest() -> None:
    lanes = Lanes(4)
    asks: list[Ask] = [
        file("b", 20),
        file("a", 10),
        ProjectAsk("p"),
        file("m", urgent=True),
        ProjectAsk("q"),
    ]
    for ask in asks:
        lanes.add([ask])
    assert drained(lanes, 5) == ["p", "m", "q", "a", "b"]


def test_large_files_leave_workers_for_the_rest() -> None:
    lanes = Lanes(4)
    large = [file(f"l{n}", LARGE + n) for n in range(3)]
    for ask in large:
        lanes.add([ask])
    assert drained(lanes, 2) == ["l0", "l1"]
    taker = threading.Thread(target=lanes.get, daemon=True)
    taker.start()  # it waits, although a large file is left
    lanes.add([ProjectAsk("p")])
    taker.join(10)
    assert not taker.is_alive()
    lanes.done(large[0])
    assert drained(lanes, 1) == ["l2"]


def test_a_large_file_that_a_decision_waits_for_waits_for_no_other() -> None:
    lanes = Lanes(1)
    lanes.add([file("large", LARGE)])
    assert drained(lanes, 1) == ["large"]
    lanes.add([file("urgent", LARGE, urgent=True)])
    assert drained(lanes, 1) == ["urgent"]
    lanes.done(file("urgent", LARGE, urgent=True))  # it had taken no place of a large file
    lanes.add([file("other", LARGE)])
    lanes.add([ProjectAsk("p")])
    assert drained(lanes, 1) == ["p"]


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_asks_that_are_added_later_are_answered_too(workers: int) -> None:
    def begin(_: Event) -> Callable[[Ask], Answer]:
        return lambda ask: Unchanged(ask.name) if isinstance(ask, ProjectAsk) else None

    stream = Threads(begin, workers) if workers else InTurn(begin)
    first: list[Ask] = [ProjectAsk(f"p{n}") for n in range(100)]
    stream.add(first)
    found = answers(stream, 50)
    later: list[Ask] = [file(f"f{n}", n) for n in range(100)]
    stream.add(later)
    found.update(answers(stream, 200 - len(found)))
    assert found == {ask: Unchanged(ask.name) for ask in first} | dict.fromkeys(later)  # type: ignore[union-attr]
    stream.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_an_upstream_error_is_an_answer(workers: int) -> None:
    def begin(_: Event) -> Callable[[Ask], Answer]:
        def answer(ask: Ask) -> Answer:
            raise Gone("not there")

        return answer

    stream = Threads(begin, workers) if workers else InTurn(begin)
    stream.add([ProjectAsk("p")])
    assert isinstance(answers(stream, 1)[ProjectAsk("p")], Gone)
    stream.close()


def test_what_a_document_does_to_a_library_is_its_own_fault() -> None:
    def begin(_: Event) -> Callable[[Ask], Answer]:
        def answer(ask: Ask) -> Answer:
            raise RecursionError("too deep")

        return answer

    stream = Threads(begin, 2)
    stream.add([ProjectAsk("p")])
    assert isinstance(answers(stream, 1)[ProjectAsk("p")], Malformed)
    stream.close()


@pytest.mark.parametrize("error", [StorageError("disk full"), OSError("disk full"), MemoryError()])
def test_any_other_error_is_raised_and_the_end_halts_what_is_under_way(error: Exception) -> None:
    halted: list[Event] = []
    started = Event()

    def begin(halt: Event) -> Callable[[Ask], Answer]:
        halted.append(halt)

        def answer(ask: Ask) -> Answer:
            if isinstance(ask, ProjectAsk):
                started.wait(10)
                raise error
            started.set()
            halt.wait(10)  # as a download looks whether it is still wanted
            return None

        return answer

    stream = Threads(begin, 2)
    stream.add([ProjectAsk("p"), file("f", 1), file("never begun", 2)])
    with pytest.raises(type(error)):
        answers(stream, 1)
    stream.close()
    assert halted[0].is_set()
    assert not [one for one in threading.enumerate() if one.name.startswith("upstream")]


def test_workers_work_side_by_side_and_those_that_rest_come_back() -> None:
    together = threading.Barrier(4, timeout=10)
    at_once = [ProjectAsk(f"p{number}") for number in range(2000)]  # by one as fast as by four
    waits = [file(f"f{number}", number) for number in range(4)]

    def answer(ask: Ask) -> Answer:
        return Unchanged(ask.name if isinstance(ask, ProjectAsk) else str(together.wait()))

    stream = Threads(lambda _: answer, 4)
    numbered = {Unchanged(str(number)) for number in range(4)}
    stream.add(waits)
    assert set(answers(stream, 4).values()) == numbered
    stream.add(at_once)
    assert answers(stream, 2000) == {ask: Unchanged(ask.name) for ask in at_once}
    stream.add(waits)
    assert set(answers(stream, 4).values()) == numbered
    stream.close()


def test_answers_that_nobody_takes_do_not_pile_up() -> None:
    begun = 0
    too_many, workers = Event(), 3

    def begin(_: Event) -> Callable[[Ask], Answer]:
        def answer(ask: Ask) -> Answer:
            nonlocal begun
            begun += 1
            if begun > _MOST + 2 * workers:
                too_many.set()
            return None

        return answer

    stream = Threads(begin, workers)
    asks: list[Ask] = [file(f"f{number}", number) for number in range(3 * _MOST)]
    stream.add(asks)
    assert not too_many.wait(0.2)  # as long as a decision may take
    assert answers(stream, len(asks)) == dict.fromkeys(asks)
    stream.add(asks)
    stream.close()  # also while they wait


def test_files_that_nobody_waits_for_can_be_forgotten() -> None:
    stream = InTurn(lambda _: lambda ask: None)
    kept, gone = file("kept", urgent=True), [file("small", 1), file("large", LARGE)]
    stream.add([*gone, kept])
    assert sorted(stream.forget(), key=str) == sorted(gone, key=str)
    assert answers(stream, 1) == {kept: None}
    stream.close()


@given(
    st.lists(st.none() | st.integers(0, 20 * 2**20), max_size=40),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
    st.booleans(),
)
@settings(deadline=None, max_examples=scaled(60))
def test_every_file_is_served_once_and_large_ones_leave_room(
    sizes: list[int | None], workers: int, random: Random, decided: bool
) -> None:
    lanes = Lanes(workers)
    if decided:
        lanes.forget()
    asks = [file(f"f{number}", size) for number, size in enumerate(sizes)]
    for ask in asks:
        lanes.add([ask])
    running: list[FileAsk] = []
    served: list[str] = []
    while len(served) < len(asks) or running:
        with suppress(Empty):
            taken = lanes.get_nowait()
            assert isinstance(taken, FileAsk)
            running.append(taken)
            served.append(taken.path)
        large = sum((ask.size or 0) >= LARGE for ask in running)
        assert large <= max(1, workers - 1 if decided else workers // 2)
        if running and random.random() < 0.5:
            lanes.done(running.pop(random.randrange(len(running))))
    assert sorted(served) == sorted(ask.path for ask in asks)
