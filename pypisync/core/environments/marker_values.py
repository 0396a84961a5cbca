"""Finitely many values that stand for all values of an open marker variable.

Of the variables of PEP 508 ("environment markers") an environment may leave any one open. Two
values are alike if every atom of the marker is equally true for both, so one value of each kind is
enough: the literals, something beside each of them, and something that no literal mentions. The
variables' universe: for ``python_full_version`` the final versions of the target's minor
(pre-release interpreters are rare targets; bind one to serve it), for ``platform_release`` and
``implementation_version`` final versions and any text that is neither version nor prefix ("5.*"),
for the rest any text. Which values of different variables go together is for
:mod:`pypisync.core.environments.marker_masks`.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from packaging.version import InvalidVersion, Version

from pypisync.core.environments.targets import patches
from pypisync.core.standards.marker_syntax import Atom

VERSIONED = frozenset({"platform_release", "implementation_version"})
MOST_EVALUATIONS = 5_000  # atoms times values, of one variable
_MOST_CONTAINED = 6  # texts that a value may be asked to contain, in every combination
_DEEPEST_RELEASE = 8  # components of a version literal
_LONGEST_VERSION = 1_000  # characters


def text_values(variable: str, atoms: Sequence[Atom]) -> set[str] | None:
    """Returns values of ``variable`` that stand for all; None: there are too many kinds.

    ``atoms`` are the distinct ones of one marker that mention it.
    """
    literals = [atom.literal for atom in atoms]
    contained = [atom.literal for atom in atoms if atom.reversed and _membership(atom)]
    fresh = _fresh(literals)
    found = {"", fresh, *literals, *(fresh + literal for literal in contained)}
    if variable in VERSIONED:
        points = _version_values(literals)
        if points is None or (contained and len(atoms) > 1):
            return None
        found = {value for value in found | points if not value.endswith(".*")}
    if len(atoms) == 1:  # a text is part of itself: no shorter one could give another result
        return found
    if len(contained) > _MOST_CONTAINED:
        return None
    for size in range(2, len(contained) + 1):
        found.update(map(fresh.join, itertools.combinations(contained, size)))
    for atom in atoms:
        if _membership(atom) and not atom.reversed:
            if len(atom.literal) ** 2 > 2 * MOST_EVALUATIONS:
                return None
            found.update(_parts(atom.literal))
    return found if len(found) * len(atoms) <= MOST_EVALUATIONS else None


def python_values(minor: str, atoms: Sequence[Atom]) -> list[str] | None:
    """Returns full versions of ``minor`` that stand for all its finals; None: too many.

    ``atoms`` are those that mention ``python_full_version``.
    """
    contained = [atom.literal for atom in atoms if atom.reversed and _membership(atom)]
    if contained and len(atoms) > 1:
        return None
    levels = set(patches(minor, [atom.literal for atom in atoms]))
    for literal in contained:
        tail = re.search(r"[0-9]{1,9}\Z", literal)
        if tail:  # the text may end within the patch level: "1.4" in "3.11.4"
            levels |= {int(tail[0]), int(f"1{tail[0]}")}
        levels.add(1)
    if len(levels) * len(atoms) > MOST_EVALUATIONS:
        return None
    return [f"{minor}.{level}" for level in sorted(levels)]


def _membership(atom: Atom) -> bool:
    return atom.op in ("in", "not in")


def _fresh(literals: Iterable[str]) -> str:
    """Returns a character that no literal contains."""
    used = set().union(*literals)
    return next(char for char in map(chr, range(0xE000, 0x10FFFF)) if char not in used)


def _parts(text: str) -> Iterator[str]:
    for start, end in itertools.combinations(range(len(text) + 1), 2):
        yield text[start:end]


def _version_values(literals: Sequence[str]) -> set[str] | None:
    """Returns final versions at, just above and beside each version literal, and below all."""
    releases: list[tuple[int, ...]] = [(0,)]
    for literal in literals:
        try:
            if len(literal) > _LONGEST_VERSION:
                return None
            releases.append(Version(literal.strip().removesuffix(".*")).release)
        except InvalidVersion:
            continue
        except ValueError:  # a number too long for Python to read
            return None
    depth = max(map(len, releases))
    if depth > _DEEPEST_RELEASE:
        return None
    text = " ".join(literals)
    above = next(number for number in itertools.count(1) if str(number) not in text)
    found: set[tuple[int, ...]] = set()
    for release in releases:
        found.add(release)
        found.add((*release, *[0] * (depth - len(release)), above))
        # The first version past each prefix: "5.*" ends at 6, "~=5.4" as well.
        found |= {(*release[:i], release[i] + 1) for i in range(len(release))}
    return {".".join(map(str, release)) for release in found}
