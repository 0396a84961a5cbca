"""The projects that the configuration asks for, by name or by pattern, and in which versions.

A name in ``packages`` overrides every pattern, so that an empty list of selectors takes a name
out of the patterns; patterns that match the same name add up. What the selectors then choose is
left to :mod:`pypisync.core.closure.candidates`.
"""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum

from msgspec import Struct

from pypisync.core.standards.model import Requirement
from pypisync.core.wanted.selector import Selector, parse_selector


class Origin(StrEnum):
    """What makes a root; the values are those of its column ``origin``."""

    PACKAGES = ""
    """A key of ``packages``."""
    PATTERN = "pattern"
    """A key of ``packages_re``, which is the root's ``source``."""
    GROUP = "group"
    """A file of ``requirements``, resolved or locked, which is the root's ``source``."""
    PROOF = "proof"
    """PypiSync itself: a proof calls for a release that nothing else calls for."""
    HELD = "held"
    """PypiSync itself: what is on the pages stays; newer is held, or too much would go at once."""


OWN = (Origin.PROOF, Origin.HELD)
"""The origins of roots that no operator wrote."""

TOOLCHAIN = (
    *("build", "editables", "flit-core", "hatchling", "pdm-backend", "pip"),
    *("poetry-core", "setuptools", "wheel"),
)
"""What it takes to install one's own projects from the mirror alone.

The front ends pip and build; setuptools, for which both of them ask where a project names no
build system (PEP 517), and wheel, for which it asks up to 70.0; and the other backends of pure
Python that many projects name (PEP 518). hatchling asks for editables only while it makes an
editable installation (PEP 660), so no metadata names that. uv-build is left out: a project bounds
it to one minor version, which the newest one seldom is.
"""


class NamedFile(Struct, frozen=True):
    """A file that a lock names, by its SHA-256 or else by its name; one of both may be ""."""

    filename: str = ""
    sha256: str = ""


class Root(Struct, frozen=True):
    """A wanted line: which releases of a project are wanted, and what wants them."""

    project: str  # normalised
    selector: str  # see :mod:`pypisync.core.wanted.selector`
    extras: tuple[str, ...] = ()  # normalised, sorted
    origin: Origin = Origin.PACKAGES
    source: str = ""  # the key of packages_re or the name of the file that makes it
    pinned: bool = False  # a lock file names the release: nothing that it needs is followed
    marker: str = ""  # it counts only on targets where this can hold
    files: tuple[NamedFile, ...] = ()  # those that a lock file names for the release

    @property
    def extras_text(self) -> str:
        """The extras as a row has them, with commas."""
        return ",".join(self.extras)

    @property
    def shown(self) -> str:
        """The origin as operators read it: a pattern by its text, a group as "group:FILE"."""
        return shown(self.origin, self.source)

    @property
    def requirement(self) -> Requirement:
        """The requirement that an installer is asked for; "latest<3" becomes "<3"."""
        specifier = parse_selector(self.selector).specifier
        shown = f"{self.project}[{self.extras_text}]" if self.extras else self.project
        return Requirement(shown + specifier, self.project, specifier, extras=self.extras)


def shown(origin: str, source: str) -> str:
    """Returns an origin as operators read it; "" for a key of ``packages``."""
    if origin == Origin.PATTERN:
        return source
    return f"{Origin.GROUP}:{source}" if origin == Origin.GROUP else origin


def of_row(
    project: str,
    selector: str,
    extras: str,
    origin: str = "",
    source: str = "",
    pinned: object = None,
) -> Root:
    """Returns the root that a row spells; ``extras`` are separated by commas."""
    named = tuple(filter(None, extras.split(",")))
    return Root(project, selector, named, Origin(origin), source, pinned=bool(pinned))


class Package(Struct, frozen=True):
    """A key of the configuration's ``packages``; without selectors, no pattern matches its name."""

    name: str  # normalised
    extras: tuple[str, ...]  # normalised, sorted
    selectors: tuple[Selector, ...]  # they add up
    text: str  # the key as the configuration spells it


def toolchain(packages: Iterable[Package]) -> Iterator[Package]:
    """Yields the toolchain: the newest of each project that ``packages`` does not name."""
    given = {package.name for package in packages}
    for name in TOOLCHAIN:
        if name not in given:
            yield Package(name, (), (parse_selector("latest"),), f"{name} (toolchain)")


class Pattern(Struct, frozen=True):
    """Every project whose whole normalised name matches ``regex``, ignoring case."""

    regex: str  # compiles
    selectors: tuple[Selector, ...]


def expand(
    packages: Iterable[Package], patterns: Iterable[Pattern], names: Iterable[str]
) -> Iterator[Root]:
    """Yields the roots of packages, and those of the ``names`` (normalised) that patterns match.

    A project has several roots if it is given with several selectors or with different extras, or
    if several patterns match it.
    """
    given = set()
    for package in packages:
        given.add(package.name)
        for selector in package.selectors:
            yield Root(package.name, selector.text, package.extras)
    compiled = [(re.compile(p.regex, re.IGNORECASE), p) for p in patterns]
    for name in names if compiled else ():
        if name in given:
            continue
        for pattern in (pattern for regex, pattern in compiled if regex.fullmatch(name)):
            for selector in pattern.selectors:
                yield Root(name, selector.text, origin=Origin.PATTERN, source=pattern.regex)
