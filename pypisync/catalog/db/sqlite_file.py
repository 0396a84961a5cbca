"""The file of an SQLite database: how it is read where nothing can be written, and what fails.

A reader shares two files with the writer, ``-wal`` and ``-shm``, and SQLite makes them for a reader
too. Where it cannot, on a full disk or in a folder that may not be written, the database can still
be read as a file that nobody changes, if all of it is in the file (https://sqlite.org/wal.html,
"Read-Only Databases"). This module needs the driver alone, because it is imported by commands that
answer at once.
"""

import os
import sqlite3
from pathlib import Path
from urllib.parse import unquote

_SHARED = 64 * 1024  # bytes that the files a reader makes may take
_DISK = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN}
_PRIMARY = 0xFF  # of a result code; the rest says which I/O failed


def file_of(url: str) -> Path | None:
    """Returns the file that the URL of a database names; None if it names none."""
    name = unquote(url.partition(":///")[2].partition("?")[0])
    return Path(name) if url.startswith("sqlite") else None


def url_of(file: Path) -> str:
    """Returns the URL that names the file; any other character may stand in it as it is."""
    return f"sqlite:///{str(file).replace('%', '%25').replace('?', '%3F')}"


def immutable(file: Path) -> bool:
    """Returns whether the database has to be read as a file that nobody changes.

    That is so if the files that readers share cannot be made, and nothing waits in the ``-wal``.
    """
    wal = file.with_name(f"{file.name}-wal")
    try:
        waits = wal.stat().st_size > 0
    except OSError:
        waits = False
    if waits:
        return False
    return (not wal.exists() and not os.access(file.parent, os.W_OK)) or _is_full(file)


def no_folder(file: Path) -> str:
    """Returns that the folder of the database is missing, and what to do; "": it is there."""
    there = file.parent.is_dir()
    return "" if there else f"{file.parent} is no folder: make it, or name another in database"


def advice(error: BaseException, file: str) -> str:
    """Returns what to do about a failure of the disk below the database, after ": "; else ""."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code not in _DISK:
        return ""
    folder = Path(file).parent
    if missing := no_folder(Path(file)):
        return f": {missing}"
    if code == sqlite3.SQLITE_FULL or _is_full(Path(file)):
        return f": the disk of {folder} is full: free space on it, then run this again"
    return f": check the disk of {folder}, and that this user may write there"


def _is_full(file: Path) -> bool:
    try:
        found = os.statvfs(file.parent)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < _SHARED
