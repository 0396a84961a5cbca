"""On which concrete machines installability is proved.

A marker variable that is left open can be mirrored for, but not installed on: an installer has one
value for each. So every environment of the configuration is made concrete: CPython on the platform
that it binds (Linux x86-64 where it binds none), with all variables of PEP 508 ("environment
markers") and the tags that ``packaging.tags`` gives such an interpreter, best first. Where Python
is open, the minors that still get security fixes stand for all.

Masks of proof targets have a bit for each machine: bit *i* stands for ``Machines.all[i]``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from operator import or_

from msgspec import Struct
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms

from pypisync.core.environments.targets import Environment
from pypisync.core.standards.model import Target, Targets
from pypisync.core.standards.requires_python import Installer, admits

# The month after which a minor gets no fix any more, and a patch level that users have.
# Source: the Python Developer's Guide, "Status of Python versions", and PEP 790 for 3.15.
_MINORS: Mapping[str, tuple[date, str]] = {
    "2.7": (date(2020, 1, 31), "2.7.18"),
    "3.3": (date(2017, 9, 30), "3.3.7"),
    "3.4": (date(2019, 3, 31), "3.4.10"),
    "3.5": (date(2020, 9, 30), "3.5.10"),
    "3.6": (date(2021, 12, 31), "3.6.15"),
    "3.7": (date(2023, 6, 30), "3.7.17"),
    "3.8": (date(2024, 10, 31), "3.8.20"),
    "3.9": (date(2025, 10, 31), "3.9.23"),
    "3.10": (date(2026, 10, 31), "3.10.18"),
    "3.11": (date(2027, 10, 31), "3.11.13"),
    "3.12": (date(2028, 10, 31), "3.12.11"),
    "3.13": (date(2029, 10, 31), "3.13.7"),
    "3.14": (date(2030, 10, 31), "3.14.2"),
    "3.15": (date(2031, 10, 31), "3.15.0"),
}

_LINUX = ("posix", "linux", "Linux", "5.14.0", "#1 SMP")
_MACOS = ("posix", "darwin", "Darwin", "23.6.0", "Darwin Kernel Version 23.6.0")
_WINDOWS = ("nt", "win32", "Windows", "10", "10.0.19045")
_VALUES = ("os_name", "sys_platform", "platform_system", "platform_release", "platform_version")
_PLATFORMS_ONLY = ("os_name", "sys_platform", "platform_system", "platform_machine")
_IMPLEMENTATION = {"implementation_name": "cpython", "platform_python_implementation": "CPython"}


@dataclass(frozen=True, slots=True)
class ProofTarget:
    """One machine: a value for every marker variable, and what it can install."""

    name: str  # "3.13 linux-x86_64"
    environment: Mapping[str, str]  # every variable of PEP 508 but extra
    tags: Mapping[Tag, int]  # with their rank, 0 the best
    _abis: frozenset[tuple[str, str]] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        pairs = frozenset((tag.interpreter, tag.abi) for tag in self.tags)
        object.__setattr__(self, "_abis", pairs)

    def near(self, tags: Iterable[Tag]) -> int:
        """Returns how near the tags of a wheel come: 3 to the ABI, 2 to the Python, 1 to neither.

        As uv orders wheels that do not fit (uv-platform-tags/src/tags.rs, ``IncompatibleTag``).
        0 if the wheel has no tag.
        """
        if any((tag.interpreter, tag.abi) in self._abis for tag in tags):
            return 3
        pythons = {python for python, _ in self._abis}
        return max((1 + (tag.interpreter in pythons) for tag in tags), default=0)


class _MachinePlatform(Struct, frozen=True):
    values: tuple[str, ...]  # of _VALUES
    machine: str
    tags: tuple[str, ...]  # platform tags, best first


# The usual platforms by short names; a platform tag, with its floor, names one as well. The first
# that agrees with what is bound is taken. glibc 2.28 is the oldest that is still maintained.
PRESETS: Mapping[str, str] = {
    "linux-x86_64": "manylinux_2_28_x86_64",
    "linux-aarch64": "manylinux_2_28_aarch64",
    "macos-arm64": "macosx_14_0_arm64",
    "macos-x86_64": "macosx_14_0_x86_64",
    "windows-amd64": "win_amd64",
    "windows-arm64": "win_arm64",
    "musl-x86_64": "musllinux_1_2_x86_64",
    "musl-aarch64": "musllinux_1_2_aarch64",
}
"""Platform tags by the name that stands in a proof target's name."""

