"""On which concrete machines installability is proved.

A marker variable that is left open can be mirrored for, but not installed on: an installer has one
value for each. So every environment of the configuration is made concrete: CPython on the platform
that it binds (Linux x86-64 where it binds none), with all variables of PEP 508 ("environment
markers") and the tags that ``packaging.tags`` gives such an interpreter, best first. Where Python
is open, the minors that still get security fixes stand for all.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms

from pypisync.core.environments import Environment
from pypisync.core.model import Target, Targets

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


@dataclass(frozen=True, slots=True)
class _Preset:
    values: tuple[str, ...]  # of _VALUES
    machine: str
    platforms: Callable[[], Iterable[str]]


def _glibc(machine: str) -> list[str]:
    """The platform tags of a Linux with glibc 2.28, the oldest that is still maintained."""
    oldest = 5 if machine == "x86_64" else 17
    legacy = {17: "2014", 12: "2010", 5: "1"}
    found = []
    for minor in range(28, oldest - 1, -1):
        found.append(f"manylinux_2_{minor}_{machine}")
        if minor in legacy:
            found.append(f"manylinux{legacy[minor]}_{machine}")
    return [*found, f"linux_{machine}"]


def _musl(machine: str) -> list[str]:
    return [*(f"musllinux_1_{minor}_{machine}" for minor in (2, 1, 0)), f"linux_{machine}"]


# The first that agrees with what is bound is taken.
PRESETS: Mapping[str, _Preset] = {
    "linux-x86_64": _Preset(_LINUX, "x86_64", lambda: _glibc("x86_64")),
    "linux-aarch64": _Preset(_LINUX, "aarch64", lambda: _glibc("aarch64")),
    "macos-arm64": _Preset(_MACOS, "arm64", lambda: mac_platforms((14, 0), "arm64")),
    "macos-x86_64": _Preset(_MACOS, "x86_64", lambda: mac_platforms((14, 0), "x86_64")),
    "windows-amd64": _Preset(_WINDOWS, "AMD64", lambda: ["win_amd64"]),
    "windows-arm64": _Preset(_WINDOWS, "ARM64", lambda: ["win_arm64"]),
    "musl-x86_64": _Preset(_LINUX, "x86_64", lambda: _musl("x86_64")),
    "musl-aarch64": _Preset(_LINUX, "aarch64", lambda: _musl("aarch64")),
}
"""Platforms by the name that stands in a proof target's name."""


def proof_targets(
    targets: Targets, environment: Environment, today: date
) -> tuple[tuple[ProofTarget, ...], tuple[str, ...]]:
    """The proof targets of a configuration, and the targets for which there is none.

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
    """The proof target with this name, such as "3.13 musl-x86_64". Raises ValueError."""
    minor, _, preset = name.partition(" ")
    if minor not in _MINORS or preset not in PRESETS:
        raise ValueError(
            f'"{name}" is not a proof target: allowed are a Python minor version and a platform, '
            f'such as "3.13 linux-x86_64"; platforms are {", ".join(PRESETS)}'
        )
    return _made(minor, preset, {})


def _preset(target: Target) -> str | None:
    values = target.values
    if any(values.get(name, value) != value for name, value in _IMPLEMENTATION.items()):
        return None
    for name, preset in PRESETS.items():
        has = {**dict(zip(_VALUES, preset.values, strict=True)), "platform_machine": preset.machine}
        if all(values.get(key, has[key]) == has[key] for key in _PLATFORMS_ONLY):
            return name
    return None


def _made(minor: str, name: str, values: Mapping[str, str]) -> ProofTarget:
    preset = PRESETS[name]
    full = values.get("python_full_version") or _MINORS.get(minor, (None, f"{minor}.0"))[1]
    environment = {
        **dict(zip(_VALUES, preset.values, strict=True)),
        **_IMPLEMENTATION,
        "platform_machine": preset.machine,
        "implementation_version": full,
        **values,
        "python_version": minor,
        "python_full_version": full,
    }
    shown = full if "python_full_version" in values else minor
    return ProofTarget(f"{shown} {name}", environment, _tags(minor, list(preset.platforms())))


def _tags(minor: str, platforms: list[str]) -> dict[Tag, int]:
    """The tags of an ordinary build of CPython on these platforms, with their rank."""
    python = tuple(map(int, minor.split(".")))
    nodot = minor.replace(".", "")
    # Up to 3.7 the ABI names pymalloc; 2.7 is built with wide Unicode on Linux.
    flag = "" if python >= (3, 8) else "m" if python >= (3, 3) else "mu"
    ordered = [
        *cpython_tags(python, [f"cp{nodot}{flag}"], platforms),
        *compatible_tags(python, f"cp{nodot}", platforms),
    ]
    return {tag: rank for rank, tag in reversed([*enumerate(ordered)])}
