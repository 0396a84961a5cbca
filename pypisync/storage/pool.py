"""Where downloads go, and how they become files of the mirror.

A download grows in ``.partial`` under a name made from its path. It is hashed as it arrives, and
continues where an earlier try stopped. It gets its name in ``packages`` only if size and SHA-256
are those that upstream states. :meth:`Pool.flush` makes bytes and names durable, many at a time.
Only then may the catalog record the files as stored; a file that the catalog does not know is
hashed before use. Callers decide which files are wanted.
"""

import hashlib
import os
import stat
import threading
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Protocol

from pypisync.core.display import show_size
from pypisync.core.standards.hashes import hasher, matches
from pypisync.errors import Malformed, NoRoom, StorageError
from pypisync.storage import disk

_CHECK_EVERY = 16 * 2**20  # bytes written between two looks at the free space
_CHECK_PARTS = 100  # parts opened between two looks, if there was room for them
_BLOCK = 2**20


class Ask(Protocol):
    """A file to be deposited."""

    @property
    def path(self) -> str:
        """Relative to the mirror's folder, below ``packages``."""

    @property
    def sha256(self) -> str:
        """64 hex digits; "" if upstream states none."""

    @property
    def size(self) -> int | None:
        """Bytes; None if upstream states none."""

    @property
    def stated(self) -> str:
        """Another hash to check, as "sha512:<hex>"; "" if upstream states none."""


class PartialFile:
    """A file under way. One thread at a time uses it."""

    def __init__(self, pool: "Pool", ask: Ask, name: str) -> None:
        self.offset = 0  # bytes there, all hashed
        self._pool = pool
        self._ask = ask
        self._name = name
        self._path = pool.partial / name
        self._begin_hashes()
        self._check_at = 0
        self._open = True
        self._descriptor, there = disk.open_file(self._path)
        try:
            self._take_up(there)
        except BaseException:
            os.close(self._descriptor)
            if not there:
                disk.remove(self._path)
            raise

    def write(self, chunk: bytes) -> None:
        """Append and hash.

        Raises Malformed if it is more than upstream states, NoRoom, or StorageError.
        """
        size = self._ask.size
        if size is not None and self.offset + len(chunk) > size:
            self._discard()
            raise Malformed(f"{self._ask.path}: more than the {size} bytes that upstream states")
        if self.offset >= self._check_at:
            self._pool.check_room(self._name)
            self._check_at = self.offset + _CHECK_EVERY
        disk.append(self._descriptor, chunk, self._path)
        self._update_hashes(chunk)
        self._advance(len(chunk))

    def restart(self) -> None:
        """Forget what is there: the server does not resume."""
        disk.truncate(self._descriptor, self._path)
        self._begin_hashes()
        self._advance(-self.offset)
        self._check_at = 0

    def whole(self) -> bool:
        """Returns whether what is there is the file: it has the hash that upstream states."""
        stated = self._ask.sha256 or self._other
        return bool(self.offset and stated) and self._misfit() is None

    def commit(self) -> str:
        """Check size and hashes, rename into place; :meth:`Pool.flush` then makes it durable.

        Returns the SHA-256.

        Raises Malformed if they are not what upstream states (the part is then gone), or
        StorageError (the part then stays for the next try).
        """
        ask = self._ask
        if ask.size is not None and self.offset != ask.size:
            self._discard()
            raise Malformed(f"{ask.path}: {self.offset} bytes came, upstream states {ask.size}")
        if misfit := self._misfit():
            self._discard()
            raise Malformed(f"{ask.path}: {misfit}")
        try:
            self._pool.place(self._path, ask.path)
        finally:
            self.close()
        return self._hash.hexdigest()

    def close(self) -> None:
        """Close the part; what has arrived stays for the next try. A second call does nothing."""
        if self._open:
            self._open = False
            os.close(self._descriptor)
            self._pool.release(self._name)

    def _begin_hashes(self) -> None:
        self._hash = hashlib.sha256()
        self._other = hasher(self._ask.stated) if self._ask.stated else None

    def _update_hashes(self, data: bytes) -> None:
        self._hash.update(data)
        if self._other is not None:
            self._other.update(data)

    def _misfit(self) -> str | None:
        """Returns which hash is not the one that is expected; None if all are."""
        digest, expected = self._hash.hexdigest(), self._ask.sha256
        if expected and digest != expected:
            return f"SHA-256 is {digest}, upstream states {expected}, or it was so when it came"
        if self._other is not None and not matches(self._other, self._ask.stated):
            name = self._ask.stated.partition(":")[0]
            return f"{name} is {self._other.hexdigest()}, upstream states {self._ask.stated}"
        return None

    def _take_up(self, there: int) -> None:
        """Hash the bytes that an earlier try left, and see that the rest has room."""
        size = self._ask.size
        if size is not None and there > size:
            disk.truncate(self._descriptor, self._path)
            there = 0
        if there:
            with disk.guarded(self._path):
                while block := os.pread(self._descriptor, _BLOCK, self.offset):
                    self._update_hashes(block)
                    self.offset += len(block)
        self._pool.foresee(self._name, None if size is None else size - self.offset)
        self._check_at = self.offset + _CHECK_EVERY

    def _advance(self, count: int) -> None:
        self.offset += count
        if self._ask.size is not None:
            self._pool.expect(self._name, self._ask.size - self.offset)

    def _discard(self) -> None:
        self.close()
        disk.remove(self._path)


