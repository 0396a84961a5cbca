"""The units, as systemd itself reads them, and what the daemon tells it."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pypisync.daemon.notify import Notifier

UNITS = Path(__file__).parents[2] / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze"
)


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False
    )


@needs_systemd
def test_the_units_are_right(tmp_path: Path) -> None:
    """With a program that is there in the place of the installed one."""
    for path in (*SERVICES, *UNITS.glob("*.timer")):
        text = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(text.replace("/opt/pypisync/bin/pypisync", "/bin/true"))
    done = analyze("verify", *map(str, sorted(tmp_path.iterdir())))
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_the_services_are_confined(path: Path) -> None:
    said = analyze("security", "--offline=true", str(path)).stdout
    match = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert match is not None
    assert float(match[1]) <= 2.0


def test_the_units_start_commands_that_there_are() -> None:
    for path, command in zip(SERVICES, ("sync --log-json", "run"), strict=True):
        text = path.read_text(encoding="utf-8")
        assert f"ExecStart=/opt/pypisync/bin/pypisync {command} --config /etc/pypisync/" in text
        done = subprocess.run(
            [sys.executable, "-m", "pypisync", *command.split()[:1], "--help"],
            cwd=UNITS.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert all(word in done.stdout for word in command.split()[1:])


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize("abstract", [False, True])
def test_messages_are_datagrams(tmp_path: Path, *, abstract: bool) -> None:
    name = f"@pypisync-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name.replace("@", "\0", 1))
        receiver.setblocking(False)
        clock = Clock()
        notifier = Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "40000000"}, clock)
        notifier.ready()
        notifier.status("Größe ↑\nREADY=1")
        notifier.status("Größe ↑\nREADY=1")  # nothing new
        for clock.seconds in (0.0, 5.0, 9.9, 10.0, 25.0):
            notifier.alive()
        notifier.stopping()
        expected = ["READY=1", "STATUS=Größe ↑ READY=1", *["WATCHDOG=1"] * 3, "STOPPING=1"]
        assert [receiver.recv(1000).decode() for _ in expected] == expected
        with pytest.raises(BlockingIOError):
            receiver.recv(1000)


def test_a_reader_that_is_slow_costs_no_work(tmp_path: Path) -> None:
    """The system keeps a few messages; who would send more sleeps, for a second at most."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}, lambda: 0.0)
        while _sends_at_once(tmp_path / "notify"):
            pass
        before = time.process_time()
        notifier.status("one too many")
        assert time.process_time() - before < 0.3


def _sends_at_once(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        try:
            sender.sendto(b"STATUS=", str(address))
        except BlockingIOError:
            return False
        return True


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": "relative"},
        {"NOTIFY_SOCKET": "/nobody/listens", "WATCHDOG_USEC": "x"},
        {"NOTIFY_SOCKET": "/nobody/listens", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"},
    ],
)
def test_without_systemd_nothing_happens(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[object, ...]] = []

    class Counted(socket.socket):
        def connect(self, address: object) -> None:
            opened.append((address,))
            super().connect(address)  # type: ignore[arg-type]

    monkeypatch.setattr("pypisync.daemon.notify.socket.socket", Counted)
    notifier = Notifier(environ, lambda: 0.0)
    notifier.ready()
    notifier.status("text")
    notifier.alive()
    notifier.stopping()
    # One try a message where there could be somebody, and none for a watchdog that is not ours.
    address = environ.get("NOTIFY_SOCKET", "")
    assert opened == [(address,)] * 3 if address.startswith("/") else opened == []
