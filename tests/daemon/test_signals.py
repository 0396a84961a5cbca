"""Signals as a queue."""

import signal
from types import SimpleNamespace

import pytest

from pypisync.daemon.signals import SignalQueue


@pytest.mark.parametrize("number", [-1107965064, 0, signal.SIGCONT])
def test_what_a_process_that_goes_on_finds_is_no_signal(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What sigtimedwait returns when SIGSTOP and SIGCONT came, and the time is over."""

    def interrupted(*_: object) -> SimpleNamespace:
        return SimpleNamespace(si_signo=number)

    monkeypatch.setattr(signal, "sigtimedwait", interrupted)
    assert SignalQueue().wait(1) is None
