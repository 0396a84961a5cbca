"""Signs of life of the job that runs: what it does, and when it last got on.

It is a watch between a cycle and its log, and it tells the job whether to stop. Downloads ask that
between chunks and waits every second, and each question is a sign of life.
"""

from collections.abc import Callable
from threading import Event

from pypisync.cycle.mirror import Watch

# The longest that a job that is well may be silent: a large decision, one slow request.
STUCK = 1800.0  # seconds


class Vitals:
    """One for each time in the lead. ``clock`` is a monotonic one (seconds)."""

    def __init__(self, log: Watch, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._stop = Event()
        self._since = clock()
        self.doing = ""  # the step; "": no job runs
        self._done = 0
        self._total: int | None = None

    # -- the main thread's --

    def tell_to_stop(self) -> None:
        """Let the job end at its next safe point."""
        self._stop.set()

    @property
    def well(self) -> bool:
        """Whether nothing runs, or what runs got on lately."""
        return not self.doing or self._clock() - self._since < STUCK

    def shown(self) -> str:
        """Returns the step and how far it is, such as "projects 5 of 10"."""
        if self._total is None:
            return self.doing
        return f"{self.doing} {self._done} of {self._total}"

    # -- the job's --

    def stop(self) -> bool:
        """Returns whether to stop; asking is a sign of life."""
        self._since = self._clock()
        return self._stop.is_set()

    def begins(self, doing: str) -> None:
        """Note that a job begins, or ends ("")."""
        self._since = self._clock()
        self.doing, self._done, self._total = doing, 0, None

    def begin(self, run: int) -> None:
        """Note that a run begins."""
        self._log.begin(run)

    def step(self, name: str, total: int | None = None, unit: str = "") -> None:
        """Note that a step begins."""
        self.begins(name)
        self._total = None if unit == "bytes" else total
        self._log.step(name, total, unit)

    def advance(self, count: int = 1) -> None:
        """So many more are done."""
        self._since = self._clock()
        self._done += count
        self._log.advance(count)

    def received(self, count: int) -> None:
        """So many bytes have come in."""
        self._since = self._clock()
        self._log.received(count)

    def feed(self, index: str, kind: str, reason: str) -> None:
        """Changes are read by another feed."""
        self._log.feed(index, kind, reason)

    def retry(self, what: str, reason: str, seconds: float) -> None:
        """A host is asked again."""
        self._log.retry(what, reason, seconds)

    def fault(self, what: str, reason: str) -> None:
        """Something is set aside."""
        self._since = self._clock()
        self._log.fault(what, reason)
