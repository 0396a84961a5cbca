"""The projects that the configuration asks for, by name or by pattern, and in which versions.

A name in ``packages`` overrides every pattern, so that an empty list of selectors takes a name
out of the patterns; patterns that match the same name add up. What the selectors then choose is
left to :mod:`pypisync.core.closure.candidates`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pypisync.core.standards.model import Requirement
from pypisync.core.wanted.selector import Selector, parse

HELD = "held"
"""The origin of a root that keeps what is published while something newer is held."""
PROOF = "proof"
"""The origin of a root that keeps a release which only a proof calls for."""


@dataclass(frozen=True, slots=True)
class Root:
    """A project that the configuration wants, and the versions of it."""

    name: str  # normalised
    extras: tuple[str, ...]  # normalised, sorted
    selectors: tuple[Selector, ...]  # they add up
    text: str  # the key it comes from, as the configuration spells it: a name or a pattern


@dataclass(frozen=True, slots=True)
class Pattern:
    """Every project whose whole normalised name matches ``regex``, ignoring case."""

    regex: str  # compiles
    selectors: tuple[Selector, ...]


def as_requirement(name: str, selector: str, extras: str) -> Requirement:
    """Returns the requirement that an installer is asked for this root.

    "latest<3" becomes "<3"; "latest" becomes no specifier.

    ``selector`` is its text; ``extras`` are separated by commas.
    """
    specifier = parse(selector).specifier
    wanted = tuple(filter(None, extras.split(",")))
    shown = f"{name}[{extras}]" if wanted else name
    return Requirement(shown + specifier, name, specifier, extras=wanted)


def expand(
    roots: Iterable[Root], patterns: Iterable[Pattern], names: Iterable[str]
) -> dict[str, tuple[Root, ...]]:
    """Returns all roots by project: those given, and those of ``names`` that only patterns match.

    ``names`` are normalised. A project has several roots if it is given with different extras or
    if several patterns match it.
    """
    wanted: dict[str, tuple[Root, ...]] = {}
    for root in roots:
        wanted[root.name] = (*wanted.get(root.name, ()), root)
    compiled = [(re.compile(p.regex, re.IGNORECASE), p) for p in patterns]
    if not compiled:
        return wanted
    for name in names:
        if name in wanted:
            continue
        matching = tuple(
            Root(name, (), pattern.selectors, pattern.regex)
            for regex, pattern in compiled
            if regex.fullmatch(name)
        )
        if matching:
            wanted[name] = matching
    return wanted
