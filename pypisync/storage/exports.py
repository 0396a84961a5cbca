"""What a mirror remembers of the bundles that it wrote: one file each, beside the tree.

A record says to which state a bundle led, with the digests of its rows, so that a later bundle can
go on from there. It gets its name when the bundle is complete. The bundles of a mirror are numbered
through; the same state has the same number, whatever it is exported from.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from msgspec import Struct

from pypisync.core.bundles import manifest
from pypisync.core.bundles.manifest import Hash, Point
from pypisync.errors import BundleError, Busy, StorageError
from pypisync.storage import disk
from pypisync.storage.spool import put

_FOLDER = ".exports"
_IDENTITY = "identity"
_REACHED = "generation"
_UNFINISHED = ".partial"
_KEPT = 100  # records
_LARGEST = 256 * 2**20  # bytes of a record


class Exported(Struct, frozen=True, forbid_unknown_fields=True):
    """A state that was exported."""

    point: Point
    made: float  # seconds since 1970
    listed: Hash  # of what the generation lists
    schema: str
    digests: dict[str, dict[int, str]]
    to: str  # the manifest that makes it complete


class Exports:
    """The records below the folder of a mirror.

    Raises StorageError, and BundleError for a record that cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / _FOLDER
        self.identity_file = self.folder / _IDENTITY

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Returns a context in which no other process exports. Raises Busy."""
        disk.make_folder(self.folder)
        place = self.folder / "lock"
        descriptor, _ = disk.open_file(place)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                who = "another process exports from this mirror"
                raise Busy(who, "wait for its end") from None
            self._finish()
            yield
        finally:
            os.close(descriptor)

    def identity(self) -> str:
        """Returns the name of this mirror among all mirrors, which is made up once."""
        data = disk.read(self.identity_file, 100)
        if data is None:
            data = token_hex(16).encode()
            self._put(self.identity_file, data)
        said = data.decode("ascii", "replace").strip()
        if not re.fullmatch("[0-9a-f]{32}", said):
            raise BundleError(f"{self.identity_file}: not 32 hex digits: write them as they were")
        return said

    def reserve(self, record: Exported) -> None:
        """Remember a state before its bundle is complete: it keeps its number."""
        self._put(self._place(record.point.sequence, _UNFINISHED), manifest.to_line(record))

    def complete(self, record: Exported) -> None:
        """The bundle to this state is complete."""
        place = self._place(record.point.sequence)
        # Before: what the next bundle goes on from is never without it.
        self._put(self.folder / _REACHED, str(record.point.generation).encode())
        disk.replace(self._place(record.point.sequence, _UNFINISHED), place)
        disk.sync_folder(self.folder)
        for old in self.numbers()[:-_KEPT]:
            disk.remove(self._place(old))

    def reached(self) -> int | None:
        """Returns the generation that the last bundle led to, which is kept; None: there is none.

        It is read in every cycle, so it stands by itself.
        """
        said = disk.read(self.folder / _REACHED, 20)
        return int(said) if said and said.isdigit() else None

    def numbers(self) -> list[int]:
        """Returns the numbers of complete bundles, in order."""
        return sorted(int(name) for name in self._names() if name.isdigit())

    def newest(self) -> Exported | None:
        """Returns the last complete record."""
        numbers = self.numbers()
        return self.record(numbers[-1]) if numbers else None

    def last(self) -> tuple[int, float] | None:
        """Returns the number of the last bundle, and when it was complete (seconds since 1970).

        None: there is none.
        """
        numbers = self.numbers()
        if not numbers:
            return None
        place = self._place(numbers[-1])
        with disk.guarded(place):
            return numbers[-1], place.stat().st_mtime

    def record(self, sequence: int) -> Exported:
        """Returns a record. Raises BundleError if it is none."""
        return self._read(self._place(sequence))

    def of_generation(self, number: int) -> Exported | None:
        """Returns the last complete record that led to this generation."""
        found = (self.record(one) for one in reversed(self.numbers()))
        return next((one for one in found if one.point.generation == number), None)

    def of_state(self, state: str) -> Exported | None:
        """Returns the record of a state, complete or not."""
        for name in sorted(self._names(), reverse=True):
            if name.removesuffix(_UNFINISHED).isdigit():
                found = self._read(self.folder / f"{name}.json")
                if found.point.state == state:
                    return found
        return None

    def next_number(self, after: int) -> int:
        """Returns a number that no bundle has, and that comes behind ``after``."""
        names = (name.removesuffix(_UNFINISHED) for name in self._names())
        return max([after, *(int(name) for name in names if name.isdigit())]) + 1

    def _finish(self) -> None:
        """Complete the records whose bundle was complete when the process ended."""
        for name in self._names():
            if name.endswith(_UNFINISHED):
                record = self._read(self.folder / f"{name}.json")
                if os.path.isfile(record.to):  # noqa: PTH113 - is_file() raises where access is denied
                    self.complete(record)

    def _read(self, place: Path) -> Exported:
        data = disk.read(place, _LARGEST)
        if data is None:
            raise StorageError(f"{place}: it is missing")
        try:
            return manifest.read(data, Exported, str(place))
        except BundleError as error:
            raise BundleError(f"{error}: delete it, and export with --full") from None

    def _names(self) -> list[str]:
        if not disk.is_folder(self.folder):
            return []
        with disk.guarded(self.folder):
            found = [one.name for one in self.folder.iterdir() if one.suffix == ".json"]
        return [name.removesuffix(".json") for name in found]

    def _place(self, sequence: int, more: str = "") -> Path:
        return self.folder / f"{sequence:06}{more}.json"

    def _put(self, place: Path, data: bytes) -> None:
        put(place.with_name(f"{place.name}.new"), place, data)
