"""The generations, how they differ, and the mirror over time."""

from collections.abc import Mapping, Sequence
from typing import Any

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries import generations
from pypisync.catalog.queries.listings import ages, sizes
from pypisync.web.browse.drawing import plot
from pypisync.web.browse.paging import Paging

_POINTS = 2_000
_MOST = 2_000  # files that differ; more are only counted
_SHOWN = 500  # of each sort of difference


def every(reader: Reader, number: int) -> Mapping[str, Any]:
    """Returns the values of the page with all generations, and of its plots."""
    paging = Paging(number)
    kept = generations.all_generations(reader)
    grown = sizes(reader, _POINTS)
    behind = ages(reader, _POINTS)
    return {
        "generations": kept[paging.offset : paging.offset + paging.size],
        "paging": paging.of(len(kept)),
        "growth": plot([(one.at, one.bytes) for one in grown], steps=True),
        "lag": plot([(one.at, one.seconds) for one in behind], steps=False),
    }


def one(reader: Reader, which: str, base: str) -> Mapping[str, Any] | None:
    """Returns the values of the page of a generation; None: it is not kept.

    ``base``: the generation it is compared with, "" for the one before it.
    """
    kept = generations.all_generations(reader)
    numbers = [one.number for one in kept]
    number = generations.find(reader, which)
    if number is None:
        return None
    place = numbers.index(number)
    before = kept[place + 1].number if place + 1 < len(kept) else None
    old = generations.find(reader, base) if base else None
    old = before if old is None else old
    differs = _count(kept, old, number)
    difference = None
    if old is not None and differs is not None and differs <= _MOST:
        difference = generations.difference(reader, old, number)
    return {
        "generation": kept[place],
        "newer": kept[place - 1].number if place else None,
        "older": before,
        "base": old,
        "differs": differs,
        "difference": difference,
        "most": _SHOWN,
    }


def _count(kept: Sequence[generations.Generation], old: int | None, new: int) -> int | None:
    """Returns how many files differ at most between two generations; None: that is not known."""
    if old is None:
        return None
    first, last = sorted((old, new))
    between = [one.differs for one in kept if first < one.number <= last]
    return sum(one["came"] + one["went"] + one["changed"] for one in between)
