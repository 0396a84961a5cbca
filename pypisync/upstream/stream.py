"""Documents and files as one stream: asks may be added at any time, and answers come as they do."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event
from time import perf_counter, thread_time
from typing import TypeVar, cast

from pypisync.errors import Malformed, PypiSyncError, UpstreamError
from pypisync.upstream.api import Answer, Ask, AskFor, Deposit, FileAsk, Part, Upstream
from pypisync.upstream.lanes import Lanes

_AT_ONCE = 16  # answers that are waited for together
_LONGEST = 0.05  # seconds; the longest that an answer waits for others
_BUSY = 0.9  # of a processor: more than this, and fewer workers do as much
_IDLE = 0.6  # less than this, and more workers do more
_SMALL = 0.003  # seconds of processor time; an ask that takes more is not held up by Python
_MOST = 256  # answers that wait to be used; workers rest then, for a document may be large

_R = TypeVar("_R")
_For = TypeVar("_For")


class Threads:
    """Answers that many workers find at the same time.

    Python runs one thread at a time, so where answers come fast, changes of thread are the main
    cost: who waits for answers is woken for many at once, and workers rest while fewer of them keep
    the processor busy.
    """

    def __init__(self, begin: Callable[[Event], Callable[[Ask], Answer]], workers: int) -> None:
        self.few = 2 * workers  # asks that will be answered in no time
        self._halt = Event()
        self._answer = begin(self._halt)
        self._lanes = Lanes(workers)
        self._done: deque[tuple[Ask, Answer | Exception]] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._wanted = sys.maxsize  # the number of answers at which who waits is woken
        self._used = Event()  # set when answers were taken, or shall not be waited for any more
        self._active = workers
        self._rest: SimpleQueue[None] = SimpleQueue()  # one for each worker that is to rest
        self._wake: SimpleQueue[None] = SimpleQueue()  # one for each that is to go on
        self._spent = [0.0] * workers  # processor time, each by itself
        self._since = perf_counter(), thread_time()
        self._count = 0  # answers since
        self._pool = ThreadPoolExecutor(workers, "upstream")
        for number in range(workers):
            self._pool.submit(self._serve, number)

    def add(self, asks: Iterable[Ask]) -> None:
        """Ask for more."""
        self._lanes.add(asks)

    def answers(self, wanted: int) -> Iterator[tuple[Ask, Answer]]:
        """Yields what has come, once that is so much, or after a moment at least something.

        Raises StorageError, and what else is not the fault of one ask.
        """
        self._wanted = min(_AT_ONCE, wanted)
        while len(self._done) < self._wanted:
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
            ask, result = self._done.popleft()
            yield ask, _for_the_ask(result)
        self._used.set()
        if self._count >= _AT_ONCE:
            self._balance()

    def forget(self) -> list[Ask]:
        """Answer no more what is not urgent, and not begun. Returns those asks.

        To be called when all is decided: large files may then take all workers but one.
        """
        return self._lanes.forget()

    def take_back(self) -> list[Ask]:
        """Answer no more what is not begun. Returns those asks."""
        return self._lanes.take_back()

    def close(self) -> None:
        """Forget what was not begun, and end what is under way; waits for the workers."""
        self._halt.set()
        self._lanes.end()
        self._used.set()
        for _ in self._spent:
            self._wake.put(None)
        self._pool.shutdown()

    def _serve(self, number: int) -> None:
        """Answer one ask after the other, until there are none any more."""
        while (ask := self._lanes.get()) is not None:
            try:
                self._done.append((ask, self._answer(ask)))
            except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
                self._done.append((ask, error))
            self._lanes.done(ask)
            if len(self._done) >= self._wanted:
                self._bell.put(None)
            self._spent[number] = thread_time()
            if _taken(self._rest):
                self._wake.get()
            while len(self._done) >= _MOST and not self._halt.is_set():
                self._used.clear()
                if len(self._done) >= _MOST and not self._halt.is_set():
                    self._used.wait()

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


def _taken(queue: SimpleQueue[None]) -> bool:
    """Take one from the queue. Returns whether there was one."""
    try:
        queue.get_nowait()
    except Empty:
        return False
    return True


class InTurn:
    """Answers that are found one after another, when they are waited for."""

    def __init__(self, begin: Callable[[Event], Callable[[Ask], Answer]]) -> None:
        self.few = 0
        self._lanes = Lanes(1)
        self._answer = begin(Event())

    def add(self, asks: Iterable[Ask]) -> None:
        """Ask for more."""
        self._lanes.add(asks)

    def answers(self, wanted: int) -> Iterator[tuple[Ask, Answer]]:
        """Yields the answers to so many of the most urgent asks."""
        for _ in range(min(_AT_ONCE, wanted)):
            ask = self._lanes.get_nowait()
            try:
                yield ask, self._answer(ask)
            except UpstreamError as error:
                yield ask, error
            self._lanes.done(ask)

    def forget(self) -> list[Ask]:
        """Answer no more what is not urgent, and not begun. Returns those asks.

        To be called when all is decided: large files may then take all workers but one.
        """
        return self._lanes.forget()

    def close(self) -> None:
        """Forget what was not begun."""
        self._lanes.end()


def open_stream(upstream: Upstream, deposit: Deposit) -> Threads | InTurn:
    """Returns a stream of an upstream's answers; files come into ``deposit``. It must be closed."""
    begin = partial(upstream.begin, deposit)
    return Threads(begin, upstream.workers) if upstream.workers else InTurn(begin)


def _for_the_ask(result: Answer | Exception) -> Answer:
    """Returns what an ask came to.

    Whatever a document does to a library is a failure of that document alone.
    """
    if isinstance(result, UpstreamError) or not isinstance(result, Exception):
        return result
    if isinstance(result, PypiSyncError | OSError | MemoryError):
        raise result
    return Malformed(f"the answer cannot be read: {type(result).__name__}: {result}")


class _NoFiles:
    """The deposit of who asks for no files."""

    def part(self, ask: FileAsk) -> Part:
        raise ValueError(f"{ask.path}: there is nowhere to put it")


def answers(
    upstream: Upstream, asks: Iterable[tuple[AskFor[_R], _For]], deposit: Deposit | None = None
) -> Iterator[tuple[_For, _R | UpstreamError]]:
    """Yields what asks come to as it comes, each with what it was asked for.

    A failure comes as a value. Files, if any are asked for, come into ``deposit``. Raises
    StorageError at once.
    """
    stream = open_stream(upstream, deposit or _NoFiles())
    try:
        reasons = {cast("Ask", ask): reason for ask, reason in asks}
        stream.add(reasons)
        while reasons:
            for ask, answer in stream.answers(len(reasons)):
                yield reasons.pop(ask), cast("_R | UpstreamError", answer)
    finally:
        stream.close()
