"""Whether a refutation is one: each step of it, held against the facts.

A clause says that its terms cannot all be true at once; a refutation derives the clause without
terms, which says that nothing can be installed. A set of versions is an integer: bit *i* is the
*i*-th usable release of the project (see :mod:`pypisync.core.ground`), and a negative number is
the complement of a finite set. Every clause is a box: for each package the states (a version, or
absent) that it forbids together with those of the others.

Nothing here is taken from the search. Specifiers are read by ``packaging``, and as generously as
any installer could: every pre-release and every yanked release counts, and a release of which it
is not known what it needs is taken to need nothing. So what is refuted is refuted for all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from packaging.specifiers import SpecifierSet

from pypisync.core.ground import Ground, unpacked
from pypisync.core.model import Requirement
from pypisync.core.pins import faults, reached

Kind = Literal["root", "dependency", "none", "barred", "derived"]


class Term(NamedTuple):
    """A package has one of these versions, or (not positive) is absent or has another."""

    package: str
    versions: int
    positive: bool


@dataclass(frozen=True, slots=True)
class Clause:
    """Terms that cannot all be true, and why.

    ``root``: the root requires it; ``dependency``: these releases do; ``none``: there is no such
    release; ``barred``: these pins are complete, and installers refuse one of them as a
    pre-release or as yanked; ``derived``: it follows from the two causes, by position.
    """

    terms: tuple[Term, ...]
    kind: Kind
    causes: tuple[int, int] | None = None


Refutation: TypeAlias = Sequence[Clause]
"""Clauses, causes before what follows from them; the last one has no terms."""

_States: TypeAlias = tuple[int, bool]  # versions, and whether "absent" is one of the states


def refutes(ground: Ground, root: Requirement, refutation: Refutation) -> bool:
    """Whether every clause of ``refutation`` holds, and the last says that nothing is possible."""
    if not refutation or refutation[-1].terms:
        return False
    return all(_holds(ground, root, refutation, i) for i in range(len(refutation)))


def _holds(ground: Ground, root: Requirement, refutation: Refutation, position: int) -> bool:
    clause = refutation[position]
    if clause.kind == "derived":
        if clause.causes is None or not all(0 <= cause < position for cause in clause.causes):
            return False
        left, right = (refutation[cause] for cause in clause.causes)
        return _within(_box(ground, clause), _box(ground, left), _box(ground, right))
    if clause.kind == "none":
        return any(
            term.positive and not term.versions & _all(ground, term.package)
            for term in clause.terms
        )
    if clause.kind == "barred":
        return _barred(ground, root, clause)
    return _required(ground, root, clause)


def _required(ground: Ground, root: Requirement, clause: Clause) -> bool:
    """Whether each of the requiring releases (or the root) demands what the clause says."""
    demanded = [term for term in clause.terms if not term.positive]
    users = [term for term in clause.terms if term.positive]
    if len(demanded) > 1 or len(users) > 1:
        return False
    target = demanded[0] if demanded else None
    if clause.kind == "root":
        return not users and target is not None and _demands(ground, [root], target)
    if not users:
        return False
    (user,) = users
    name, extra = unpacked(user.package)
    return all(
        _demands_of(ground, name, extra, version, target)
        for version in _positions(user.versions & _all(ground, user.package))
    )


def _demands_of(ground: Ground, name: str, extra: str, version: int, target: Term | None) -> bool:
    if target is None:  # it requires another version of itself
        target = Term(name, 0, positive=False)
        own = 1 << version
    else:
        own = 1 << version if extra and target.package == name else -1
    if target.package == name and not extra:
        own = 1 << version
    return _demands(ground, ground.needs(name, version, extra), target, own)


def _demands(ground: Ground, needs: Sequence[Requirement], target: Term, own: int = -1) -> bool:
    """Whether these requirements leave nothing of the target's package but its versions."""
    left = own & _all(ground, target.package)
    for need in needs:
        if need.fault:
            return True  # nothing can meet it
        name, extra = unpacked(target.package)
        if need.name == name and (not extra or extra in need.extras):
            left &= _matching(ground, name, need.specifier)
    asked = own != -1 or any(_names(need, target.package) for need in needs)
    return asked and not left & ~target.versions


def _names(need: Requirement, package: str) -> bool:
    name, extra = unpacked(package)
    return need.name == name and (not extra or extra in need.extras)


def _matching(ground: Ground, name: str, specifier: str) -> int:
    wanted = _specifiers(specifier)
    return sum(
        1 << i
        for i, usable in enumerate(ground.usable(name))
        if wanted.contains(usable.release.version, prereleases=True)
    )


def _barred(ground: Ground, root: Requirement, clause: Clause) -> bool:
    """Whether the pins are all there is to install, and still refused."""
    pins = {}
    for term in clause.terms:
        versions = term.versions & _all(ground, term.package)
        if not term.positive or versions.bit_count() != 1:
            return False
        pins[term.package] = versions.bit_length() - 1
    asked = reached(ground, root, pins)
    return asked.keys() <= pins.keys() and bool(faults(ground, root, pins))


def _box(ground: Ground, clause: Clause) -> Mapping[str, _States]:
    states = {}
    for term in clause.terms:
        every = _all(ground, term.package)
        versions = term.versions & every
        states[term.package] = (
            (versions, False) if term.positive else (every & ~versions, True)
        )
    return states


def _within(
    box: Mapping[str, _States], left: Mapping[str, _States], right: Mapping[str, _States]
) -> bool:
    """Whether a box lies in the union of two: in one of them, or in both but for one package."""
    beyond_left = _beyond(box, left)
    beyond_right = _beyond(box, right)
    if not beyond_left or not beyond_right:
        return True
    if beyond_left != beyond_right or len(beyond_left) > 1:
        return False
    (package,) = beyond_left
    versions, absent = left[package]
    more, also_absent = right[package]
    has, is_absent = box.get(package, (-1, True))
    every = versions | more
    return not has & ~every and (absent or also_absent or not is_absent) and has != -1 or (
        package not in box and _covers(left[package], right[package])
    )
