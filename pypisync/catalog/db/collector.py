"""Pauses Python's collector of cycles where very many objects are made that have none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Returns a context in which the collector rests: what is made in it has no cycles.

    It would look through all of these objects again and again: with the thresholds that Python has,
    a quarter of the time of a decision from nothing and of recording documents goes into that. A
    command has larger ones, with which it still comes by.
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()
