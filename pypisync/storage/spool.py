"""Files that are written piece by piece, and that nobody sees yet."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pypisync.storage import disk

_BUFFER = 2**20  # bytes


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
