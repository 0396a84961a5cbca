"""On which targets a marker can hold, and which extras it names.

A variable that a target leaves open may have any value. So the question is whether *some* value
makes the marker true, and it is decided exactly. Each group of variables that move together is
reduced to finitely many representative values (:mod:`pypisync.core.environments.marker_values`).
Each value makes a set of atoms true, a bit mask. Markers have no negation, so only the largest of
these sets matter. Their combinations over the groups are the *worlds* of a target, and the marker's
tree is evaluated over all worlds at once, one bit each.

Where hostile text would cost too much, the result is "may hold": one requirement too many can be
mirrored, but one too few would break an installation. An atom also may hold if packaging cannot
evaluate it, and if it is about a lock file's ``extras`` or ``dependency_groups`` (PEP 751).
"""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial, reduce
from operator import and_, or_

from msgspec import Struct, field
from packaging.utils import canonicalize_name

from pypisync.core.environments.marker_values import python_values, text_values
from pypisync.core.environments.platforms import FAMILIES, Family
from pypisync.core.environments.targets import VARIABLES, PerTargets
from pypisync.core.standards.marker_syntax import Atom, Tree, holds, parse
from pypisync.core.standards.model import Target, Targets, names_extra
from pypisync.core.standards.uv_markers import read_by_uv

MOST_ATOMS = 128  # about the environment; extras are cheap and not counted
MOST_WORLDS = 256  # of one target

_PYTHON = ("python_version", "python_full_version")
_ALONE = tuple(
    name
    for name in VARIABLES
    if name not in _PYTHON and not any(name in family.variables for family in FAMILIES)
)


def marker_mask(targets: Targets, marker: str, extra: str) -> int:
    """Returns the targets on which some value of the open variables makes ``marker`` true.

    ``extra`` is the one extra that is asked for, normalised, or "" (PEP 685 for comparing them).
    No marker ("") holds everywhere. Raises ValueError if the text is not a marker.
    """
    if not marker:
        return targets.mask
    return _masks(targets)(marker, extra)


def wanted_mask(targets: Targets, marker: str, extra: str) -> int:
    """Returns the targets on which ``marker`` can hold as pip or as uv reads it.

    Otherwise like :func:`marker_mask`.
    """
    read = read_by_uv(marker)
    found = marker_mask(targets, marker, extra)
    return found if read is None or read == marker else found | marker_mask(targets, read, extra)


@lru_cache(maxsize=1 << 14)
def extras_of(marker: str) -> frozenset[str]:
    """Returns the extras that the atoms of ``marker`` name, normalised. Raises ValueError."""
    if not marker:
        return frozenset()
    names: set[str] = set()
    for atom in parse(marker).atoms:
        if atom.variable == "extra":
            listed = atom.op in ("in", "not in") and not atom.reversed
            names.update(re.split(r"[\s,;]+", atom.literal) if listed else [atom.literal])
    return frozenset(canonicalize_name(name) for name in names if name)


@lru_cache(maxsize=1 << 14)
def deciding_extras(marker: str) -> frozenset[str] | None:
    """Returns the extras for which ``marker`` can hold where it does not for other ones.

    None: any extra may be one of them, for the marker compares otherwise than by ``==``. Raises
    ValueError.
    """
    if any(a.variable == "extra" and a.op != "==" for a in parse(marker).atoms):
        return None
    return extras_of(marker)


@lru_cache(maxsize=1 << 14)
def compared_extras(marker: str) -> frozenset[str]:
    """Returns the extras that ``marker`` names, if by ``==`` and ``!=`` alone; else none.

    Raises ValueError.
    """
    ops = {atom.op for atom in parse(marker).atoms if atom.variable == "extra"}
    return extras_of(marker) if ops <= {"==", "!="} else frozenset()


@lru_cache(maxsize=1 << 14)
def needed_extras(marker: str) -> frozenset[str]:
    """Returns the extras without one of which ``marker`` cannot hold; none if it may without.

    Raises ValueError.
    """
    named = deciding_extras(marker)
    parsed = parse(marker)
    without = [int(atom.variable != "extra") for atom in parsed.atoms]
    return named if named and not _evaluate(parsed.tree, without) else frozenset()


def needs_no_extra(marker: str) -> bool:
    """Returns whether ``marker`` may hold for no extra. Raises ValueError."""
    return not names_extra(marker) or not needed_extras(marker)


def _masks_for(targets: Targets) -> Callable[[str, str], int]:
    compiled = lru_cache(maxsize=1 << 12)(partial(_compile, targets))

    @lru_cache(maxsize=1 << 17)
    def mask(marker: str, extra: str) -> int:
        return compiled(marker).mask(extra)

    return mask


_masks = PerTargets(_masks_for)


class _Compiled(Struct, frozen=True):
    """A marker over the worlds of all targets: bit *w* of a column is world *w*."""

    tree: Tree
    columns: tuple[int, ...]  # by atom: the worlds in which it holds
    extras: tuple[tuple[int, Atom], ...]  # the atoms that wait for the extra
    worlds: tuple[int, ...]  # by target: its worlds

    def mask(self, extra: str) -> int:
        """Returns the targets in one of whose worlds the marker holds."""
        columns = list(self.columns)
        for i, atom in self.extras:
            columns[i] = -1 if holds(atom, extra) else 0
        true = _evaluate(self.tree, columns)
        return sum(1 << i for i, worlds in enumerate(self.worlds) if worlds & true)


