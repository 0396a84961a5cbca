"""A stream whose answers come in any order, also those to files that nobody waits for yet."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from random import Random
from threading import Event
from unittest.mock import patch

from pypisync.cycle.deposit import Watched
from pypisync.cycle.mirror import Mirror
from pypisync.errors import UpstreamError
from pypisync.upstream.api import Answer, Ask
from pypisync.upstream.lanes import urgent


class Disorder:
    """Answers drawn by ``draw``; a drop-in for :class:`pypisync.upstream.stream.InTurn`."""

    def __init__(self, begin: Callable[[Event], Callable[[Ask], Answer]], draw: Random) -> None:
        self._answer = begin(Event())
        self._asks: list[Ask] = []
        self._draw = draw

    @property
    def few(self) -> int:
        """How many asks under way are few: no matter for what comes out."""
        return self._draw.randrange(12)

    def add(self, asks: Iterable[Ask]) -> None:
        """Ask for more."""
        self._asks += asks

    def answers(self, wanted: int) -> Iterator[tuple[Ask, Answer]]:
        """Yields some answers, at least one; not those that are wanted."""
        assert 0 < wanted <= len(self._asks)
        for _ in range(self._draw.randint(1, len(self._asks))):
            ask = self._asks.pop(self._draw.randrange(len(self._asks)))
            try:
                yield ask, self._answer(ask)
            except UpstreamError as error:
                yield ask, error

    def forget(self) -> list[Ask]:
        """Answer some of those no more that are not urgent; the others are under way."""
        gone = [ask for ask in self._asks if not urgent(ask) and self._draw.random() < 0.5]
        self._asks = [ask for ask in self._asks if ask not in gone]
        return gone

    def close(self) -> None:
        """Forget what is left."""
        self._asks.clear()


@contextmanager
def disorderly(draw: Random | None) -> Iterator[None]:
    """A context in which all answers come in drawn order; None: in the order of the asks."""
    if draw is None:
        yield
        return

    def opened(mirror: Mirror, deposit: Watched) -> Disorder:
        return Disorder(partial(mirror.upstream.begin, deposit), draw)

    with patch("pypisync.cycle.far_stream.open_far", opened):
        yield