class Pool:
    """The files below ``root``/packages. Threads may use it, each for files of its own.

    ``reserve`` is the bytes of free space that downloads leave on the disk. ``syncs``: what is
    placed here is made durable by :meth:`flush`, and not by another process (:meth:`placed`).
    """

    def __init__(self, root: Path, *, reserve: int = 0, syncs: bool = True) -> None:
        self.root = root
        self.partial = root / disk.PARTIAL
        self.reserve = reserve
        self._syncs = syncs
        self._root = str(root)  # a place as a Path costs more than the look at it
        self._lock = threading.Lock()
        self._coming: dict[str, int] = {}  # open part -> bytes still to come
        self._touched: set[Path] = set()  # files and folders not synced yet
        self._placed: set[str] = set()  # files of other processes, their folders not synced either
        self._room = 0  # bytes above the reserve at the last look, less what is foreseen since
        self._unlooked = 0  # parts that may be opened before the next look

    def part(self, ask: Ask) -> PartialFile:
        """Returns the partial file for this ask, with what an earlier try left.

        Its ``offset`` may already be the whole size: then only ``commit`` is left. Raises Malformed
        for a path that leaves the pool, NoRoom if the file does not fit, StorageError.
        """
        disk.check_inside(ask.path)
        name = self._claim(ask.path)
        try:
            return PartialFile(self, ask, name)
        except BaseException:
            self.release(name)
            raise

    def has(self, path: str, size: int | None) -> bool:
        """Returns whether a regular file of this size (None: of any size) is there.

        Raises Malformed for a path that leaves the pool.
        """
        disk.check_inside(path)
        try:
            found = os.lstat(f"{self._root}/{path}")
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            with disk.guarded(self.absolute(path)):
                raise
        return stat.S_ISREG(found.st_mode) and size in {None, found.st_size}

    def read(self, path: str, limit: int) -> bytes:
        """Returns the bytes of a stored file.

        Raises StorageError if it is not there, Malformed if it is longer than ``limit``.
        """
        place = self.absolute(path)
        data = disk.read(place, limit + 1)
        if data is None:
            raise StorageError(f"{place}: the catalog lists it, but it is missing: run the check")
        if len(data) > limit:
            raise Malformed(f"{path}: longer than {limit} bytes")
        return data

    def absolute(self, path: str) -> Path:
        """Returns the file's place on disk. Raises Malformed for a path that leaves the pool."""
        return disk.inside(self.root, path)

    def delete(self, paths: Iterable[str]) -> int:
        """Remove files and the folders this empties; a missing file is fine.

        Returns how many bytes that frees. Raises Malformed for a path that leaves the pool.
        """
        freed = 0
        top = self.root / "packages"
        for path in paths:
            place = self.absolute(path)
            freed += disk.remove(place) or 0
            folder = place.parent
            while folder != top and disk.remove_folder(folder):
                folder = folder.parent
            with self._lock:
                self._touched.add(folder)
        return freed

    def sweep(self, keep: Collection[str] = ()) -> int:
        """Remove what crashes left in ``.partial``, and the parts of files not in ``keep``.

        ``keep`` holds paths of files still wanted. Returns the bytes freed.
        """
        kept = {self._part_name(path) for path in keep}
        with self._lock:
            kept.update(self._coming)
        folder = self.partial
        with disk.guarded(folder):
            if not folder.is_dir():
                return 0
            names = sorted(entry.name for entry in folder.iterdir())
        return sum(disk.remove_tree(folder / name) for name in names if name not in kept)

    def flush(self) -> None:
        """Make everything that was committed or deleted since the last flush durable."""
        with self._lock:
            touched, self._touched = self._touched, set()
            placed, self._placed = self._placed, set()
        try:
            disk.sync_all(chain(touched, self._with_folders(placed)), self.root)
        except BaseException:
            with self._lock:
                self._touched |= touched
                self._placed |= placed
            raise

    def expect(self, name: str, coming: int) -> None:
        """Note the bytes that are still to come for an open part."""
        with self._lock:
            self._coming[name] = coming

    def room(self) -> int:
        """Returns the bytes above the reserve that no download under way has claimed."""
        with self._lock:
            return disk.free(self.root) - self.reserve - sum(self._coming.values())

    def coming(self) -> int:
        """Returns the bytes that downloads under way have claimed."""
        with self._lock:
            return sum(self._coming.values())

    def foresee(self, name: str, coming: int | None) -> None:
        """Claim the room for an opened part; None: its size is unknown. Raises NoRoom.

        A look at the disk is enough for many small ones.
        """
        with self._lock:
            self._room -= coming or 0
            self._unlooked -= 1
            enough = coming is not None and self._room > _CHECK_EVERY and self._unlooked > 0
            if not enough:
                self._look(name, coming or 0)
            self._coming[name] = coming or 0

    def check_room(self, name: str) -> None:
        """Raise NoRoom if the disk lacks the room for what is still to come of an open part."""
        with self._lock:
            self._look(name, self._coming.get(name, 0))

    def _look(self, name: str, coming: int) -> None:
        """Look at the disk. Another file may fit where this one does not: the fault is its own."""
        others = sum(self._coming.values()) - self._coming.get(name, 0)
        room = disk.free(self.root) - self.reserve - others
        if room < max(coming, 0):
            needed = f"it takes {show_size(coming)}" if coming else "its size is not known"
            raise NoRoom(
                f"does not fit the disk: {needed}, and {show_size(max(room, 0))} is free above "
                f"disk_reserve ({show_size(self.reserve)}): free space, lower disk_reserve, or "
                "mirror less"
            )
        self._room, self._unlooked = room - coming, _CHECK_PARTS

    def place(self, part: Path, path: str) -> None:
        """Give a finished part its name. Raises StorageError, and Malformed as :meth:`absolute`."""
        target = self.absolute(path)
        changed = disk.place(part, target)
        if self._syncs:
            with self._lock:
                self._touched.update(changed)
                self._touched.add(target)

    def placed(self, path: str) -> None:
        """Have :meth:`flush` make durable a file that another process has given its name.

        That process may have made its folders as well. Raises Malformed as :meth:`absolute`.
        """
        disk.check_inside(path)
        with self._lock:
            self._placed.add(path)

    def _with_folders(self, paths: Iterable[str]) -> Iterator[Path]:
        """Yields the places of files and of their folders up to the root, each of them once.

        Whoever syncs all of the disk wants to see only that there are many.
        """
        seen: set[Path] = set()
        for path in paths:
            place = self.root / path  # it was checked when it was noted
            while place not in seen:
                seen.add(place)
                yield place
                if place == self.root:
                    break
                place = place.parent

    def release(self, name: str) -> None:
        """Forget an open part."""
        with self._lock:
            self._coming.pop(name, None)

    def _claim(self, path: str) -> str:
        """Returns a name for the part that no other open part has (two asks may share one path)."""
        with self._lock:
            number = 0
            while (name := self._part_name(path, number)) in self._coming:
                number += 1
            self._coming[name] = 0
            return name

    def _part_name(self, path: str, number: int = 0) -> str:
        return disk.scratch_name(path, f"{number or ''}part")
