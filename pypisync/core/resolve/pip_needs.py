"""What pip's search is about: requirements and candidates, and how both are called."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from packaging.specifiers import SpecifierSet

from pypisync.core.standards.model import Requirement

NONE = -1  # a version that no project has
END = -2  # the same, where pip comes no further
_UPPER = ("<", "<=", "~=")


class PipNeed(NamedTuple):
    """A requirement of pip; ``only``: the version that an extra belongs to.

    Of one that ends the search (``END``) ``specifier`` says why.
    """

    name: str
    extras: tuple[str, ...]
    specifier: str
    only: int | None = None


class PipCandidate(NamedTuple):
    """A version of a project, with the extras that are asked of it."""

    name: str
    extras: tuple[str, ...]
    version: int


class PipRequired(NamedTuple):
    """What a candidate requires."""

    needs: Sequence[PipNeed]
    projects: frozenset[str]
    identifiers: frozenset[str]  # the same as the search calls them


def identified(one: PipNeed | PipCandidate) -> str:
    """Returns how the project is called, an extra of it apart from the project itself."""
    return f"{one.name}[{','.join(one.extras)}]" if one.extras else one.name


@lru_cache(maxsize=100_000)
def parts(identifier: str) -> tuple[str, tuple[str, ...]]:
    """Returns the project and the extras of what :func:`identified` made."""
    name, _, extras = identifier.removesuffix("]").partition("[")
    return name, tuple(filter(None, extras.split(",")))


def needs_of(need: Requirement) -> Iterator[PipNeed]:
    """Yields pip's requirements of one line: a specifier behind an extra is the project's too."""
    if need.extras and need.specifier:
        yield PipNeed(need.name, (), need.specifier)
    yield PipNeed(need.name, need.extras, need.specifier)


def bit(version: int) -> int:
    """Returns the set of one version; of ``NONE`` the empty one."""
    return 0 if version == NONE else 1 << version


@lru_cache(maxsize=100_000)
def asks(specifier: str) -> tuple[bool, bool, bool]:
    """Returns whether it pins a version, has an upper bound, and has no specifier at all."""
    ones = list(SpecifierSet(specifier))
    wild = [one.version.endswith(".*") for one in ones]
    pinned = any(o.operator[:2] == "==" and not w for o, w in zip(ones, wild, strict=True))
    upper = any(
        o.operator in _UPPER or (o.operator == "==" and w) for o, w in zip(ones, wild, strict=True)
    )
    return pinned, upper, not ones
