"""Whether a refutation is one: each step of it, held against the facts.

A step says that its terms cannot all be true at once; a refutation derives the step without
terms, which says that nothing can be installed. A set of versions is an integer: bit *i* is the
*i*-th usable release of the project (see :mod:`pypisync.core.resolve.target_index`), and a negative
number is the complement of a finite set. Every step is a box: for each package the states (a
version, or absent) that it forbids together with those of the others.

The check shares no code with the search. It reads specifiers by ``packaging``, as generously as any
installer could: pre-releases and yanked releases count unless no requirement on the project could
ever admit them (:func:`hopeless`), and a release whose needs are unknown counts as needing nothing.
So a refutation that passes holds for every installer.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct
from packaging.specifiers import SpecifierSet

from pypisync.core.resolve.check_pins import faults, pins_one, reached
from pypisync.core.resolve.target_index import TargetIndex, unpacked
from pypisync.core.standards.model import Requirement
from pypisync.core.wanted.groups import Asked

Kind = Literal["root", "dependency", "none", "barred", "derived"]


class Term(NamedTuple):
    """A package has one of these versions, or (not positive) is absent or has another."""

    package: str
    versions: int
    positive: bool


class RefutationStep(Struct, frozen=True):
    """Terms that cannot all be true, and why.

    ``root``: it is asked for; ``dependency``: these releases do; ``none``: there is no such
    release; ``barred``: these pins are complete, and installers refuse one of them as a
    pre-release or as yanked; ``derived``: it follows from the two causes, by position.
    """

    terms: tuple[Term, ...]
    kind: Kind
    causes: tuple[int, int] | None = None


Refutation: TypeAlias = Sequence[RefutationStep]
"""Steps, causes before what follows from them; the last one has no terms."""

_States: TypeAlias = tuple[int, bool]  # versions, and whether "absent" is one of the states


def refutes(index: TargetIndex, wanted: Asked, refutation: Refutation) -> bool:
    """Returns whether every step of ``refutation`` holds, and the last excludes everything."""
    if not refutation or refutation[-1].terms:
        return False
    index = index.asking(wanted)
    return all(_holds(index, wanted, refutation, i) for i in range(len(refutation)))


def _holds(index: TargetIndex, wanted: Asked, refutation: Refutation, position: int) -> bool:
    step = refutation[position]
    if step.kind == "derived":
        if step.causes is None or not all(0 <= cause < position for cause in step.causes):
            return False
        left, right = (refutation[cause] for cause in step.causes)
        return _within(index, step, left, right)
    if step.kind == "none":
        return any(
            term.positive and not term.versions & _all(index, term.package) for term in step.terms
        )
    if step.kind == "barred":
        return _barred(index, wanted, step)
    return _required(index, wanted, step)


def _required(index: TargetIndex, wanted: Asked, step: RefutationStep) -> bool:
    """Returns whether each requiring release, or the asker, demands what the step says."""
    demanded = [term for term in step.terms if not term.positive]
    users = [term for term in step.terms if term.positive]
    if len(demanded) > 1 or len(users) != (step.kind != "root"):
        return False
    if not users:
        if any(need.fault for need in wanted):
            return True
        left = _asked(index, wanted, demanded[0].package) if demanded else None
        return left is not None and not left & ~demanded[0].versions
    (user,) = users
    target = demanded[0] if demanded else None
    return all(
        _demands(index, user.package, version, target)
        for version in positions(user.versions & _all(index, user.package))
    )


def _demands(index: TargetIndex, package: str, version: int, target: Term | None) -> bool:
    """Returns whether this version needs one of the target's versions.

    Without a target: whether it needs another version of its own project.
    """
    name, extra = unpacked(package)
    needs = index.needs(name, version, extra)
    if any(need.fault for need in needs):
        return True  # nothing can meet it
    asked = package if target is None else target.package
    left = _asked(index, needs, asked)
    if extra and asked == name:  # an extra belongs to its own release
        left = (-1 if left is None else left) & 1 << version
    if left is None:
        return False
    return not left >> version & 1 if target is None else not left & ~target.versions


def _asked(index: TargetIndex, needs: Sequence[Requirement], package: str) -> int | None:
    """Returns the versions of a package that all of these requirements admit.

    None: no requirement names the package.
    """
    name, extra = unpacked(package)
    asking = [n for n in needs if n.name == name and (not extra or extra in n.extras)]
    if not asking:
        return None
    left = _all(index, package)
    for need in asking:
        left &= _matching(index, name, need.specifier)
    return left


def _matching(index: TargetIndex, name: str, specifier: str) -> int:
    wanted = _specifiers(specifier)
    matching = sum(
        1 << i
        for i, usable in enumerate(index.usable(name))
        if not usable.passed_by(index.reader)
        and wanted.contains(usable.release.version, prereleases=True)
    )
    return matching & ~hopeless(index, name)


def hopeless(index: TargetIndex, name: str) -> int:
    """Returns the versions that pip never chooses, whatever requirements come together.

    A yanked one that no exact pin asks for; a pre-release that no requirement names, with a final
    that is admitted wherever the pre-release is.
    """
    found = index.hopeless.get(name)
    if found is None:
        found = index.hopeless[name] = _hopeless(index, name)
    return found


def _hopeless(index: TargetIndex, name: str) -> int:
    found = 0
    usable = index.usable(name)
    finals = [one.release.version for one in usable if not (one.release.prerelease or one.passed)]
    for i, one in enumerate(usable):
        if not (one.yanked or one.release.prerelease):
            continue
        asking = [
            wanted
            for wanted in map(_specifiers, index.specifiers(name))
            if wanted.contains(one.release.version, prereleases=True)
        ]
        unpinned = one.yanked and not any(map(pins_one, asking))
        unnamed = one.release.prerelease and not any(wanted.prereleases for wanted in asking)
        if unpinned or (
            unnamed and any(all(wanted.contains(f) for wanted in asking) for f in finals)
        ):
            found |= 1 << i
    return found


def _barred(index: TargetIndex, wanted: Asked, step: RefutationStep) -> bool:
    """Returns whether the pins are complete, and installers refuse one of them."""
    pins = {}
    for term in step.terms:
        versions = term.versions & _all(index, term.package)
        if not term.positive or versions.bit_count() != 1:
            return False
        pins[term.package] = versions.bit_length() - 1
    complete = reached(index, wanted, pins).keys() <= pins.keys()
    if not complete or not faults(index, wanted, pins, by=index.reader or "pip"):
        return False
    if index.reader:
        return True
    parted = any(index.usable(name)[pin].parts() for name, pin in pins.items())
    return not parted or bool(faults(index, wanted, pins, by="uv"))


def _box(index: TargetIndex, step: RefutationStep) -> dict[str, _States]:
    states = {}
    for term in step.terms:
        every = _all(index, term.package)
        versions = every & (term.versions if term.positive else ~term.versions)
        states[term.package] = (versions, not term.positive)
    return states


def _within(
    index: TargetIndex, step: RefutationStep, left: RefutationStep, right: RefutationStep
) -> bool:
    """Returns whether a box lies in the union of two boxes.

    It lies in one of them, or in both but for one package.
    """
    box, one, other = (_box(index, each) for each in (step, left, right))
    beyond = set()
    for half in (one, other):
        out = {p for p, states in half.items() if not _inside(_of(index, box, p), states)}
        if not out:
            return True
        beyond |= out
    if len(beyond) > 1:
        return False
    (package,) = beyond
    (versions, absent), (more, also) = (_of(index, half, package) for half in (one, other))
    return _inside(_of(index, box, package), (versions | more, absent or also))


def _of(index: TargetIndex, box: Mapping[str, _States], package: str) -> _States:
    """Returns the states of a package in a box; all states if no term names the package."""
    return box.get(package) or (_all(index, package), True)


def _inside(states: _States, others: _States) -> bool:
    return not states[0] & ~others[0] and others[1] >= states[1]


def _all(index: TargetIndex, package: str) -> int:
    return (1 << len(index.usable(unpacked(package)[0]))) - 1


def positions(versions: int) -> Iterator[int]:
    """Yields the members of a set of versions, ascending."""
    while versions:
        lowest = versions & -versions
        yield lowest.bit_length() - 1
        versions ^= lowest


@lru_cache(maxsize=1 << 14)
def _specifiers(text: str) -> SpecifierSet:
    return SpecifierSet(text)
