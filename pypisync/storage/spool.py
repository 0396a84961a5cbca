"""Files that nobody sees until they are whole."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pypisync.core.bundles import manifest
from pypisync.errors import BundleError
from pypisync.storage import disk

_BUFFER = 2**20  # bytes
_READ = 2**16


def lines(path: Path, what: str) -> Iterator[bytes]:
    """Yields the lines of a file. Raises BundleError, about ``what``, for one that is too long.

    Raises StorageError.
    """
    with disk.guarded(path), path.open("rb", buffering=_READ) as file:
        while line := file.readline(manifest.LARGEST_LINE + 1):
            if len(line) > manifest.LARGEST_LINE:
                raise too_long(what)
            yield line


def too_long(what: str) -> BundleError:
    """Returns the fault of a line that has more bytes than a reader takes into memory."""
    return BundleError(
        f"{what}: a line of it has more than {manifest.LARGEST_LINE:,} bytes, which none may have"
    )


def put(temporary: Path, place: Path, data: bytes) -> None:
    """Write a file whole, durably, by way of a temporary name. Raises StorageError."""
    disk.write(temporary, data)
    disk.sync_all([temporary], temporary.parent)
    disk.replace(temporary, place)
    disk.sync_folder(place.parent)


@contextmanager
def appending(path: Path, *, at: int | None = None) -> Iterator[Callable[[bytes], None]]:
    """Returns a context with a function that appends to the file, behind its first ``at`` bytes.

    None: behind all of them. What is small is written together. Raises StorageError.
    """
    descriptor, size = disk.open_file(path, empty=at == 0)
    waiting = bytearray()

    def append(data: bytes) -> None:
        if waiting and len(waiting) + len(data) > _BUFFER:
            disk.append(descriptor, bytes(waiting), path)
            waiting.clear()
        if len(data) >= _BUFFER:
            disk.append(descriptor, data, path)
        else:
            waiting.extend(data)

    try:
        if at and at < size:
            disk.truncate(descriptor, path, at)
        yield append
        if waiting:
            disk.append(descriptor, bytes(waiting), path)
    finally:
        os.close(descriptor)
