"""Signals as a queue."""

import signal
import subprocess
import sys
from pathlib import Path
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


_EARLY = """
import os, signal, sys
from pypisync import cli
from pypisync.cli import run

def read(path):
    for one in (signal.SIGUSR1, signal.SIGHUP):
        os.kill(os.getpid(), one)
    from pypisync.daemon.signals import SignalQueue
    with SignalQueue() as queue:
        print(sorted(queue.wait(1).name for _ in range(2)))
    sys.exit(7)

run.found, run.configured = str, read
sys.argv = ["pypisync", "run", "--config", "x"]
cli.main()
"""


def test_what_asks_a_daemon_that_only_just_starts_is_taken_later(tmp_path: Path) -> None:
    """SIGUSR1 and SIGHUP end a process that knows nothing of them."""
    done = subprocess.run(
        [sys.executable, "-c", _EARLY], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (7, "['SIGHUP', 'SIGUSR1']\n"), done.stderr
