"""How a path of the tree becomes an open file, and never one outside of it.

Every folder on the way is opened below the one before, and no symbolic link is followed, so neither
a path nor a link leaves the tree. Only regular files are opened.
"""

import errno
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from pypisync.storage.disk import is_filename

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A named pipe must not make the reader wait for a writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# Most paths: file names without any doubt, none of them hidden.
_PLAIN = re.compile(r"(?!\.)[!-.0-~]{1,255}(?:/(?!\.)[!-.0-~]{1,255})*")
_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO}


def open_below(root: Path, path: str) -> tuple[int, os.stat_result] | None:
    """Returns the open file at ``path`` below ``root`` and its status; None: nothing to serve.

    Raises OSError if there is one that cannot be read: that is a fault, not a missing file.
    """
    if _PLAIN.fullmatch(path) is None and not all(
        is_filename(part) and not part.startswith(".") for part in path.split("/")
    ):
        return None
    descriptor = _at_once(f"{root}/{path}")
    if descriptor is None:
        descriptor = _step_by_step(root, path.split("/"))
    if descriptor is None:
        return None
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode):
        return descriptor, found
    os.close(descriptor)
    return None


def _at_once(path: str) -> int | None:
    """Returns the file if no part of the path is a link: the system then knows it by this path."""
    try:
        descriptor = os.open(path, _FILE)
    except OSError:
        return None
    try:
        if os.readlink(f"/proc/self/fd/{descriptor}") == path:  # noqa: PTH115 - often
            return descriptor
    except OSError:  # no /proc
        pass
    os.close(descriptor)
    return None


def _step_by_step(root: Path, parts: Sequence[str]) -> int | None:
    folder = -1
    try:
        folder = os.open(root, _FOLDER)
        for part in parts[:-1]:
            below = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = below
        return os.open(parts[-1], _FILE, dir_fd=folder)
    except OSError as error:
        if error.errno in _MISSING:
            return None
        raise
    finally:
        if folder >= 0:
            os.close(folder)
