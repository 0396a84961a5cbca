"""Files that nobody sees until they are whole."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pypisync.storage import disk

_BUFFER = 2**20  # bytes


def put(temporary: Path, place: Path, data: bytes) -> None:
    """Write a file whole, durably, by way of a temporary name. Raises StorageError."""
    disk.write(temporary, data)
    disk.sync_all([temporary], temporary.parent)
    disk.replace(temporary, place)
    disk.sync_folder(place.parent)


@contextmanager
def appending(path: Path, *, anew: bool = False) -> Iterator[Callable[[bytes], None]]:
    """Returns a context with a function that appends to the file; ``anew``: to an empty one.

    What is small is written together. Raises StorageError.
    """
    descriptor, _ = disk.open_file(path, empty=anew)
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
        yield append
        if waiting:
            disk.append(descriptor, bytes(waiting), path)
    finally:
        os.close(descriptor)