def _evaluate(tree: Tree, columns: list[int]) -> int:
    if isinstance(tree, int):
        return columns[tree]
    word, parts = tree
    return reduce(and_ if word == "and" else or_, (_evaluate(part, columns) for part in parts))


def _compile(targets: Targets, marker: str) -> _Compiled:
    parsed = parse(marker)
    extras = tuple((i, atom) for i, atom in enumerate(parsed.atoms) if atom.variable == "extra")
    atoms = _Atoms(parsed.atoms, targets.barred)
    worlds = [atoms.worlds(target) for target in targets.all]
    columns = [0] * len(parsed.atoms)
    for bit, world in enumerate(itertools.chain.from_iterable(worlds)):
        for i in range(len(columns)):
            columns[i] |= (world >> i & 1) << bit
    ends = list(itertools.accumulate(map(len, worlds)))
    return _Compiled(
        parsed.tree,
        tuple(columns),
        extras,
        tuple((1 << end) - (1 << end - len(own)) for end, own in zip(ends, worlds, strict=True)),
    )


class _Atoms(Struct):
    """The atoms of one marker; a set of them is a bit mask over their indices."""

    all: tuple[Atom, ...]
    barred: frozenset[str]
    about: dict[str, list[Atom]] = field(default_factory=dict)
    bit: dict[Atom, int] = field(default_factory=dict)
    base: int = 0  # those that may hold whatever the values
    known: dict[object, set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for i, atom in enumerate(self.all):
            self.bit[atom] = 1 << i
            if atom.variable in VARIABLES:
                if atom.variable not in self.barred:
                    self.about.setdefault(atom.variable, []).append(atom)
            elif atom.variable != "extra":
                self.base |= 1 << i
        if sum(map(len, self.about.values())) > MOST_ATOMS:
            self.base |= reduce(or_, map(self.union, self.about))
            self.about.clear()

    def worlds(self, target: Target) -> set[int]:
        """Returns the largest sets of atoms that hold together on ``target``."""
        values = target.values
        groups = [self.pythons(target)]
        groups += [self.family(family, values) for family in FAMILIES]
        groups += [self.texts(name, values) for name in _ALONE if name in self.about]
        return {self.base | world for world in _combine(groups)}

    def union(self, variable: str) -> int:
        """Returns all atoms about ``variable``."""
        return sum(self.bit[atom] for atom in self.about.get(variable, ()))

    def true(self, variable: str, value: str) -> int:
        """Returns the atoms that hold where ``variable`` has ``value``."""
        return sum(self.bit[atom] for atom in self.about.get(variable, ()) if holds(atom, value))

    def pythons(self, target: Target) -> set[int]:
        """Returns the masks of both Python variables together: one is a part of the other."""
        full = target.values.get("python_full_version")
        key = (target.minor, full)
        if key not in self.known:
            self.known[key] = self.full_versions(target.minor, full)
        return self.known[key]

    def full_versions(self, minor: str, full: str | None) -> set[int]:
        base = self.true("python_version", minor)
        atoms = self.about.get("python_full_version")
        if atoms is None:
            return {base}
        versions = [full] if full is not None else python_values(minor, atoms)
        if versions is None:
            return {base | self.union("python_full_version")}
        return _largest(base | self.true("python_full_version", value) for value in versions)

    def family(self, family: Family, values: Mapping[str, str]) -> set[int]:
        """Returns the masks of variables that move together: the table's platforms and others."""
        if not any(name in self.about for name in family.variables):
            return {0}
        key = (family.variables, *family.bound(values).items())
        if key not in self.known:
            self.known[key] = _largest(self.members(family, values))
        return self.known[key]

    def members(self, family: Family, values: Mapping[str, str]) -> Iterator[int]:
        rows = family.matching(values)
        for row in rows:
            yield sum(map(self.true, family.variables, row))
        outside = family.outside(values)
        if outside or not rows:  # neither: bound to what no table can judge, and so taken as given
            taken = {name: family.known(name) if outside else () for name in family.naming}
            yield from _combine(
                [self.texts(name, values, taken.get(name, ())) for name in family.variables]
            )

    def texts(self, name: str, values: Mapping[str, str], without: Iterable[str] = ()) -> set[int]:
        """Returns the masks of one variable by itself, apart from the values ``without``."""
        if name not in self.about:
            return {0}
        if name in values:
            return {self.true(name, values[name])}
        key = (name, bool(without))
        if key not in self.known:
            found = text_values(name, self.about[name])
            self.known[key] = (
                {self.union(name)}
                if found is None
                else _largest(self.true(name, value) for value in found.difference(without))
            )
        return self.known[key]


def _largest(sets: Iterable[int]) -> set[int]:
    """Returns the sets that no other one contains; their union if there are too many to compare."""
    found = set(sets)
    if len(found) > MOST_WORLDS:
        return {reduce(or_, found)}
    return {one for one in found if not any(one & other == one != other for other in found)}


def _combine(groups: Iterable[set[int]]) -> set[int]:
    """Returns one set of each group joined, in every way.

    Past the limit a group counts as all true.
    """
    worlds = {0}
    for group in groups:
        joined = {reduce(or_, group)} if len(worlds) * len(group) > MOST_WORLDS else group
        worlds = {world | one for world in worlds for one in joined}
    return worlds
