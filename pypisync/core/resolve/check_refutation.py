"""Whether a refutation is one: each step of it, held against the facts.

A clause says that its terms cannot all be true at once; a refutation derives the clause without
terms, which says that nothing can be installed. A set of versions is an integer: bit *i* is the
*i*-th usable release of the project (see :mod:`pypisync.core.resolve.target_index`), and a negative
number is the complement of a finite set. Every clause is a box: for each package the states (a
version, or absent) that it forbids together with those of the others.

The check shares no code with the search. It reads specifiers by ``packaging``, as generously as any
installer could: pre-releases and yanked releases count unless no requirement on the project could
ever admit them (:func:`hopeless`), and a release whose needs are unknown counts as needing nothing.
So a refutation that passes holds for every installer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from packaging.specifiers import SpecifierSet

from pypisync.core.resolve.check_pins import faults, pins_one, reached
from pypisync.core.resolve.target_index import Ground, unpacked
from pypisync.core.standards.model import Requirement
from pypisync.core.wanted.groups import Asked

Kind = Literal["root", "dependency", "none", "barred", "derived"]


class Term(NamedTuple):
    """A package has one of these versions, or (not positive) is absent or has another."""

    package: str
    versions: int
    positive: bool


@dataclass(frozen=True, slots=True)
class Clause:
    """Terms that cannot all be true, and why.

    ``root``: it is asked for; ``dependency``: these releases do; ``none``: there is no such
    release; ``barred``: these pins are complete, and installers refuse one of them as a
    pre-release or as yanked; ``derived``: it follows from the two causes, by position.
    """

    terms: tuple[Term, ...]
    kind: Kind
    causes: tuple[int, int] | None = None


Refutation: TypeAlias = Sequence[Clause]
"""Clauses, causes before what follows from them; the last one has no terms."""

_States: TypeAlias = tuple[int, bool]  # versions, and whether "absent" is one of the states


def refutes(ground: Ground, wanted: Asked, refutation: Refutation) -> bool:
    """Returns whether every clause of ``refutation`` holds, and the last excludes everything."""
    if not refutation or refutation[-1].terms:
        return False
    ground = ground.asking(wanted)
    return all(_holds(ground, wanted, refutation, i) for i in range(len(refutation)))


def _holds(ground: Ground, wanted: Asked, refutation: Refutation, position: int) -> bool:
    clause = refutation[position]
    if clause.kind == "derived":
        if clause.causes is None or not all(0 <= cause < position for cause in clause.causes):
            return False
        left, right = (refutation[cause] for cause in clause.causes)
        return _within(ground, clause, left, right)
    if clause.kind == "none":
        return any(
            term.positive and not term.versions & _all(ground, term.package)
            for term in clause.terms
        )
    if clause.kind == "barred":
        return _barred(ground, wanted, clause)
    return _required(ground, wanted, clause)


def _required(ground: Ground, wanted: Asked, clause: Clause) -> bool:
    """Returns whether each requiring release, or the asker, demands what the clause says."""
    demanded = [term for term in clause.terms if not term.positive]
    users = [term for term in clause.terms if term.positive]
    if len(demanded) > 1 or len(users) != (clause.kind != "root"):
        return False
    if not users:
        if any(need.fault for need in wanted):
            return True
        left = _asked(ground, wanted, demanded[0].package) if demanded else None
        return left is not None and not left & ~demanded[0].versions
    (user,) = users
    target = demanded[0] if demanded else None
    return all(
        _demands(ground, user.package, version, target)
        for version in positions(user.versions & _all(ground, user.package))
    )


def _demands(ground: Ground, package: str, version: int, target: Term | None) -> bool:
    """Returns whether this version needs one of the target's versions.

    Without a target: whether it needs another version of its own project.
    """
    name, extra = unpacked(package)
    needs = ground.needs(name, version, extra)
    if any(need.fault for need in needs):
        return True  # nothing can meet it
    asked = package if target is None else target.package
    left = _asked(ground, needs, asked)
    if extra and asked == name:  # an extra belongs to its own release
        left = (-1 if left is None else left) & 1 << version
    if left is None:
        return False
    return not left >> version & 1 if target is None else not left & ~target.versions


def _asked(ground: Ground, needs: Sequence[Requirement], package: str) -> int | None:
    """Returns the versions of a package that all of these requirements admit.

    None: no requirement names the package.
    """
    name, extra = unpacked(package)
    asking = [n for n in needs if n.name == name and (not extra or extra in n.extras)]
    if not asking:
        return None
    left = _all(ground, package)
    for need in asking:
        left &= _matching(ground, name, need.specifier)
    return left


def _matching(ground: Ground, name: str, specifier: str) -> int:
    wanted = _specifiers(specifier)
    matching = sum(
        1 << i
        for i, usable in enumerate(ground.usable(name))
        if ground.reader not in usable.passed
        and wanted.contains(usable.release.version, prereleases=True)
    )
    return matching & ~hopeless(ground, name)


def hopeless(ground: Ground, name: str) -> int:
    """Returns the versions that pip never chooses, whatever requirements come together.

    A yanked one that no exact pin asks for; a pre-release that no requirement names, with a final
    that is admitted wherever the pre-release is.
    """
    found = ground.hopeless.get(name)
    if found is None:
        found = ground.hopeless[name] = _hopeless(ground, name)
    return found


def _hopeless(ground: Ground, name: str) -> int:
    found = 0
    usable = ground.usable(name)
    finals = [one.release.version for one in usable if not (one.release.prerelease or one.passed)]
    for i, one in enumerate(usable):
        if not (one.yanked or one.release.prerelease):
            continue
        asking = [
            wanted
            for wanted in map(_specifiers, ground.specifiers(name))
            if wanted.contains(one.release.version, prereleases=True)
        ]
        unpinned = one.yanked and not any(map(pins_one, asking))
        unnamed = one.release.prerelease and not any(wanted.prereleases for wanted in asking)
        if unpinned or (
            unnamed and any(all(wanted.contains(f) for wanted in asking) for f in finals)
        ):
            found |= 1 << i
    return found


def _barred(ground: Ground, wanted: Asked, clause: Clause) -> bool:
    """Returns whether the pins are complete, and installers refuse one of them."""
    pins = {}
    for term in clause.terms:
        versions = term.versions & _all(ground, term.package)
        if not term.positive or versions.bit_count() != 1:
            return False
        pins[term.package] = versions.bit_length() - 1
    complete = reached(ground, wanted, pins).keys() <= pins.keys()
    if not complete or not faults(ground, wanted, pins, by=ground.reader or "pip"):
        return False
    if ground.reader:
        return True
    parted = any(ground.usable(name)[pin].parts() for name, pin in pins.items())
    return not parted or bool(faults(ground, wanted, pins, by="uv"))


def _box(ground: Ground, clause: Clause) -> dict[str, _States]:
    states = {}
    for term in clause.terms:
        every = _all(ground, term.package)
        versions = every & (term.versions if term.positive else ~term.versions)
        states[term.package] = (versions, not term.positive)
    return states


def _within(ground: Ground, clause: Clause, left: Clause, right: Clause) -> bool:
    """Returns whether a box lies in the union of two boxes.

    It lies in one of them, or in both but for one package.
    """
    box, one, other = (_box(ground, each) for each in (clause, left, right))
    beyond = set()
    for half in (one, other):
        out = {p for p, states in half.items() if not _inside(_of(ground, box, p), states)}
        if not out:
            return True
        beyond |= out
    if len(beyond) > 1:
        return False
    (package,) = beyond
    (versions, absent), (more, also) = (_of(ground, half, package) for half in (one, other))
    return _inside(_of(ground, box, package), (versions | more, absent or also))


def _of(ground: Ground, box: Mapping[str, _States], package: str) -> _States:
    """Returns the states of a package in a box; all states if no term names the package."""
    return box.get(package) or (_all(ground, package), True)


def _inside(states: _States, others: _States) -> bool:
    return not states[0] & ~others[0] and others[1] >= states[1]


def _all(ground: Ground, package: str) -> int:
    return (1 << len(ground.usable(unpacked(package)[0]))) - 1


def positions(versions: int) -> Iterator[int]:
    """Yields the members of a set of versions, ascending."""
    while versions:
        lowest = versions & -versions
        yield lowest.bit_length() - 1
        versions ^= lowest


@lru_cache(maxsize=1 << 14)
def _specifiers(text: str) -> SpecifierSet:
    return SpecifierSet(text)
