"""Index pages as they are on the disk, kept in memory while they stay the same.

Pages are replaced by renames, so an open file is one complete state of a page. The ETag is a hash
of the bytes: it stays when a page is written again unchanged, and it differs when a page changes
twice within one tick of the clock. One thread uses a cache; another thread may call :func:`read`.
"""

import gzip
import os
import re
import stat
import time
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from pypisync.web.files import open_below

_ROOM = 64 * 2**20
_OVERHEAD = 1_000  # bytes that an entry costs besides its data
_GZIP = 16 + zlib.MAX_WBITS
_HEAD = 200  # bytes
_IN_JSON = re.compile(rb'"_last-serial":(\d{1,19})[,}]')
_IN_HTML = re.compile(rb"<!--SERIAL (\d{1,19})-->\n?\Z")
# A file younger than this may change once more without a trace in its times (they are taken from a
# clock that ticks every few milliseconds).
_SETTLED_SECONDS = 0.1

Stamp = tuple[int, int, int]  # inode, size, time of modification in nanoseconds


class StoredPage(Struct, frozen=True):
    """One state of a page's file."""

    data: bytes
    etag: str  # with its quotes
    stamp: Stamp
    serial: int | None = None  # the one that it states


def read(root: Path, parts: Sequence[str]) -> StoredPage | None:
    """Returns the file at ``parts`` below ``root``; None: there is none. Raises OSError."""
    opened = open_below(root, "/".join(parts))
    if opened is None:
        return None
    descriptor, found = opened
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        data = file.read()
    etag = f'"{sha256(data).hexdigest()[:40]}"'
    return StoredPage(data, etag, _stamp(found), stated_serial(data, parts[-1]))


def stated_serial(data: bytes, filename: str) -> int | None:
    """Returns the serial that the bytes of a page's file state; None: none.

    JSON states it at its beginning, and HTML in a comment at its end.
    """
    try:
        if filename.startswith("index.v1_json"):
            if filename.endswith(".gz"):
                data = zlib.decompressobj(_GZIP).decompress(data, _HEAD)
            found = _IN_JSON.search(data[:_HEAD])
        else:
            found = _IN_HTML.search(gzip.decompress(data) if filename.endswith(".gz") else data)
    except (OSError, EOFError, zlib.error):  # damaged: sent as it is
        return None
    return int(found[1]) if found else None


class Cache:
    """The pages asked for most recently, at most ``room`` bytes of them."""

    def __init__(self, root: Path, *, room: int = _ROOM) -> None:
        self._root = str(root)
        self._room = room
        self._used = 0
        self._pages: OrderedDict[Sequence[str], StoredPage] = OrderedDict()

    def exists(self, parts: Sequence[str]) -> bool:
        """Returns whether there is such a file."""
        return self._look(parts) is not None

    def get(self, parts: Sequence[str]) -> StoredPage | None:
        """Returns the page, if it is kept and still the same on the disk."""
        page = self._pages.get(parts)
        if page is None:
            return None
        if self._look(parts) != page.stamp:
            self._drop(parts)
            return None
        self._pages.move_to_end(parts)
        return page

    def keep(self, parts: Sequence[str], page: StoredPage) -> None:
        """Keep a page that was read, unless it is large or may be changing just now."""
        age = time.time() - page.stamp[2] / 1e9
        if len(page.data) > self._room // 8 or abs(age) < _SETTLED_SECONDS:
            return
        self._drop(parts)
        self._pages[parts] = page
        self._used += len(page.data) + _OVERHEAD
        while self._used > self._room:
            self._drop(next(iter(self._pages)))

    def _drop(self, parts: Sequence[str]) -> None:
        page = self._pages.pop(parts, None)
        if page is not None:
            self._used -= len(page.data) + _OVERHEAD

    def _look(self, parts: Sequence[str]) -> Stamp | None:
        try:
            found = os.lstat(f"{self._root}/{'/'.join(parts)}")
        except (OSError, ValueError):
            return None
        return _stamp(found) if stat.S_ISREG(found.st_mode) else None


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_ino, found.st_size, found.st_mtime_ns
