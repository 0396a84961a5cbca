"""On which targets a wheel can be installed, by its tags.

Follows the platform compatibility tags specification (PEP 425, PEP 600, PEP 656) as
``packaging.tags`` implements it, for the target and never for the machine that asks. What a
target leaves open counts if some value of it fits; the interpreter is an ordinary build, so that
free-threaded and debug ABIs never count. How old a libc or a macOS may be is not a variable of an
environment, so any floor fits where
the target names no libc. ``Requires-Python`` is left to the environments.
"""

import re
from collections.abc import Mapping
from functools import lru_cache, partial

from msgspec import Struct
from packaging.tags import Tag, compatible_tags, cpython_tags

from pypisync.core.environments.platforms import IMPLEMENTATIONS, PLATFORMS
from pypisync.core.environments.targets import PerTargets
from pypisync.core.standards.model import Target, Targets

_SHORT_NAMES = {"cpython": "cp", "pypy": "pp", "jython": "jy", "ironpython": "ip"}
_INTERPRETER = re.compile(r"([a-z_]+?)([0-9]+)")
_SHAPES = tuple(
    (sys_platform, re.compile(pattern))
    for sys_platform, pattern in (
        ("linux", r"(?:linux|manylinux(?:1|2010|2014|_\d+_\d+)|musllinux_\d+_\d+)_(\w+)"),
        ("darwin", r"macosx_\d+_\d+_(\w+)"),
        ("win32", r"win_?(\w+)"),
        ("android", r"android_\d+_(\w+)"),
        ("ios", r"ios_\d+_\d+_(\w+)"),
        ("emscripten", r"(?:emscripten|pyemscripten|pyodide)_[\d_]+_(\w+)"),
    )
)
_LIBC = re.compile(r"(manylinux|musllinux)(?:(1|2010|2014)|_(\d+)_(\d+))_")
# The glibc that the older names ask for (PEP 600).
LEGACY_GLIBC: Mapping[str, tuple[int, int]] = {"1": (2, 5), "2010": (2, 12), "2014": (2, 17)}
# The values of platform_machine for a tag's architecture, where they are not its own name.
_MACHINES: dict[tuple[str, str], frozenset[str]] = {
    (sys_platform, architecture): frozenset(machines.split())
    for sys_platform, architecture, machines in (
        ("linux", "i686", "i386 i586 i686"),
        ("linux", "armv7l", "armv7l armv8l"),
        ("win32", "32", "x86"),
        ("darwin", "universal2", "arm64 x86_64"),
        ("darwin", "universal", "i386 ppc ppc64 x86_64"),
        ("darwin", "intel", "i386 x86_64"),
        ("darwin", "fat", "i386 ppc"),
        ("darwin", "fat3", "i386 ppc x86_64"),
        ("darwin", "fat64", "ppc64 x86_64"),
        ("android", "arm64_v8a", "aarch64"),
        ("android", "armeabi_v7a", "armv7l armv8l"),
        ("android", "x86", "i686"),
    )
}


def usable_mask(tags: frozenset[Tag] | None, targets: Targets) -> int:
    """Returns the targets whose tags fit the file; an sdist (None) fits every platform."""
    return targets.mask if tags is None else tag_mask(targets, tags)


def tag_mask(targets: Targets, tags: frozenset[Tag]) -> int:
    """Returns the targets on which a wheel with these tags installs for some open variables."""
    return _masks(targets)(tags)


