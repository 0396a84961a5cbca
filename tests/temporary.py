"""Temporary folders in memory, if there is enough of it: tests sync many thousands of files.

A disk takes milliseconds for each of them, in which a process has nothing to do.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ROOM = 8 * 2**30  # bytes; a run of all tests fills less than 5 GiB
_CHOSEN = "PYTEST_DEBUG_TEMPROOT"


def use_memory() -> None:
    """Have all make their temporary folders in memory; pytest deletes them when it ends.

    Unless it is told where they are to be, by ``--basetemp`` or by ``PYTEST_DEBUG_TEMPROOT``.
    """
    if _CHOSEN in os.environ or not _is_roomy():
        return
    folder = tempfile.mkdtemp(prefix="p", dir=_MEMORY)  # short: sockets have addresses in it
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[_CHOSEN] = folder
    # Where nothing else is said, by what is started as well.
    os.environ["TMPDIR"] = tempfile.tempdir = folder


def place() -> Path | None:
    """Where other large temporary folders are to be; None: on the disk."""
    return _MEMORY if os.environ.get(_CHOSEN, "").startswith(f"{_MEMORY}/") else None


def _is_roomy() -> bool:
    if not os.access(_MEMORY, os.W_OK):
        return False
    seen = os.statvfs(_MEMORY)  # programs are run from such folders
    return seen.f_bavail * seen.f_frsize >= _ROOM and not seen.f_flag & os.ST_NOEXEC
