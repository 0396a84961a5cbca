"""Documents and files as one stream: asks may be added at any time, and answers come as they do.

Each worker takes what is most urgent when it is free: documents of projects, and files that a
decision waits for, in the order they were asked for; then other files, the smallest first. Large
files never take more than half of the workers while documents may come, and never all.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from queue import Empty
from threading import Condition, Event
from typing import TypeVar, cast

from pypisync.errors import UpstreamError
from pypisync.upstream.api import Answer, Ask, AskFor, Deposit, FileAsk, Part, Upstream
from pypisync.upstream.parallel import Crew, for_the_ask

LARGE = 5 * 1024 * 1024  # bytes; from here a file counts as large
_URGENT = -1  # before all others
_AT_ONCE = 16  # answers that are waited for together

_R = TypeVar("_R")
_For = TypeVar("_For")


def urgent(ask: Ask) -> bool:
    """Returns whether a decision waits for the answer."""
    return not isinstance(ask, FileAsk) or ask.urgent


def _size(ask: Ask) -> int:
    return ask.size or 0 if isinstance(ask, FileAsk) else 0


class Lanes:
    """Asks by urgency; what :class:`Crew` takes them from. Safe between threads."""

    def __init__(self, workers: int) -> None:
        self._changed = Condition()
        self._number = count()  # keeps those of one rank in the order they came
        self._small: list[tuple[int, int, Ask]] = []
        self._large: list[tuple[int, int, Ask]] = []
        self._room = max(1, workers // 2)  # for large files
        self._kept = max(1, workers - 1) - self._room  # for what decisions wait for
        self._ended = False

    def put(self, ask: Ask | None) -> None:
        """Add one; None: whoever waits for one gets none any more."""
        if ask is not None:
            self.extend([ask])
            return
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def extend(self, asks: Iterable[Ask]) -> None:
        """Add some, before any of them is taken."""
        with self._changed:
            before = len(self._small) + len(self._large)
            for ask in asks:
                self._push(ask)
            self._changed.notify(len(self._small) + len(self._large) - before)

    def _push(self, ask: Ask) -> None:
        rank = _URGENT if urgent(ask) else _size(ask)
        heap = self._large if _size(ask) >= LARGE and rank != _URGENT else self._small
        heapq.heappush(heap, (rank, next(self._number), ask))

    def get(self) -> Ask | None:
        """Waits for one. Returns it; None: there will be no more."""
        with self._changed:
            while (ask := self._next()) is None and not self._ended:
                self._changed.wait()
            return ask

    def get_nowait(self) -> Ask:
        """Returns one. Raises queue.Empty."""
        with self._changed:
            ask = self._next()
        if ask is None:
            raise Empty
        return ask

    def forget(self, *, all_of_it: bool = False) -> list[Ask]:
        """Drop what was not taken, and is not urgent. Returns what is dropped.

        All is decided then, so that large files may take all workers but one.
        """
        with self._changed:
            self._room, self._kept = self._room + self._kept, 0
            left = self._small + self._large
            self._large = []
            self._small = [] if all_of_it else sorted(one for one in left if one[0] == _URGENT)
            return [ask for rank, _, ask in left if all_of_it or rank != _URGENT]

    def done(self, ask: Ask) -> None:
        """Free the place of a large file."""
        if _size(ask) >= LARGE and not urgent(ask):
            with self._changed:
                self._room += 1
                self._changed.notify()

    def _next(self) -> Ask | None:
        if self._small:
            return heapq.heappop(self._small)[2]
        if self._large and self._room:
            self._room -= 1
            return heapq.heappop(self._large)[2]
        return None


class Threads:
    """Answers that many workers find at the same time."""

    def __init__(self, begin: Callable[[Event], Callable[[Ask], Answer]], workers: int) -> None:
        self.few = 2 * workers  # asks that will be answered in no time
        self._halt = Event()
        self._lanes = Lanes(workers)
        answer = begin(self._halt)

        def work(ask: Ask) -> Answer:
            try:
                return answer(ask)
            finally:
                self._lanes.done(ask)

        self._crew = Crew[Ask, Answer](work, workers, self._lanes)
        self._pool = ThreadPoolExecutor(workers, "upstream")
        for number in range(workers):
            self._pool.submit(self._crew.serve, number)

    def add(self, asks: Iterable[Ask]) -> None:
        """Ask for more."""
        self._lanes.extend(asks)

    def answers(self, wanted: int) -> Iterator[tuple[Ask, Answer]]:
        """Yields what has come, once that is so much, or after a moment at least something."""
        for ask, result in self._crew.answers(min(_AT_ONCE, wanted)):
            yield ask, for_the_ask(result)

    def forget(self) -> list[Ask]:
        """Answer no more what is not urgent, and not begun. Returns those asks.

        To be called when all is decided: large files may then take all workers but one.
        """
        return self._lanes.forget()

    def close(self) -> None:
        """Forget what was not begun, and end what is under way; waits for the workers."""
        self._halt.set()
        self._lanes.forget(all_of_it=True)
        self._crew.dismiss()
        self._pool.shutdown()


class InTurn:
    """Answers that are found one after another, when they are waited for."""

    def __init__(self, begin: Callable[[Event], Callable[[Ask], Answer]]) -> None:
        self.few = 0
        self._lanes = Lanes(1)
        self._answer = begin(Event())

    def add(self, asks: Iterable[Ask]) -> None:
        """Ask for more."""
        self._lanes.extend(asks)

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
        self._lanes.forget(all_of_it=True)


def open_stream(upstream: Upstream, deposit: Deposit) -> Threads | InTurn:
    """Returns a stream of an upstream's answers; files come into ``deposit``. It must be closed."""
    begin = partial(upstream.begin, deposit)
    return Threads(begin, upstream.workers) if upstream.workers else InTurn(begin)


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
