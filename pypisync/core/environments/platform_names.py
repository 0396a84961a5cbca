"""Platforms by one short name each, and which values of marker variables are known.

"linux-x86_64", "linux-x86_64-glibc-2.28", "linux-x86_64-musl-1.2", "macos-arm64", "windows-amd64":
the values of ``sys_platform`` and ``platform_machine`` (PEP 508) and, on Linux, the libc that
wheels must be built for (PEP 600, PEP 656). The values that are known are those that Python gives
on platforms which can be met; any other one has to be asked for as "other:VALUE", since a value
that no machine has makes an empty mirror.
"""

import difflib
import re
from collections.abc import Mapping

from msgspec import Struct

from pypisync.core.environments.platforms import FAMILIES, PLATFORMS

OTHER = "other:"
_SYSTEMS = {"linux": "linux", "macos": "darwin", "windows": "win32"}
_MACHINES: Mapping[str, Mapping[str, str]] = {
    "linux": {
        name: name
        for name in ("x86_64", "aarch64", "i686", "armv7l", "ppc64le", "s390x", "riscv64")
    },
    "macos": {"arm64": "arm64", "x86_64": "x86_64"},
    "windows": {"amd64": "AMD64", "arm64": "ARM64", "x86": "x86"},
}
_NAME = re.compile(r"([a-z]+)-(\w+)(?:-(.*))?")
_LIBC = re.compile(r"(glibc|musl)(?:-([0-9]{1,2})\.([0-9]{1,2}))?")
# The oldest that wheels are built for (PEP 513, PEP 656). Newer ones come every year, but always
# with the same first number: so any later second number is allowed.
_OLDEST = {"glibc": (2, 5), "musl": (1, 1)}

