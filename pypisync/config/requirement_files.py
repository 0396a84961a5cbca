"""Reads the files of ``requirements``, and the files that those include.

Only here are they opened, and only regular files of a bounded size are. What they say is left to
the core: :mod:`pypisync.core.wanted.requirements_txt` and :mod:`pypisync.core.wanted.lock_files`.
"""

import os.path
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pypisync.core.display import show_size
from pypisync.core.wanted import lock_files, requirements_txt
from pypisync.core.wanted.groups import Group, Remarks, TextFile

LARGEST = 32 * 2**20  # bytes of one file
_LARGEST_WITH_INCLUDES = 4 * LARGEST


class RequirementsEntry(NamedTuple):
    """An entry of ``requirements``; ``resolve`` None: as is usual for such a file."""

    number: int
    file: str
    resolve: bool | None


class Trouble(NamedTuple):
    """What is wrong with an entry: with itself, or with a line of its files (whole line given)."""

    number: int
    line: str
    itself: str


def read(
    wanted: Iterable[RequirementsEntry], folder: Path
) -> tuple[tuple[Group, ...], list[Trouble]]:
    """Returns the groups that files in ``folder`` make, and all that is wrong with them."""
    groups: list[Group] = []
    troubles: list[Trouble] = []
    seen: dict[str, str] = {}
    for entry in wanted:
        try:
            group, found = _group(entry, folder, seen)
        except ValueError as error:
            troubles.append(Trouble(entry.number, "", str(error)))
            continue
        groups.append(group)
        troubles += [Trouble(entry.number, str(fault), "") for fault in found.faults]
    return tuple(groups), troubles


def _group(entry: RequirementsEntry, folder: Path, seen: dict[str, str]) -> tuple[Group, Remarks]:
    """Returns the group of the files of one key. Raises ValueError."""
    files = _Files()
    source = files.open(folder / entry.file)
    if first := seen.get(source.key):
        raise ValueError(f'the same file as "{first}"; name it once')
    seen[source.key] = entry.file
    lock = lock_files.format_of(Path(entry.file).name)
    if lock is None:
        resolve = entry.resolve is not False
        return requirements_txt.parse(entry.file, source, files.include, resolve=resolve)
    if entry.resolve:
        raise ValueError(
            "a lock file is mirrored exactly; to resolve, name the requirements it was made from"
        )
    return lock_files.parse(entry.file, source, lock)


class _Files:
    """Opens the files of one group."""

    def __init__(self) -> None:
        self._left = _LARGEST_WITH_INCLUDES

    def open(self, path: Path) -> TextFile:
        """Returns the file's text. Raises ValueError with the reason if it cannot be read."""
        name = os.path.normpath(path)
        try:
            status = path.stat()
            if stat.S_ISDIR(status.st_mode):
                raise ValueError("is a folder, and a file is wanted")
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("not a file")
            if status.st_size > min(LARGEST, self._left):
                raise ValueError(f"too large: {show_size(LARGEST)} at most")
            with path.open("rb") as file:
                data = file.read(LARGEST + 1)
            key = str(path.resolve())
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            why = "no such file" if missing else f"cannot be read: {error.strerror}"
            raise ValueError(why) from None
        self._left -= len(data)
        return TextFile(name, key, requirements_txt.decode(data))

    def include(self, path: str, by: TextFile) -> TextFile:
        """Returns the file that another one includes. Raises ValueError."""
        if "://" in path or path.lower().startswith("file:"):
            raise ValueError("nothing is fetched from an address: include a file")
        return self.open(Path(by.name).parent / path)
