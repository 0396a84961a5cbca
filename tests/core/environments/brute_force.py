"""Marker satisfiability by trying a dense grid, for comparing with what marker_masks returns.

The grid knows nothing of the marker: it lists every patch level up to a bound, every platform,
every part of some lists of names. packaging evaluates each atom at each value, and every
combination of the groups is tried.
"""

import itertools
from collections.abc import Iterator, Mapping
from functools import cache

from packaging.markers import Marker

from pypisync.core.environments import platforms

# An atom with its text and variable, or "and" or "or" with the parts
Tree = tuple[object, ...]
Values = Mapping[str, str]
Member = tuple[str, ...]


def parts(text: str) -> set[str]:
    """All that is part of ``text``."""
    return {text[i:j] for i in range(len(text) + 1) for j in range(i, len(text) + 1)}


def joined(*texts: str) -> set[str]:
    """All texts that consist of some of these, and are none of them."""
    sizes = range(1, len(texts) + 1)
    return {" ".join(("", *some)) for n in sizes for some in itertools.combinations(texts, n)}


PATCHES = (*range(25), 77, 99, 100, 105, 110, 1000)
OTHERS: Mapping[str, set[str]] = {
    "os_name": {"", "posix", "nt", "java", "n", "zz", "it's", "sys_platform"}
    | joined("nt", "posix", "java"),
    "sys_platform": parts("win32 cygwin")
    | parts("linux2")
    | {"Windows", "freebsd13", "java1.8", "zz", "dar"}
    | joined("linux", "linux2", "win32", "cygwin", "darwin"),
    "platform_system": {"", "FreeBSD", "linux", "Lin", "Dar", "Linux Darwin", "win32", "zz"},
    "implementation_name": {"", "py", "zz", "p", "CPython", "3.5", "pypy graalpy"},
    "platform_python_implementation": {"", "cpython", "Py", "zz"},
    "platform_machine": parts("x86_64 AMD64 aarch64")
    | parts("arm64 aarch64")
    | {"i686", "armv7", "armv7l", "v7_arm", "l", "zz", "ARM64"},
    "platform_version": {"", "#1 SMP", "#9 Ubuntu", "1", "10.0.19041", "10.0.20000", "zz"},
    "platform_release": {"", "odd", "5.15.0-91-generic", "a microsoft b"}
    | {f"{x}" for x in range(31)}
    | {f"{x}.{y}" for x in range(4, 8) for y in range(9)}
    | {f"5.{y}.0.{z}" for y in range(9) for z in (1, 7)},
    "implementation_version": {"odd", "3.8.0.1", "3.8.1", "3.8.2"}
    | {f"{x}" for x in range(12)}
    | {f"{x}.{y}" for x in range(2, 9) for y in range(15)},
}
# The table itself is held against other sources in test_platforms.py.
FAMILIES = {family.variables: family for family in platforms.FAMILIES}


def satisfiable(tree: Tree, minor: str, values: Values, barred: frozenset[str], extra: str) -> bool:
    """Whether some point of the grid with these values makes the marker true."""
    everything = {**values, "extra": extra}
    groups: list[tuple[list[Tree], set[tuple[bool, ...]]]] = []
    rest = sorted(_atoms(tree), key=str)
    for names in (("python_version", "python_full_version"), *FAMILIES):
        own = [atom for atom in rest if atom[2] in names]
        used = tuple(name for name in names if any(atom[2] == name for atom in own))
        bound = tuple((name, values[name]) for name in names if name in values)
        points = (
            _pythons(minor, values) if "python_version" in names else _members(names, used, bound)
        )
        groups.append(
            (own, {tuple(_holds(atom, point, barred) for atom in own) for point in points})
        )
        rest = [atom for atom in rest if atom not in own]
    for atom_name in sorted({str(atom[2]) for atom in rest}):
        own = [atom for atom in rest if atom[2] == atom_name]
        grid = {everything[atom_name]} if atom_name in everything else OTHERS.get(atom_name, {""})
        groups.append(
            (own, {tuple(_holds(atom, {atom_name: v}, barred) for atom in own) for v in grid})
        )
    order = [atom for own, _ in groups for atom in own]
    return any(
        _true(tree, dict(zip(order, itertools.chain(*world), strict=True)))
        for world in itertools.product(*(outcomes for _, outcomes in groups))
    )


def tree_of(marker: str) -> Tree:
    """The marker as packaging itself parses it."""
    return _tree(Marker(marker)._markers)


def _tree(node: object) -> Tree:
    if isinstance(node, tuple):
        left, op, right = node
        text = " ".join(part.serialize() for part in (left, op, right))
        return ("atom", text, str(left if type(left).__name__ == "Variable" else right))
    assert isinstance(node, list)
    sums: list[list[Tree]] = [[]]
    for part in node:
        if part == "or":
            sums.append([])
        elif part != "and":
            sums[-1].append(_tree(part))
    return ("or", *(("and", *factors) for factors in sums))


def _parts(tree: Tree) -> Iterator[Tree]:
    for part in tree[1:]:
        assert isinstance(part, tuple)
        yield part


def _atoms(tree: Tree) -> set[Tree]:
    return {tree} if tree[0] == "atom" else {a for part in _parts(tree) for a in _atoms(part)}


def _true(tree: Tree, holding: Mapping[Tree, bool]) -> bool:
    if tree[0] == "atom":
        return holding[tree]
    return (any if tree[0] == "or" else all)(_true(part, holding) for part in _parts(tree))


def _pythons(minor: str, values: Values) -> list[Values]:
    full = values.get("python_full_version")
    versions = [full] if full else [f"{minor}.{patch}" for patch in PATCHES]
    return [{"python_version": minor, "python_full_version": version} for version in versions]


@cache
def _members(names: Member, used: Member, bound: tuple[tuple[str, str], ...]) -> list[Values]:
    """Rows of the table, and what shares no naming value with it; as given if neither fits.

    Only the distinct values of the ``used`` names.
    """
    rows, naming = set(FAMILIES[names].rows), FAMILIES[names].naming
    known = {name: {row[i] for row in rows} for i, name in enumerate(names)}
    given = dict(bound)
    every = list(
        itertools.product(
            *({given[name]} if name in given else OTHERS[name] | known[name] for name in names)
        )
    )
    real = [
        member
        for member in every
        if member in rows
        or not any(v in known[n] for n, v in zip(names, member, strict=True) if n in naming)
    ]
    columns = [names.index(name) for name in used]
    distinct = {tuple(member[i] for i in columns) for member in real or every}
    return [dict(zip(used, member, strict=True)) for member in distinct]


def _holds(atom: Tree, point: Values, barred: frozenset[str]) -> bool:
    variable = str(atom[2])
    if variable in barred:
        return False
    known = variable in OTHERS or variable in {"python_version", "python_full_version", "extra"}
    return _evaluate(str(atom[1]), variable, point[variable]) if known else True


@cache
def _evaluate(text: str, variable: str, value: str) -> bool:
    try:
        return Marker(text).evaluate({variable: value})
    except (ValueError, KeyError):
        return True
