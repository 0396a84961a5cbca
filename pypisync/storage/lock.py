"""Who may write to the mirror now: one process.

It holds flock(2) on ``.lock`` in the mirror's folder. The system lets go of the
lock when its holder ends, however it ends, so the file may stay. Readers need no lock.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pypisync.errors import StorageError
from pypisync.storage import disk


@contextmanager
def writer_lock(root: Path) -> Iterator[None]:
    """Hold the lock of the mirror in the folder ``root``, which is made if it is missing.

    Raises StorageError at once if another process (or another block of this one) holds it.
    """
    path = root / ".lock"
    descriptor = disk.open_file(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise StorageError(
                f"another sync is running (pid {holder}): wait for its end or stop it; "
                f"it holds {path}"
            ) from None
        except OSError:
            with disk.guarded(path):
                raise
        disk.truncate(descriptor, path)
        disk.append(descriptor, f"{os.getpid()}\n".encode(), path)
        yield
    finally:
        os.close(descriptor)
