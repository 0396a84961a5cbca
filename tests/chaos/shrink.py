"""The fewest steps that still break: delta debugging (Zeller's ddmin) by replay."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

_T = TypeVar("_T")


def shrunk(
    steps: Sequence[_T], breaks: Callable[[Sequence[_T]], bool], until: float = float("inf")
) -> list[_T]:
    """Returns a part of ``steps`` that breaks too; from no part of it a step can be left out.

    After ``until`` (monotonic seconds) it returns what it has found so far.
    """
    kept, pieces = list(steps), 2
    while len(kept) >= 2 and time.monotonic() < until:
        size = -(-len(kept) // pieces)
        for start in range(0, len(kept), size):
            fewer = kept[:start] + kept[start + size :]
            if fewer and breaks(fewer):
                kept, pieces = fewer, max(pieces - 1, 2)
                break
            if time.monotonic() >= until:
                return kept
        else:
            if size == 1:
                break
            pieces = min(pieces * 2, len(kept))
    return kept
