"""Which versions a specifier set admits, as intervals of version keys.

A specifier set (PEP 440; ``packaging``'s reading of it) becomes a short list of half-open intervals
over the keys of :mod:`pypisync.core.standards.versions`, so that membership is a comparison of
bytes and "the newest that matches" one indexed query. Whether a pre-release or a yanked release may
be chosen depends on what else there is; that is left to those who choose.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct
from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import Version

from pypisync.core.standards import versions

Interval: TypeAlias = tuple[bytes, bytes]  # [lowest key in, lowest key out)

BOTTOM = versions.encode(0, (0,), dev=0)  # 0.dev0, the lowest version there is
TOP = b"\xff\xff"  # above the key of any epoch


class Matcher(Struct, frozen=True):
    """A specifier set, ready to be matched."""

    intervals: tuple[tuple[bytes, bytes], ...]  # [low, high) over keys, ascending, disjoint
    prereleases: bool  # a specifier of the set names a pre-release
    pinned: bool  # holds ``==`` without a wildcard, or ``===``: may choose a yanked release
    arbitrary: str | None  # the lower-case text that ``===`` asks for

    def matches(self, key: bytes, text: str) -> bool:
        """Returns whether the version with this key is admitted, be it a pre-release or not.

        ``text`` is the version's normalised spelling; only ``===`` looks at it.
        """
        if self.arbitrary is not None and text.lower() != self.arbitrary:
            return False
        return any(low <= key < high for low, high in self.intervals)


@lru_cache(maxsize=100_000)
def matcher(text: str) -> Matcher:
    """Returns the matcher of a specifier set; "" admits every version.

    Raises ValueError if ``text`` is no specifier set.
    """
    parsed = SpecifierSet(text)
    inside: list[Interval] = [(BOTTOM, TOP)]
    holes: list[Interval] = []
    arbitrary: set[str] = set()
    for specifier in parsed:
        if specifier.operator == "===":
            arbitrary.add(specifier.version.lower())
        (holes if specifier.operator == "!=" else inside).append(_interval(specifier))
    return Matcher(
        # Two different texts cannot both be the version's.
        intervals=() if len(arbitrary) > 1 else _subtract(inside, holes),
        prereleases=bool(parsed.prereleases),
        pinned=any(map(_pins, parsed)),
        arbitrary=min(arbitrary, default=None),
    )


def _pins(specifier: Specifier) -> bool:
    operator = specifier.operator
    return operator == "===" or (operator == "==" and not specifier.version.endswith(".*"))


def _subtract(inside: Iterable[Interval], holes: list[Interval]) -> tuple[Interval, ...]:
    """Returns what lies in all of ``inside`` and in none of ``holes``."""
    lows, highs = zip(*inside, strict=True)
    low, high = max(lows), min(highs)
    kept = []
    for start, end in sorted(holes):
        if low < min(start, high):
            kept.append((low, min(start, high)))
        low = max(low, end)
    if low < high:
        kept.append((low, high))
    return tuple(kept)


def _interval(specifier: Specifier) -> Interval:
    """Returns the interval of one specifier; of ``!=`` the one that it excludes."""
    operator, text = specifier.operator, specifier.version
    if operator == "===":
        version = versions.parse(text)
        # What PEP 440 cannot read is not the version of any release that has a key.
        return (TOP, TOP) if version is None else _only(version)
    if text.endswith(".*"):
        base = Version(text[:-2])
        return _first(base.epoch, base.release), _first(base.epoch, _next(base.release))
    return _OPERATORS[operator](Version(text))


def _equal(version: Version) -> Interval:
    if version.local:
        return _only(version)
    low = versions.key(version)
    return low, _after_locals(low)


def _at_least(version: Version) -> Interval:
    return versions.key(version), TOP


def _at_most(version: Version) -> Interval:
    return BOTTOM, _after_locals(versions.key(version))


def _below(version: Version) -> Interval:
    # PEP 440: <V admits no pre-release of V unless V is one.
    dev = version.dev if version.is_prerelease else 0
    return BOTTOM, versions.encode(version.epoch, version.release, version.pre, version.post, dev)


def _above(version: Version) -> Interval:
    # PEP 440: >V admits no post-release of V unless V is one, and no local version of V.
    epoch, release, pre, post = version.epoch, version.release, version.pre, version.post
    if version.dev is not None:
        return versions.encode(epoch, release, pre, post, version.dev + 1), TOP
    if post is not None:
        return versions.encode(epoch, release, pre, post + 1, 0), TOP
    # The last three bytes: no post, no dev, no local. A post-release has 01 for the first.
    return versions.key(version)[:-3] + b"\x02", TOP


def _compatible(version: Version) -> Interval:
    return versions.key(version), _first(version.epoch, _next(version.release[:-1]))


_OPERATORS: dict[str, Callable[[Version], Interval]] = {
    "==": _equal,
    "!=": _equal,
    ">=": _at_least,
    "<=": _at_most,
    "<": _below,
    ">": _above,
    "~=": _compatible,
}


def _only(version: Version) -> Interval:
    low = versions.key(version)
    return low, low + b"\x00"  # no key begins with another


def _after_locals(key: bytes) -> bytes:
    return key[:-1] + b"\x02"  # the last byte is 00 for no local version; with one it is 01


def _first(epoch: int, release: tuple[int, ...]) -> bytes:
    """Returns the key of the lowest version of a release, its ``.dev0``."""
    return versions.encode(epoch, release, dev=0)


def _next(release: tuple[int, ...]) -> tuple[int, ...]:
    return (*release[:-1], release[-1] + 1)
