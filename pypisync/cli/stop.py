"""Ending a cycle by a signal: at a safe point if it can wait for one, at once if asked again."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """Whether the process was asked to end; calling it tells."""

    def __init__(self) -> None:
        self._number = 0

    def __call__(self) -> bool:
        """Whether to stop."""
        return self._number != 0

    @property
    def exit_code(self) -> int:
        """128 and the signal's number, as shells count; 0 if there was none."""
        return 128 + self._number if self._number else 0

    @property
    def name(self) -> str:
        """The signal, such as SIGTERM; "" if there was none."""
        return signal.Signals(self._number).name if self._number else ""

    def take(self, number: int, _frame: FrameType | None) -> None:
        """Note the signal, and let the next one end the process."""
        self._number = number
        for name in _SIGNALS:
            default = signal.default_int_handler if name == signal.SIGINT else signal.SIG_DFL
            signal.signal(name, default)


@contextmanager
def stopping() -> Iterator[Stop]:
    """Returns a context in which SIGTERM and SIGINT (Ctrl-C) only ask to stop.

    The second signal ends the process at once.
    """
    stop = Stop()
    before = {number: signal.signal(number, stop.take) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
