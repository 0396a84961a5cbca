"""The processes below a process."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_STREAM, _POOL = b"pypisync.cycle.stream_process", b"pypisync.cycle.processes"


class Member(NamedTuple):
    """A process, told from a later one with the same number by when it began."""

    pid: int
    began: str

    def runs(self) -> bool:
        """Returns whether it is there, and more than an entry that nobody has asked for."""
        state, _, began = _stat(self.pid)
        return began == self.began and state not in "ZX"

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it is there."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


def below(pid: int) -> list[Member]:
    """Returns all processes that a process has started, and those that they have."""
    parents = {
        Member(int(path.name), began): int(parent)
        for path in Path("/proc").iterdir()
        if path.name.isdigit()
        for _, parent, began in [_stat(int(path.name))]
    }
    found, known = list[Member](), {pid}
    while more := [one for one, parent in parents.items() if parent in known and one not in found]:
        found += more
        known |= {one.pid for one in more}
    return found


def workers(pid: int) -> list[Member]:
    """Returns those that do a cycle's work, the process of the stream first."""
    return streams(pid) + [one for one in below(pid) if _POOL in _line(one)]


def streams(pid: int) -> list[Member]:
    """Returns the processes of streams."""
    return [one for one in below(pid) if _STREAM in _line(one)]


def _line(one: Member) -> list[bytes]:
    try:
        return Path(f"/proc/{one.pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _stat(pid: int) -> tuple[str, str, str]:
    """State, parent and moment of the begin; nothing of one that has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "X", "0", ""
    fields = text.rpartition(")")[2].split()
    return fields[0], fields[1], fields[19]
