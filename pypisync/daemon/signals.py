"""Signals as a queue that the main thread reads.

They are blocked in all threads and taken with sigtimedwait(2), so that no handler interrupts
anything. Threads inherit the mask: this has to come before the first of them.
"""

import signal
from signal import Signals
from types import TracebackType
from typing import Self

END = (Signals.SIGTERM, Signals.SIGINT)
RELOAD = Signals.SIGHUP
SYNC = Signals.SIGUSR1
_ALL = (*END, RELOAD, SYNC)


def hold() -> None:
    """Let what may be sent to a daemon that only just starts wait for its queue."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (RELOAD, SYNC))


class SignalQueue:
    """A context manager; within it signals wait to be taken."""

    def __enter__(self) -> Self:
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, _ALL)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def wait(self, seconds: float) -> Signals | None:
        """Returns the next signal, or None if none comes within ``seconds``."""
        found = signal.sigtimedwait(_ALL, seconds)
        # A process that was stopped and goes on (SIGCONT, a debugger) after the time is over gets
        # what was in memory by chance: Python then takes the interruption for a signal.
        return Signals(found.si_signo) if found and found.si_signo in _ALL else None
