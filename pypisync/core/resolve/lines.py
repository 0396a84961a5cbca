"""A project's line of versions, cut into places, and sets of places.

uv reasons about ranges, whether or not versions exist in them: it sees that two overlapping ranges
contradict each other only when it finds no version in both. So the line is cut at every bound of
every specifier. Each existing version is a place of its own, and so is each gap between two bounds.
A set of places is an integer, bit *i* for place *i*; a range that is open above is a negative
number.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache

from msgspec import Struct, field

from pypisync.core.standards.specifiers import BOTTOM, TOP, Interval, matcher


class VersionLine(Struct):
    """The places of one project."""

    bounds: list[bytes]
    places: tuple[int, ...]  # of each version, the oldest first
    _sets: dict[str, int] = field(default_factory=dict)

    def matching(self, specifier: str) -> int:
        """Returns the set that a specifier admits, be there versions or not."""
        found = self._sets.get(specifier)
        if found is None:
            found = 0
            for low, high in matcher(specifier).intervals:
                found |= self._span(low, high)
            self._sets[specifier] = found
        return found

    def around(self, place: int) -> int:
        """Returns the set of a version's place and of all next to it that have none."""
        i = bisect_left(self.places, place)
        low = self.places[i - 1] + 1 if i else 0
        if i + 1 == len(self.places):
            return -1 << low
        return (-1 << low) & ~(-1 << self.places[i + 1])

    def _span(self, low: bytes, high: bytes) -> int:
        start = 0 if low == BOTTOM else bisect_left(self.bounds, low) + 1
        if high == TOP:
            return -1 << start
        return (-1 << start) & ~(-1 << (bisect_left(self.bounds, high) + 1))


class DrawnProject(Struct):
    """A project's line, and what uv makes of the versions on it. Sets are of places."""

    line: VersionLine
    listed: int = 0  # the versions that uv examines
    first: int = 0  # the versions that it prefers
    python: int = 0  # those that do not admit the interpreter
    versions: dict[int, int] = field(default_factory=dict)  # by place, of those it can take
    passed: dict[int, int] = field(default_factory=dict)  # the same of those it passes over


def line(keys: Sequence[bytes], specifiers: Iterable[str]) -> VersionLine:
    """Returns the line of a project from the ascending keys of its versions."""
    bounds = {bound for s in specifiers for interval in matcher(s).intervals for bound in interval}
    for key in keys:
        bounds.update(_only(key))
    ordered = sorted(bounds - {BOTTOM, TOP})
    return VersionLine(ordered, tuple(bisect_left(ordered, key) + 1 for key in keys))


@lru_cache(maxsize=100_000)
def names_one(specifier: str) -> bool:
    """Returns whether a specifier admits one version only, its local versions aside (``==``)."""
    intervals = matcher(specifier).intervals
    return len(intervals) == 1 and intervals[0][1] in (
        _only(intervals[0][0])[1],
        intervals[0][0][:-1] + b"\x02",
    )


def _only(key: bytes) -> Interval:
    return key, key + b"\x00"  # no key begins with another
