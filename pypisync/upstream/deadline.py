"""What one request may take: a longest silence, a least rate, and an end.

A server that sends a byte now and then keeps every timeout of a socket from passing. So the bytes
are counted against the time: the head of an answer must be there within ``timeout`` seconds, no
silence may last longer than that, and from then on the body must have come at the least rate. What
a body may take thus grows with its size, stated or not.
"""

from collections.abc import Callable

from pypisync.core.display import show_seconds
from pypisync.upstream.failures import SlowError


def slice_of(timeout: float) -> float:
    """Returns the seconds between two checks while nothing comes."""
    return min(0.5, timeout / 2)


class Deadline:
    """The time that one request has. Each is used by one thread.

    ``timeout`` and ``end`` are seconds, ``end`` on the clock; ``least_rate`` is bytes a second.
    ``stop`` raises if the work is to stop.
    """

    def __init__(
        self,
        stop: Callable[[], None],
        clock: Callable[[], float],
        timeout: float,
        least_rate: float,
        end: float,
    ) -> None:
        self.slice = slice_of(timeout)
        self.timeout = timeout
        self._stop = stop
        self._clock = clock
        self._least_rate = least_rate
        self._end = end
        self._began = self._moved = clock()
        self._received = 0
        self._body = False

    def again(self) -> None:
        """Begin the next step: the request is sent on a connection that is there."""
        self._began = self._moved = self._clock()

    def ends(self, end: float) -> None:
        """Let it end then, if not before."""
        self._end = min(self._end, end)

    def body(self) -> None:
        """Begin the body: the head is there."""
        self.again()
        self._received = 0
        self._body = True

    def got(self, count: int) -> None:
        """Note that bytes have come."""
        if count and self._body:
            self._moved = self._clock()
            self._received += count

    def check(self) -> None:
        """Raise what ``stop`` raises, or SlowError if the time is over."""
        self._stop()
        now = self._clock()
        taken = now - self._began
        if now - self._moved > self.timeout:
            raise SlowError(
                f"timed out: {'no more' if self._received else 'no answer'} came "
                f"within {show_seconds(self.timeout)}"
            )
        if taken > self.timeout + self._received / self._least_rate:
            raise SlowError(f"too slow: {self._received} bytes in {taken:.3g} seconds")
        if now > self._end:
            raise SlowError(f"too slow: still not at its end after {self._received} bytes")
