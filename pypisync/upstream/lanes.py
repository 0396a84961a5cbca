"""The order in which asks are answered, whenever they are added.

Each worker takes what is most urgent when it is free: documents of projects, and files that a
decision waits for, in the order they were asked for; then other files, the smallest first. Large
files never take more than half of the workers while documents may come, and never all.
"""

import heapq
from collections.abc import Iterable
from itertools import count
from queue import Empty
from threading import Condition

from pypisync.upstream.api import Ask, FileAsk

LARGE = 5 * 1024 * 1024  # bytes; from here a file counts as large
_URGENT = -1  # before all others


def urgent(ask: Ask) -> bool:
    """Returns whether a decision waits for the answer."""
    return not isinstance(ask, FileAsk) or ask.urgent


def _size(ask: Ask) -> int:
    return ask.size or 0 if isinstance(ask, FileAsk) else 0


class Lanes:
    """Asks by urgency. Safe between threads."""

    def __init__(self, workers: int) -> None:
        self._changed = Condition()
        self._number = count()  # keeps those of one rank in the order they came
        self._small: list[tuple[int, int, Ask]] = []
        self._large: list[tuple[int, int, Ask]] = []
        self._room = max(1, workers // 2)  # for large files
        self._kept = max(1, workers - 1) - self._room  # for what decisions wait for
        self._ended = False

    def end(self) -> None:
        """Forget all; whoever waits for one gets none any more."""
        with self._changed:
            self._small, self._large = [], []
            self._ended = True
            self._changed.notify_all()

    def add(self, asks: Iterable[Ask]) -> None:
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

    def forget(self) -> list[Ask]:
        """Drop what was not taken, and is not urgent. Returns what is dropped.

        All is decided then, so that large files may take all workers but one.
        """
        with self._changed:
            self._room, self._kept = self._room + self._kept, 0
            left = self._small + self._large
            self._large = []
            self._small = sorted(one for one in left if one[0] == _URGENT)
            return [ask for rank, _, ask in left if rank != _URGENT]

    def take_back(self) -> list[Ask]:
        """Drop what was not taken. Returns it, the most urgent first."""
        with self._changed:
            left = sorted(self._small) + sorted(self._large)
            self._small, self._large = [], []
            return [ask for _, _, ask in left]

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
