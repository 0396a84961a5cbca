"""Many requests at the same time, their results as they complete, and no more workers than useful.

Python runs one thread at a time, so where results come fast, switching threads is the main cost. So
requests wait in a queue, the consumer is woken for many results at once, and workers rest while
fewer of them keep the processor busy.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Event
from time import perf_counter, thread_time
from typing import Any, Generic, Protocol, TypeVar

from pypisync.errors import Malformed, PypiSyncError, UpstreamError

_BATCH = 16  # results that are waited for together
_LONGEST = 0.05  # seconds; the longest that a result waits for others
_BUSY = 0.9  # of a processor: more than this, and fewer workers do as much
_MOST = 256  # results that wait to be used; workers rest then, for a document may be large
_IDLE = 0.6  # less than this, and more workers do more
_SMALL = 0.003  # seconds of processor time; an ask that takes more is not held up by Python

_A = TypeVar("_A")
_R = TypeVar("_R")


def for_the_ask(result: _R | Exception) -> _R | UpstreamError:
    """Returns what an ask came to.

    Whatever a document does to a library is a failure of that document alone.
    """
    if isinstance(result, UpstreamError) or not isinstance(result, Exception):
        return result
    if isinstance(result, PypiSyncError | OSError | MemoryError):
        raise result
    return Malformed(f"the answer cannot be read: {type(result).__name__}: {result}")


class Todo(Protocol[_A]):
    """What workers take the next ask from, as of a queue; None: there will be no more."""

    def put(self, ask: _A | None) -> None:
        """Add one."""

    def get(self) -> _A | None:
        """Waits for one. Returns it; None: there will be no more."""

    def get_nowait(self) -> _A | None:
        """Returns one. Raises queue.Empty."""


class Crew(Generic[_A, _R]):
    """The workers, and the queues of requests and results."""

    def __init__(self, work: Callable[[_A], _R], workers: int, todo: Todo[_A]) -> None:
        self.todo = todo
        self._work = work
        self._done: deque[tuple[_A, _R | Exception]] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._wanted = sys.maxsize  # the number of results at which the consumer is woken
        self._active = workers
        self._rest: SimpleQueue[None] = SimpleQueue()  # one for each worker that is to rest
        self._wake: SimpleQueue[None] = SimpleQueue()  # one for each that is to go on
        self._used = Event()  # set when results were taken, or shall not be waited for any more
        self._over = False
        self._spent = [0.0] * workers  # processor time, each by itself
        self._since = (perf_counter(), thread_time())
        self._count = 0  # answers since

    def serve(self, number: int) -> None:
        """Work on one ask after the other, until there is None."""
        while (ask := self.todo.get()) is not None:
            try:
                self._done.append((ask, self._work(ask)))
            except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
                self._done.append((ask, error))
            if len(self._done) >= self._wanted:
                self._bell.put(None)
            self._spent[number] = thread_time()
            if _taken(self._rest):
                self._wake.get()
            while len(self._done) >= _MOST and not self._over:
                self._used.clear()
                if len(self._done) >= _MOST and not self._over:
                    self._used.wait()

    def answers(self, wanted: int) -> Iterator[tuple[_A, _R | Exception]]:
        """Yields the results, once there are this many, or some after a while."""
        self._wanted = wanted
        while len(self._done) < wanted:
            self._used.set()
            try:
                self._bell.get(timeout=_LONGEST)
            except Empty:
                self._balance()
                if self._done:
                    break
        self._wanted = sys.maxsize
        for _ in range(len(self._done)):
            self._count += 1
            yield self._done.popleft()
        self._used.set()
        if self._count >= _BATCH:
            self._balance()

    def dismiss(self) -> None:
        """Let all workers end; asks that are not begun yet are forgotten."""
        while _taken(self.todo):
            pass
        self._over = True
        self._used.set()
        for _ in self._spent:
            self._wake.put(None)
            self.todo.put(None)

    def _balance(self) -> None:
        """Let workers rest or go on, by how busy they kept the processor."""
        now = perf_counter(), sum(self._spent) + thread_time()
        wall, spent = now[0] - self._since[0], now[1] - self._since[1]
        small = spent < _SMALL * self._count
        if small and spent > _BUSY * wall:
            for _ in range((self._active + 2) // 3 if self._active > 1 else 0):
                self._active -= 1
                self._rest.put(None)
        elif not small or spent < _IDLE * wall:
            for _ in range(min(self._active, len(self._spent) - self._active)):
                self._active += 1
                if not _taken(self._rest):
                    self._wake.put(None)
        self._since, self._count = now, 0


def _taken(queue: Todo[Any]) -> bool:
    """Take one from the queue. Returns whether there was one."""
    try:
        queue.get_nowait()
    except Empty:
        return False
    return True
