"""Who may write to the mirror now: one process.

The process holds flock(2) on ``.lock`` in the mirror's folder, and has written there who it is. The
system releases the lock when its holder ends, in whatever way, so the file may stay. Readers need
no lock.
"""

import fcntl
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from pypisync.errors import Busy
from pypisync.storage import disk

_LOCK = ".lock"
_TRIES, _WAIT = 3, 0.02  # seconds


class Holder(Struct, frozen=True):
    """The process that holds the lock; pid 0 if it has not said so yet."""

    pid: int
    daemon: bool = False
    host: str = ""  # of a daemon: a folder can be shared

    @property
    def here(self) -> bool:
        """Whether it is a process of this machine."""
        return self.host in ("", socket.gethostname())

    def __str__(self) -> str:
        """Returns who it is, for a message."""
        where = "" if self.here else f" on {self.host}"
        pid = str(self.pid or "unknown")
        return f"the daemon (pid {pid}{where})" if self.daemon else f"another sync (pid {pid})"


@contextmanager
def writer_lock(root: Path, *, daemon: bool = False, instead: str = "") -> Iterator[None]:
    """Returns a context that holds the lock of the mirror in the folder ``root``.

    The folder is made if it is missing. ``instead``: what whoever is refused can do while a daemon
    holds it, besides stopping that.

    Raises Busy at once if another process (or another block of this one) holds it, StorageError.
    """
    path = root / _LOCK
    descriptor, _ = disk.open_file(path)
    try:
        try:
            _take(descriptor)
        except BlockingIOError:
            raise _busy(_said(descriptor), path, instead) from None
        except OSError:
            with disk.guarded(path):
                raise
        disk.truncate(descriptor, path)
        said = f"{os.getpid()} daemon {socket.gethostname()}" if daemon else str(os.getpid())
        disk.append(descriptor, f"{said}\n".encode(), path)
        yield
    finally:
        os.close(descriptor)


def holder(root: Path) -> Holder | None:
    """Returns the holder of the lock; None if there is none, or if it cannot be seen."""
    try:
        descriptor = os.open(root / _LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _said(descriptor)
    except OSError:
        return None
    else:
        return None
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    """Take the lock. Waits for :func:`holder`, which holds the lock for an instant only to look.

    Raises BlockingIOError if it is held for longer, OSError.
    """
    for _ in range(_TRIES):
        with suppress(BlockingIOError):
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(_WAIT)
    return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _said(descriptor: int) -> Holder:
    text = ""
    with suppress(OSError):  # a bad sector: that it is held is known all the same
        text = os.pread(descriptor, 300, 0).decode("ascii", "replace")
    match = re.fullmatch(r"(\d{1,10})(?: (daemon) ([!-~]{1,255}))?\n", text)
    return Holder(int(match[1]), bool(match[2]), match[3] or "") if match else Holder(0)


def _busy(who: Holder, path: Path, instead: str) -> Busy:
    if who.daemon:
        advice = f"{instead}, or stop it" if instead else "stop it first"
        return Busy(f"{who} keeps this mirror up to date", f"{advice}; it holds {path}")
    pid = who.pid or "unknown"
    return Busy(
        f"another sync is running (pid {pid})", f"wait for its end or stop it; it holds {path}"
    )