# What platform.machine() gives by sys.platform. A machine that stands under other platforms only
# is none of this one: Windows says AMD64 where Linux and macOS say x86_64.
_BY_SYSTEM: Mapping[str, frozenset[str]] = {
    "linux": frozenset(
        (
            *("x86_64", "aarch64", "i386", "i486", "i586", "i686", "armv5tel", "armv6l", "armv7l"),
            *("armv8l", "ppc64le", "ppc64", "ppc", "s390x", "riscv64", "loongarch64", "mips"),
            *("mips64", "sparc64"),
        )
    ),
    "darwin": frozenset(("x86_64", "arm64", "i386", "ppc", "ppc64")),
    "win32": frozenset(("AMD64", "ARM64", "x86")),
}
_FURTHER: Mapping[str, frozenset[str]] = {
    "os_name": frozenset(("java",)),
    "sys_platform": frozenset(("cygwin", "wasi", "msys")),
    "platform_system": frozenset(("FreeBSD", "NetBSD", "OpenBSD", "Java")),
    "platform_machine": frozenset().union(*_BY_SYSTEM.values(), ("wasm32", "wasm64")),
    "implementation_name": frozenset(("micropython",)),
}
_ALIASES = {
    **dict.fromkeys(("windows", "win64", "win"), "win32"),
    **dict.fromkeys(("macos", "macosx", "osx"), "darwin"),
    "x64": "x86_64",
}
_SYSTEM_WORDS = {
    **dict.fromkeys(("win", "win32", "win64"), "windows"),
    **dict.fromkeys(("darwin", "macosx", "osx", "mac"), "macos"),
}
# What one system calls a machine is not what another calls it.
_MACHINE_WORDS: Mapping[str, Mapping[str, str]] = {
    "linux": {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "x86": "i686"},
    "macos": {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64"},
    "windows": {"x86_64": "amd64", "x64": "amd64", "aarch64": "arm64", "i686": "x86"},
}
_NUMBERED = re.compile(r"(?:freebsd|netbsd|openbsd|dragonfly|java|aix|sunos)[0-9._]*")


class Platform(Struct, frozen=True):
    """A platform that is asked for by its short name."""

    name: str
    values: Mapping[str, str]  # of sys_platform and platform_machine
    libc: str = ""  # "glibc", "glibc-2.28", "musl", "musl-1.2"; "" where there is no choice


def platform(text: str) -> Platform:
    """Returns the platform of this name. Raises ValueError."""
    found = _NAME.fullmatch(text)
    system, machine, libc = found.groups() if found else ("", "", None)
    known = _MACHINES.get(system, {})
    if machine not in known:
        names = [f"{one}-{name}" for one, machines in _MACHINES.items() for name in machines]
        near = _near(_reworded(text), names)
        raise ValueError(
            f'"{text}" is not a platform{near}; allowed are {", ".join(names)}; on '
            "Linux also the libc, and its version, that wheels may ask for, such as "
            '"linux-x86_64-glibc-2.28" or "linux-x86_64-musl"'
        )
    values = {"sys_platform": _SYSTEMS[system], "platform_machine": known[machine]}
    if libc is not None:
        _check_libc(text, system, libc)
    return Platform(text, values, libc or ("glibc" if system == "linux" else ""))


def _check_libc(text: str, system: str, libc: str) -> None:
    """Raise ValueError unless a machine of this system can have this libc."""
    found = _LIBC.fullmatch(libc)
    if system != "linux":
        raise ValueError(f'"{text}": only on Linux is there a choice of libc; leave out "-{libc}"')
    if found is None:
        raise ValueError(
            f'"{text}": "{libc}" is no libc; write glibc or musl, alone or with its version, such '
            'as "glibc-2.28" or "musl-1.2"'
        )
    name, major, minor = found.groups()
    first, second = _OLDEST[name]
    if major and not (int(major) == first and int(minor) >= second):
        raise ValueError(
            f'"{text}": there are no wheels for {name} {major}.{minor}; its versions are '
            f"{first}.{second}, {first}.{second + 1} and so on"
        )


def _reworded(text: str) -> str:
    """Returns a name with the words for its system and machine that names of platforms have."""
    system, _, rest = text.lower().replace("win_", "win-", 1).partition("-")
    machine, *libc = rest.replace("x86-64", "x86_64").split("-")
    system = _SYSTEM_WORDS.get(system, system)
    return "-".join((system, _MACHINE_WORDS.get(system, {}).get(machine, machine), *libc))


def known_value(variable: str, text: str) -> str:
    """Returns the value that ``text`` stands for in a marker variable. Raises ValueError.

    A value of a variable with a known range that is not in it must be written as "other:VALUE".
    """
    known = _known(variable)
    if text.startswith(OTHER) and known:
        return text.removeprefix(OTHER)
    numbered = variable == "sys_platform" and _NUMBERED.fullmatch(text)
    if not known or text in known or numbered:
        return text
    raise ValueError(
        f'"{text}" is no value of {variable} that is known{_near(text, sorted(known))}; '
        f'write "{OTHER}{text}" if it is meant'
    )


def possible(values: Mapping[str, str]) -> bool:
    """Returns whether a machine may have these values of the platform and of its machine."""
    machine = values.get("platform_machine")
    if machine is None or not any(machine in known for known in _BY_SYSTEM.values()):
        return True
    systems = {row[1] for row in PLATFORMS.matching(values)}
    known = [_BY_SYSTEM.get("linux" if name == "linux2" else name) for name in systems]
    return not known or any(one is None or machine in one for one in known)


def _known(variable: str) -> frozenset[str]:
    found = _FURTHER.get(variable, frozenset())
    for family in FAMILIES:
        if variable in family.variables:
            found |= family.known(variable)
    return found


def _near(text: str, known: list[str]) -> str:
    """Returns "; did you mean ...?", or nothing if there is nothing like it."""
    folded = {one.lower(): one for one in known}
    low = text.lower()
    meant = [_ALIASES[low]] if _ALIASES.get(low) in known else []
    near = meant or [folded[one] for one in difflib.get_close_matches(low, folded, 1)]
    return f'; did you mean "{near[0]}"?' if near else ""
