"""Which environments are served, and which of them a ``Requires-Python`` admits.

An environment is a Python minor version and the values that the configuration binds to the
variables of PEP 508 (dependency specifiers, "environment markers"). Variables that move together on
every real platform are related through small tables, so that a combination no machine has is
neither served nor followed. What a marker makes of an environment is for
:mod:`pypisync.core.environments.marker_masks`, which files an environment can use for
:mod:`pypisync.core.standards.filenames`.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Generic, TypeVar

import packaging
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pypisync.core.environments.platform_names import Platform, possible
from pypisync.core.environments.platforms import FAMILIES
from pypisync.core.standards.model import Target, Targets
from pypisync.core.standards.requires_python import LONGEST, Installer, admits

T = TypeVar("T")
Environment = Mapping[str, Sequence[str] | None]

VARIABLES: tuple[str, ...] = (
    "os_name",
    "sys_platform",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "python_version",
    "python_full_version",
    "implementation_name",
    "implementation_version",
)

# The Pythons meant when the configuration binds none. pip 9 was the first to honour
# Requires-Python, and it ran on 2.7 and 3.3 upwards: what older installers would pick from an
# index cannot be foreseen, so it cannot be served consistently either.
KNOWN_MINORS: tuple[str, ...] = ("2.7", *(f"3.{minor}" for minor in range(3, 16)))

RULES = 19  # raise it when the same targets and texts are to give other masks than before
_LONGEST_VERSION = 1_000  # characters
_KEPT_TARGETS = 8
_NUMBERS = re.compile(r"[0-9][0-9A-Za-z.]*")  # of a specifier


# The order in which bound values stand in a target's name.
_SHOWN = (
    "sys_platform",
    "platform_system",
    "os_name",
    "platform_machine",
    "platform_python_implementation",
    "implementation_name",
    "implementation_version",
    "platform_release",
    "platform_version",
)


def targets(environment: Environment, platforms: Sequence[Platform] = ()) -> Targets:
    """Returns all environments to serve, from the configuration's ``environment``.

    Each of ``platforms`` stands for the values of its variables, which the environment leaves open.

    Its keys are :data:`VARIABLES` and ``extra``; a missing key is null. Null leaves a variable
    open; a list stands for each of its values; an empty list bars the variable: no atom of a
    marker that mentions it holds, while the Python stays open for ``Requires-Python``.
    Raises ValueError if a key or a value is not one, or if nothing is left to serve.
    """
    unknown = sorted(set(environment) - {*VARIABLES, "extra"})
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: not a variable of PEP 508")
    bound = {name: tuple(dict.fromkeys(environment.get(name) or ())) for name in VARIABLES}
    barred = frozenset(
        name for name in VARIABLES if not bound[name] and environment.get(name) is not None
    )
    pythons = _pythons(bound["python_version"], bound["python_full_version"])
    combinations = _machines(bound, platforms)
    found = [
        _target(minor, full, values, barred, libc)
        for minor, full in pythons
        for libc, values in combinations
    ]
    width, count = len(combinations), len(found)
    if bound["python_version"] or bound["python_full_version"]:
        groups = tuple(1 << i for i in range(count))
    else:
        groups = tuple(sum(1 << i for i in range(first, count, width)) for first in range(width))
    extras = environment.get("extra")
    return Targets(
        all=tuple(found),
        groups=groups,
        barred=barred,
        extras=None if extras is None else frozenset(map(canonicalize_name, extras)),
    )


def _machines(
    bound: Mapping[str, tuple[str, ...]], platforms: Sequence[Platform]
) -> list[tuple[str, dict[str, str]]]:
    """Returns the libc and the values of the variables of every machine to serve."""
    # Two names may mean one platform: "linux-x86_64" has a glibc as "linux-x86_64-glibc" has.
    distinct = {(one.libc, *one.values.items()): one for one in platforms}
    some = [*distinct.values()] or [Platform("", {})]
    return [
        (one.libc, values)
        for one in some
        for values in _combinations({**bound, **{key: (text,) for key, text in one.values.items()}})
    ]


def _pythons(minors: tuple[str, ...], fulls: tuple[str, ...]) -> list[tuple[str, str | None]]:
    """Returns the Pythons to serve: minor version, and the full version where that is bound."""
    for text in minors:
        if not re.fullmatch(r"[0-9]+\.[0-9]+", text):
            raise ValueError(f"python_version {text!r} is not of the form '3.11'")
    if not fulls:
        return [(minor, None) for minor in minors or KNOWN_MINORS]
    found: list[tuple[str, str | None]] = []
    for text in fulls:
        try:
            release = Version(text).release
        except InvalidVersion:
            raise ValueError(f"python_full_version {text!r} is not a version") from None
        minor = ".".join(map(str, (*release, 0)[:2]))
        if not minors or minor in minors:
            found.append((minor, text))
    if not found:
        raise ValueError(
            f"python_version {list(minors)} and python_full_version {list(fulls)} exclude each "
            "other: nothing is left to serve; correct one of them or set it to null"
        )
    return found


def _combinations(bound: Mapping[str, tuple[str, ...]]) -> Iterator[dict[str, str]]:
    """Yields each combination of the values bound beside Python's that some real platform has."""
    names = [name for name in _SHOWN if bound[name]]
    kept = 0
    for chosen in itertools.product(*(bound[name] for name in names)):
        values = dict(zip(names, chosen, strict=True))
        if all(family.keeps(values) for family in FAMILIES) and possible(values):
            kept += 1
            yield values
    if not kept:
        given = ", ".join(f"{name} {list(bound[name])}" for name in names)
        raise ValueError(
            f"no platform has one of these values in each variable: {given}: nothing is left to "
            "serve; correct them or set some to null"
        )


