"""Counts of requests, in memory that all serving processes share.

Each process has a row of its own and is the only one that writes there, so nothing is locked. The
metrics show the sums. A process that replaces another one continues its row.
"""

import mmap
import os
from collections.abc import Iterator
from itertools import product

KINDS = (
    *("index", "project", "generation", "file", "metadata", "page", "legacy", "xmlrpc"),
    *("healthz", "readyz", "metrics", "status", "other"),
)
STATUSES = (200, 206, 304, 307, 404, 405, 413, 415, 416, 500, 503)
_PLACES = {pair: place for place, pair in enumerate(product(KINDS, STATUSES))}
_WIDTH = 8  # bytes a number


class Counts:
    """The row of one process, and the sums over all rows."""

    def __init__(self, descriptor: int, row: int, rows: int) -> None:
        """``descriptor``: what :func:`shared` made for so many rows."""
        size = len(_PLACES) * _WIDTH
        self._all = memoryview(mmap.mmap(descriptor, rows * size)).cast("Q")
        self._mine = self._all[row * len(_PLACES) : (row + 1) * len(_PLACES)]

    def add(self, kind: str, status: int) -> None:
        """Count a request. Raises KeyError for one that is not in KINDS and STATUSES."""
        self._mine[_PLACES[kind, status]] += 1

    def sums(self) -> Iterator[tuple[str, int, int]]:
        """Yields kind, status and count, over all processes; without zeros."""
        for (kind, status), place in _PLACES.items():
            count = sum(self._all[place :: len(_PLACES)])
            if count:
                yield kind, status, count


def shared(rows: int) -> int:
    """Returns a descriptor of memory for so many processes; the caller closes it."""
    descriptor = os.memfd_create("pypisync-counts")
    os.ftruncate(descriptor, rows * len(_PLACES) * _WIDTH)
    return descriptor


def alone() -> Counts:
    """Returns the counts of a single process."""
    descriptor = shared(1)
    try:
        return Counts(descriptor, 0, 1)
    finally:
        os.close(descriptor)