class _Profile(Struct, frozen=True):
    """What a target admits, as far as tags can tell."""

    nodot: str  # "311"
    native: frozenset[tuple[str, str]]  # interpreter and ABI, for the platform's own wheels
    anywhere: frozenset[tuple[str, str]]  # the same for platform "any"
    interpreters: frozenset[str]  # short names without a list of their own: "pp", "graalpy"
    sys_platforms: frozenset[str]  # those of the known platforms that fit
    values: Mapping[str, str]
    libc: str  # see Target

    def admits(self, tag: Tag) -> bool:
        pair = (tag.interpreter, tag.abi)
        if tag.platform == "any":
            return pair in self.anywhere
        return (pair in self.native or self._runs(*pair)) and self._has(tag.platform)

    def _runs(self, interpreter: str, abi: str) -> bool:
        """Returns whether a Python other than CPython loads this ABI."""
        match = _INTERPRETER.fullmatch(interpreter)
        if not match or match[1] not in self.interpreters or match[2] != self.nodot:
            return False
        # PyPy's own ABI ("pp73") moves without its Python's; old wheels name only the former.
        pypy = re.fullmatch(rf"none|pypy({self.nodot})?_\w+", abi)
        return match[1] != "pp" or pypy is not None

    def _has(self, platform: str) -> bool:
        sys_platform, architecture = _split(platform)
        if not architecture:
            return sys_platform in self.sys_platforms or self._resembles(sys_platform)
        machine = self.values.get("platform_machine")
        if sys_platform not in self.sys_platforms or not _runs_on(self.libc, platform):
            return False
        if machine is None or sys_platform == "ios":  # a device reports its model there
            return True
        own = frozenset((architecture,))
        return machine.lower() in _MACHINES.get((sys_platform, architecture), own)

    def _resembles(self, word: str) -> bool:
        """Returns whether this may be a platform that the tables do not know, such as FreeBSD."""
        given = (self.values.get(name) for name in ("sys_platform", "platform_system"))
        return PLATFORMS.outside(self.values) and all(
            value is None or value.lower().startswith(word) for value in given
        )


def _runs_on(libc: str, platform: str) -> bool:
    """Returns whether a Linux with this libc runs a wheel for this platform tag."""
    kind, _, version = libc.partition("-")
    asked = _LIBC.match(platform)
    if not kind or asked is None:  # a plain "linux" tag promises nothing
        return True
    many, old, major, minor = asked.groups()
    floor = LEGACY_GLIBC[old] if old else (int(major), int(minor))
    have = tuple(map(int, version.split("."))) if version else floor
    return (kind == "glibc") == (many == "manylinux") and floor <= have


@lru_cache(maxsize=4096)
def _split(platform: str) -> tuple[str, str]:
    """Returns the ``sys_platform`` and the architecture of a platform tag.

    For a tag of another kind it returns the first word.
    """
    for sys_platform, pattern in _SHAPES:
        if match := pattern.fullmatch(platform):
            return sys_platform, match[1]
    return platform.partition("_")[0], ""


def _profile(target: Target) -> _Profile:
    major, minor = map(int, target.minor.split("."))
    values = target.values
    names = {row[0] for row in IMPLEMENTATIONS.matching(values)}
    if not names:
        names = {values.get("implementation_name", "")} - {""}
    pairs = [(t.interpreter, t.abi, t.platform) for t in _tags(major, minor, names)]
    sys_platforms = {row[1] for row in PLATFORMS.matching(values)}
    return _Profile(
        nodot=f"{major}{minor}",
        native=frozenset(pair[:2] for pair in pairs if pair[2] != "any"),
        anywhere=frozenset(pair[:2] for pair in pairs if pair[2] == "any"),
        interpreters=frozenset(_SHORT_NAMES.get(name, name) for name in names - {"cpython"}),
        sys_platforms=frozenset("linux" if name == "linux2" else name for name in sys_platforms),
        values=values,
        libc=target.libc,
    )


def _tags(major: int, minor: int, names: set[str]) -> set[Tag]:
    """Returns the tags of these implementations, for one platform that stands for all."""
    python, nodot = (major, minor), f"{major}{minor}"
    platforms = ["native"]
    found = set(compatible_tags(python, "pp3" if "pypy" in names else None, platforms))
    if "cpython" in names:
        # Up to 3.7 the ABI names pymalloc, up to 3.2 also the width of Unicode.
        flags = ("",) if python >= (3, 8) else ("m",) if python >= (3, 3) else ("m", "mu")
        abis = [f"cp{nodot}{flag}" for flag in flags]
        found.update(compatible_tags(python, f"cp{nodot}", platforms))
        found.update(cpython_tags(python, abis, platforms))
    return found


def _mask(profiles: tuple[_Profile, ...], tags: frozenset[Tag]) -> int:
    return sum(1 << i for i, profile in enumerate(profiles) if any(map(profile.admits, tags)))


# A set of tags comes back with every release, so each is looked at once.
_masks = PerTargets(
    lambda targets: lru_cache(maxsize=100_000)(partial(_mask, tuple(map(_profile, targets.all))))
)