def _target(
    minor: str, full: str | None, values: Mapping[str, str], barred: frozenset[str], libc: str
) -> Target:
    """Returns the target for one Python and one combination, with what the tables say besides."""
    everything = dict(values)
    shown = dict(values)
    for family in FAMILIES:
        bound = family.bound(values)
        if not bound:
            continue
        rows = family.matching(values)
        if not minor.startswith("2."):  # "linux2" ended with Python 2
            rows = [row for row in rows if "linux2" not in row] or rows
        everything |= {k: v for k, v in family.agreed(rows).items() if k not in bound}
        first = next(name for name in _SHOWN if name in bound)
        implied = family.agreed(family.matching({first: values[first]}))
        shown = {k: v for k, v in shown.items() if k == first or implied.get(k) != v}
    everything["python_version"] = minor
    if full is not None:
        everything["python_full_version"] = full
    name = " ".join([full or minor, *map(_readable, shown.values()), *([libc] if libc else [])])
    return Target(name, minor, {k: v for k, v in everything.items() if k not in barred}, libc)


def _readable(value: str) -> str:
    """Returns a value as it stands in a name: quoted where a reader could not see its ends."""
    return value if re.fullmatch(r"[^\s\"]+", value) else json.dumps(value, ensure_ascii=False)


class PerTargets(Generic[T]):
    """Something made once for each :class:`Targets` object and found again by identity.

    A Targets holds mappings, so it cannot be hashed, and hashing it at each of millions of
    lookups would cost more than the lookup itself. A kept entry keeps its Targets alive, so an
    identity is never taken for another's.
    """

    def __init__(self, make: Callable[[Targets], T]) -> None:
        self._make = make
        self._made: dict[int, tuple[Targets, T]] = {}

    def __call__(self, targets: Targets) -> T:
        """Returns what was made for ``targets``."""
        entry = self._made.get(id(targets))
        if entry is None:
            if len(self._made) >= _KEPT_TARGETS:
                self._made.clear()
            entry = self._made[id(targets)] = (targets, self._make(targets))
        return entry[1]


def patches(minor: str, literals: Iterable[str]) -> list[int]:
    """Returns patch levels of ``minor`` that stand for all, as far as ``literals`` can tell.

    A comparison with a version changes its result only at that version's own patch level; a
    test for being part of a text ("3.7.0 3.7.1") only at the levels that stand there. So 0, these
    levels and the one above each are enough: whatever lies between two is like the one above the
    lower.
    """
    found = {0}
    for literal in literals:
        found |= {level + step for level in _levels(minor, literal) for step in (0, 1)}
    return sorted(found)


def _levels(minor: str, literal: str) -> Iterator[int]:
    try:
        if len(literal) > _LONGEST_VERSION:
            raise InvalidVersion(literal)
        release = (*Version(literal.strip().removesuffix(".*")).release, 0, 0)
    except ValueError:
        pass
    else:
        if f"{release[0]}.{release[1]}" == minor:
            yield release[2]
    if f"{minor}." not in literal:
        return
    for match in re.finditer(rf"(?={re.escape(minor)}\.(0|[1-9][0-9]{{0,8}}))", literal):
        # "3.7.12" also contains "3.7.1"
        yield from (int(match[1][:length]) for length in range(1, len(match[1]) + 1))


def python_mask(targets: Targets, requires_python: str | None, by: Installer = "pip") -> int:
    """Returns the targets with some Python on which the installer takes a file (PEP 345, PEP 440).

    See :mod:`pypisync.core.standards.requires_python`. Only final versions stand for an open patch
    level; a bound ``python_full_version`` is taken exactly. No text admits all.
    """
    if not requires_python:
        return targets.mask
    return _python_masks(targets)(requires_python, by)


def _python_masks_for(targets: Targets) -> Callable[[str, Installer], int]:
    pythons: dict[tuple[str, str | None], int] = {}
    for i, target in enumerate(targets.all):
        python = (target.minor, target.values.get("python_full_version"))
        pythons[python] = pythons.get(python, 0) | 1 << i
    return lru_cache(maxsize=1 << 16)(partial(_admitted, pythons))


_python_masks = PerTargets(_python_masks_for)


def _admitted(pythons: Mapping[tuple[str, str | None], int], text: str, by: Installer) -> int:
    mask = 0
    # What no installer can read needs no patch levels, however many numbers it has.
    literals = _NUMBERS.findall(text) if len(text) <= LONGEST else []
    for (minor, full), bits in pythons.items():
        levels = patches(minor, literals) if full is None else []
        versions = [full] if full is not None else [f"{minor}.{level}" for level in levels]
        if any(admits(by, text, version) for version in versions):
            mask |= bits
    return mask


def targets_fingerprint(targets: Targets) -> str:
    """Returns a hash of all that masks and edges depend on: when it differs, they are out of date.

    64 hex digits; the order of the targets counts, their names and groups do not.
    """
    decides = {
        "rules": RULES,
        "packaging": packaging.__version__,
        "tables": [family.rows for family in FAMILIES],
        "targets": [
            [target.minor, sorted(target.values.items()), *([target.libc] if target.libc else [])]
            for target in targets.all
        ],
        "barred": sorted(targets.barred),
        "extras": None if targets.extras is None else sorted(targets.extras),
    }
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()
