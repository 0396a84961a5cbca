"""Many asks at the same time: answers as they come, never more under way than is useful.

The asks may be without end: they are taken one by one as workers come free. Workers and the one
who waits speak through two queues; a future an ask would cost several times as much.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Event
from typing import Generic, Protocol, TypeVar

from pypisync.errors import UpstreamError

_A = TypeVar("_A")
_R = TypeVar("_R")


class Source(Protocol[_A]):
    """Where the next ask comes from."""

    def take(self) -> _A | None:
        """The next ask; None: none now (ask again when one is done) or none at all."""

    def done(self, ask: _A) -> None:
        """Take note that this ask has been answered."""


class InOrder(Generic[_A]):
    """Asks in the order they come, until there is reason to stop."""

    def __init__(self, asks: Iterator[_A], stop: Callable[[], bool]) -> None:
        self._asks = asks
        self._stop = stop

    def take(self) -> _A | None:
        """The next ask; None at the end or when told to stop."""
        return None if self._stop() else next(self._asks, None)

    def done(self, ask: _A) -> None:
        """Nothing: the order does not depend on it."""


def run(
    source: Source[_A], begin: Callable[[Event], Callable[[_A], _R]], workers: int
) -> Iterator[tuple[_A, _R | UpstreamError]]:
    """Each ask with what the work returns or the UpstreamError it raises, as they complete.

    ``begin`` makes the work; the event it is given is set when the work is no longer wanted: the
    iterator was closed early, or the work raised another exception, which is raised here at once.
    All workers have ended when this returns.
    """
    todo: SimpleQueue[_A | None] = SimpleQueue()
    done: SimpleQueue[tuple[_A, _R | Exception]] = SimpleQueue()
    halt = Event()
    work = begin(halt)
    under_way = 0
    with ThreadPoolExecutor(workers, "upstream") as pool:
        try:
            for _ in range(workers):
                pool.submit(_serve, todo, done, work)
            while True:
                # One ask in waiting for each worker, so that none idles while an answer is used.
                while under_way < 2 * workers and (ask := source.take()) is not None:
                    todo.put(ask)
                    under_way += 1
                if not under_way:
                    return
                ask, result = done.get()
                under_way -= 1
                source.done(ask)
                if isinstance(result, Exception) and not isinstance(result, UpstreamError):
                    raise result
                yield ask, result
        finally:
            halt.set()
            _drain(todo)
            for _ in range(workers):
                todo.put(None)


def _serve(
    todo: "SimpleQueue[_A | None]",
    done: "SimpleQueue[tuple[_A, _R | Exception]]",
    work: Callable[[_A], _R],
) -> None:
    while (ask := todo.get()) is not None:
        try:
            done.put((ask, work(ask)))
        except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
            done.put((ask, error))


def _drain(queue: "SimpleQueue[_A | None]") -> None:
    try:
        while True:
            queue.get_nowait()
    except Empty:
        return