_TAG = re.compile(
    r"(manylinux_2|musllinux_1)_([0-9]{1,2})_(x86_64|aarch64)"
    r"|(macosx)_([0-9]{1,2})_([0-9]{1,2})_(x86_64|arm64)|win_(amd64|arm64)"
)
_LEGACY = {17: "2014", 12: "2010", 5: "1"}


def _platform(name: str) -> _MachinePlatform | None:
    """Returns the platform of a preset's name or of a platform tag; None if it is neither."""
    found = _TAG.fullmatch(PRESETS.get(name, name))
    if found is None:
        return None
    libc, minor, machine, macos, major, point, mac, windows = found.groups()
    if windows:
        return _MachinePlatform(_WINDOWS, windows.upper(), (f"win_{windows}",))
    if macos:
        return _MachinePlatform(_MACOS, mac, tuple(mac_platforms((int(major), int(point)), mac)))
    if libc == "musllinux_1":
        older = [f"musllinux_1_{i}_{machine}" for i in range(int(minor), -1, -1)]
        return _MachinePlatform(_LINUX, machine, (*older, f"linux_{machine}"))
    return _MachinePlatform(_LINUX, machine, (*_glibc(int(minor), machine), f"linux_{machine}"))


def _glibc(newest: int, machine: str) -> Iterator[str]:
    """Yields the tags of a Linux with this glibc 2, the newest first (PEP 600)."""
    for minor in range(newest, 4 if machine == "x86_64" else 16, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in _LEGACY:
            yield f"manylinux{_LEGACY[minor]}_{machine}"


def proof_targets(
    targets: Targets, environment: Environment, today: date
) -> tuple[tuple[ProofTarget, ...], tuple[str, ...]]:
    """Returns the proof targets of a configuration, and the targets for which there is none.

    None is known for other implementations than CPython, for platforms without a preset, and for
    an open Python that has had its last fix by ``today``.
    """
    found: dict[str, ProofTarget] = {}
    missing = []
    bound = environment.get("python_version") or environment.get("python_full_version")
    for one in targets.all:
        if not bound and (one.minor not in _MINORS or _MINORS[one.minor][0] < today):
            continue
        preset = _preset(one)
        if preset is None:
            missing.append(one.name)
            continue
        made = _made(one.minor, preset, one.values)
        found.setdefault(made.name, made)
    return tuple(found.values()), tuple(missing)


def named(name: str) -> ProofTarget:
    """Returns the proof target with this name, such as "3.13 musl-x86_64" or "3.13t win_amd64".

    A "t" behind the version is a free-threaded build. Raises ValueError.
    """
    minor, _, platform = name.partition(" ")
    plain = minor.removesuffix("t")
    free = minor != plain
    if plain not in _MINORS or _platform(platform) is None or (free and _key(plain) < (3, 13)):
        raise ValueError(
            f'"{name}" is not a proof target: allowed are a Python minor version and a platform, '
            'such as "3.13 linux-x86_64" ("3.13t": a free-threaded build, from 3.13 on); '
            f"platforms are {', '.join(PRESETS)}, and platform tags with their floor, such as "
            "manylinux_2_17_x86_64"
        )
    return _made(plain, platform, {}, free=free)


def _preset(target: Target) -> str | None:
    values = target.values
    if any(values.get(name, value) != value for name, value in _IMPLEMENTATION.items()):
        return None
    for name in _by_libc(target):
        platform = _platform(name)
        if platform is None:
            continue
        pairs = zip(_VALUES, platform.values, strict=True)
        has = {**dict(pairs), "platform_machine": platform.machine}
        if all(values.get(key, has[key]) == has[key] for key in _PLATFORMS_ONLY):
            return name
    return None


def _by_libc(target: Target) -> Iterator[str]:
    """Yields presets, or platform tags, of the target's libc."""
    kind, _, version = target.libc.partition("-")
    if version:
        family = "manylinux" if kind == "glibc" else "musllinux"
        yield f"{family}_{version.replace('.', '_')}_{target.values['platform_machine']}"
    elif kind == "musl":
        yield from (name for name in PRESETS if name.startswith("musl-"))
    else:
        yield from PRESETS


def _made(minor: str, name: str, values: Mapping[str, str], *, free: bool = False) -> ProofTarget:
    platform = _platform(name)
    assert platform is not None  # noqa: S101 - its callers have looked
    full = values.get("python_full_version") or _MINORS.get(minor, (None, f"{minor}.0"))[1]
    environment = {
        **dict(zip(_VALUES, platform.values, strict=True)),
        **_IMPLEMENTATION,
        "platform_machine": platform.machine,
        "implementation_version": full,
        **values,
        "python_version": minor,
        "python_full_version": full,
    }
    shown = full if "python_full_version" in values else minor
    tags = _tags(minor, list(platform.tags), free=free)
    return ProofTarget(f"{shown}{'t' if free else ''} {name}", environment, tags)


def _tags(minor: str, platforms: list[str], *, free: bool) -> dict[Tag, int]:
    """Returns the tags of CPython on these platforms, with their rank."""
    python = _key(minor)
    nodot = minor.replace(".", "")
    # Up to 3.7 the ABI names pymalloc; 2.7 is built with wide Unicode on Linux.
    flag = "t" if free else "" if python >= (3, 8) else "m" if python >= (3, 3) else "mu"
    ordered = [
        *cpython_tags(python, [f"cp{nodot}{flag}"], platforms),
        *compatible_tags(python, f"cp{nodot}", platforms),
    ]
    return {tag: rank for rank, tag in reversed([*enumerate(ordered)])}


def _key(minor: str) -> tuple[int, ...]:
    return tuple(map(int, minor.split(".")))


@dataclass(slots=True, eq=False)
class Machines:
    """All proof targets; the masks of tags and of ``Requires-Python`` are kept once computed."""

    all: tuple[ProofTarget, ...] = ()
    _ranks: dict[frozenset[Tag], tuple[int | None, ...]] = field(default_factory=dict)
    _tags: dict[frozenset[Tag], int] = field(default_factory=dict)
    _near: dict[frozenset[Tag], tuple[int, ...]] = field(default_factory=dict)
    _pythons: dict[tuple[str, Installer], int] = field(default_factory=dict)

    @property
    def mask(self) -> int:
        """The mask of all of them."""
        return (1 << len(self.all)) - 1

    def with_tags(self, tags: frozenset[Tag] | None) -> int:
        """Returns those whose tags fit a file; ``tags`` are None for an sdist."""
        if tags is None:
            return self.mask
        found = self._tags.get(tags)
        if found is None:
            ranks = self.ranks(tags)
            found = sum(1 << i for i, rank in enumerate(ranks) if rank is not None)
            self._tags[tags] = found
        return found

    def ranks(self, tags: frozenset[Tag] | None) -> tuple[int | None, ...]:
        """Returns for each machine how good a file is, 0 the best; None if it does not fit.

        An sdist comes after every wheel.
        """
        if tags is None:
            return tuple(len(one.tags) for one in self.all)
        found = self._ranks.get(tags)
        if found is None:
            found = self._ranks[tags] = tuple(
                min((one.tags[tag] for tag in tags if tag in one.tags), default=None)
                for one in self.all
            )
        return found

    def near(self, tags: frozenset[Tag] | None) -> tuple[int, ...]:
        """Returns for each machine how near a wheel comes to it; -1 of an sdist."""
        if tags is None:
            return (-1,) * len(self.all)
        found = self._near.get(tags)
        if found is None:
            found = self._near[tags] = tuple(one.near(tags) for one in self.all)
        return found

    def with_python(self, text: str | None, by: Installer) -> int:
        """Returns those on which the installer takes a file with this ``Requires-Python``."""
        if not text:
            return self.mask
        key = text, by
        if key not in self._pythons:
            self._pythons[key] = sum(
                1 << i
                for i, one in enumerate(self.all)
                if admits(by, text, one.environment["python_full_version"])
            )
        return self._pythons[key]

    def served(self, mask: int, targets: Targets) -> int:
        """Returns the environments (a mask) that some of these machines are machines of."""
        return reduce(
            or_, (served(one, targets) for i, one in enumerate(self.all) if mask >> i & 1), 0
        )

    def spelled(self) -> Iterator[str]:
        """Yields all that masks depend on: when it differs, they are out of date."""
        for target in self.all:
            yield f"{target.name} {sorted(target.environment.items())}"


def served(target: ProofTarget, targets: Targets) -> int:
    """Returns the environments (a mask) that the proof target is one machine of."""
    if targets.barred:
        return 0  # what a barred variable is cannot be said of a machine
    environment = target.environment
    return sum(
        1 << i
        for i, one in enumerate(targets.all)
        if one.minor == environment["python_version"]
        and all(environment[name] == value for name, value in one.values.items())
        and (not one.libc or _is_musl(target) == one.libc.startswith("musl"))
    )


def _is_musl(target: ProofTarget) -> bool:
    return any(tag.platform.startswith("musllinux") for tag in target.tags)
