"""Pauses Python's collector of cycles where very many objects are made that have none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Returns a context in which the collector rests: what is made in it has no cycles.

    It would look through all of these objects again and again: a quarter of the time of a decision
    from nothing, and of recording documents, would go into that.
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()
