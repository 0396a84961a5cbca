"""Why none of some files can be used on a machine: the files' tags held against the machine's.

Tags as in the platform compatibility tags specification (PEP 425, PEP 600, PEP 656). Of many wheels
those are told of that come nearest: an older libc is nearer than another operating system.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec import Struct
from packaging.tags import Tag

from pypisync.core.environments.proof_targets import ProofTarget
from pypisync.core.environments.wheel_tags import LEGACY_GLIBC
from pypisync.core.standards.requires_python import INSTALLERS, admits

_PLATFORM = re.compile(
    r"(manylinux|musllinux|macosx|linux|win)(1|2010|2014)?(?:_([0-9]+)_([0-9]+))?_?(\w+)"
)
_SYSTEMS = {"manylinux": "glibc", "musllinux": "musl", "macosx": "macOS"}
_OS = {"glibc": "Linux", "musl": "Linux", "linux": "Linux", "macOS": "macOS", "win": "Windows"}
_ARCHITECTURES = {
    "universal2": ("x86_64", "arm64"),
    **dict.fromkeys(("intel", "universal", "fat3", "fat64"), ("x86_64",)),
}
_BARE = {"32": "x86"}  # of "win32"
_SHOWN = 3  # values in one line
_KEPT_MACHINES = 100


class TaggedFile(Struct, frozen=True):
    """A file that an index offers."""

    tags: frozenset[Tag] | None  # None: an sdist
    requires_python: tuple[str | None, ...] = ()  # as the page and as METADATA say it
    left_out: str = ""  # why the mirror does not keep it, whatever its tags


class _TagPlatform(NamedTuple):
    """A platform tag, taken apart; a kind such as "freebsd" is its own operating system."""

    kind: str  # glibc, musl, macOS, win, linux
    version: tuple[int, ...]  # of the libc or of macOS; (): any
    machine: str

    @property
    def system(self) -> str:
        return _OS.get(self.kind, self.kind)

    @property
    def release(self) -> str:
        return f"{self.kind} {'.'.join(map(str, self.version))}"


class _Obstacle(NamedTuple):
    """One thing that keeps a file from a machine; the nearest sorts first."""

    rank: int
    kind: str  # obstacles of one kind are told together
    needs: str
    has: str
    order: tuple[int, ...] = ()  # among its kind: the smallest is what has to be had


def why_unusable(files: Iterable[TaggedFile], target: ProofTarget) -> str:
    """Returns why the target can use none of the files; "" if there is no file or one that fits.

    Such as "its wheels need glibc 2.34, the target has 2.28".
    """
    machine = _machine(target)
    wheels: list[tuple[_Obstacle, ...]] = []
    sdists: list[tuple[_Obstacle, ...]] = []
    for file in files:
        found = machine.obstacles(file)
        if not found:
            return ""
        (sdists if file.tags is None else wheels).append(found)
    said = [
        _said(subject, found)
        for subject, found in (("its wheels", wheels), ("its sdists", sdists))
        if found
    ]
    if sdists and not wheels:
        said[0] = f"it has no wheel, and {said[0]}"
    return "; ".join(said)


def _said(subject: str, found: list[tuple[_Obstacle, ...]]) -> str:
    """Returns in words what keeps the nearest of these files from the target."""
    nearest = min(_distance(some) for some in found)
    near = [some for some in found if _distance(some) == nearest]
    parts = []
    for at in range(len(near[0])):
        several = sorted({some[at] for some in near}, key=_natural)
        if several[0].order:  # the oldest that would do
            several = several[:1]
        parts.append(_part(several))
    return f"{subject} {' and '.join(parts)}"


def _natural(one: _Obstacle) -> tuple[tuple[int, ...], str, list[int]]:
    """Returns what an obstacle is sorted by: 3.9 comes before 3.10."""
    words = re.sub(r"[0-9]+", "", one.needs)
    return one.order, words, list(map(int, re.findall(r"[0-9]+", one.needs)))


def _distance(obstacles: Iterable[_Obstacle]) -> tuple[int, tuple[tuple[int, str], ...]]:
    kinds = tuple((one.rank, one.kind) for one in obstacles)
    return sum(4**rank for rank, _ in kinds), kinds


def _part(several: list[_Obstacle]) -> str:
    needs = [one.needs for one in several]
    more = f" and {len(needs) - _SHOWN} more" if len(needs) > _SHOWN else ""
    listed = ", ".join(needs[:_SHOWN]) + more
    first = several[0]
    return f"{first.kind} {listed}{first.has and f', the target {first.has}'}"


class _Machine:
    """What a target has, as far as tags can tell."""

    def __init__(self, target: ProofTarget) -> None:
        self._target = target
        self._python = target.environment["python_full_version"]
        self._minor = target.environment["python_version"]
        self._platforms = {tag.platform for tag in target.tags}
        self._pairs = {(tag.interpreter, tag.abi) for tag in target.tags}
        parsed = [one for one in map(_parsed, sorted(self._platforms - {"any"})) if one]
        self._own = max(parsed, key=lambda one: (one.kind != "linux", one.version))
        self._architecture = target.environment["platform_machine"].lower()
        self._free = any(tag.abi.endswith("t") for tag in target.tags if tag.abi[:2] == "cp")

    def obstacles(self, file: TaggedFile) -> tuple[_Obstacle, ...]:
        """Returns what keeps the file from the target, the nearest first; () if it fits."""
        found = list(self._pythons(file.requires_python))
        if file.tags is not None and not any(tag in self._target.tags for tag in file.tags):
            found += min((self._tag(tag) for tag in sorted(file.tags, key=str)), key=_distance)
        elif not found and file.left_out:
            found.append(_Obstacle(0, "are left out by", file.left_out, ""))
        return tuple(sorted(found))

    def _pythons(self, texts: Iterable[str | None]) -> Iterator[_Obstacle]:
        for text in dict.fromkeys(filter(None, texts)):
            if not any(admits(by, text, self._python) for by in INSTALLERS):
                yield _Obstacle(2, "need Python", text, f"has {self._python}")
                return

    def _tag(self, tag: Tag) -> tuple[_Obstacle, ...]:
        found = [*self._platform(tag.platform)]
        if (tag.interpreter, tag.abi) not in self._pairs:
            found.append(self._interpreter(tag))
        if not found:  # each part fits, but not together
            found.append(_Obstacle(3, "have the tag", str(tag), "does not accept it"))
        return tuple(sorted(found))

    def _interpreter(self, tag: Tag) -> _Obstacle:
        own = f"CPython {self._minor}{' (free-threaded)' if self._free else ''}"
        free = tag.abi[:2] == "cp" and tag.abi.endswith("t")
        asked = _interpreter(tag) + (" (free-threaded)" * free)
        if asked == own:  # built otherwise, such as with narrow Unicode
            abis = sorted({abi for by, abi in self._pairs if by == tag.interpreter} - {"none"})
            return _Obstacle(2, "need the ABI", tag.abi, f"has {', '.join(abis)}")
        return _Obstacle(2, "are for", asked, f"has {own}")

    def _platform(self, text: str) -> Iterator[_Obstacle]:
        if text in self._platforms or text == "any":
            return
        own, asked = self._own, _parsed(text)
        if asked is None or asked.system != own.system:
            name = text if asked is None else asked.system
            yield _Obstacle(4, "are for", name, f"is {own.system}")
            return
        if asked.kind != own.kind and "linux" not in (asked.kind, own.kind):
            yield _Obstacle(1, "need", asked.kind, f"has {own.kind}")
        elif own.version < asked.version:
            has = ".".join(map(str, own.version))
            yield _Obstacle(0, "need", asked.release, f"has {has}", asked.version)
        if self._architecture not in _ARCHITECTURES.get(asked.machine, (asked.machine,)):
            yield _Obstacle(
                3, "are for", _BARE.get(asked.machine, asked.machine), f"has {self._architecture}"
            )


_machines: dict[int, _Machine] = {}


def _machine(target: ProofTarget) -> _Machine:
    """Returns what a target has: found out once, since it has a thousand tags.

    What is kept keeps its target alive, so an identity is never taken for another's.
    """
    found = _machines.get(id(target))
    if found is None:
        if len(_machines) >= _KEPT_MACHINES:
            _machines.clear()
        found = _machines[id(target)] = _Machine(target)
    return found


def _parsed(text: str) -> _TagPlatform | None:
    match = _PLATFORM.fullmatch(text)
    if match is None:
        return None
    word, old, major, minor, machine = match.groups()
    version = LEGACY_GLIBC[old] if old else (int(major), int(minor)) if major else ()
    return _TagPlatform(_SYSTEMS.get(word, word), version, machine)


def _interpreter(tag: Tag) -> str:
    match = re.fullmatch(r"([a-z]+)([0-9])([0-9]*)", tag.interpreter)
    if match is None:
        return tag.interpreter
    names = {"cp": "CPython", "pp": "PyPy", "py": "Python"}
    version = match[2] + (f".{match[3]}" if match[3] else "")
    newer = " or newer" if tag.abi == "abi3" else ""
    return f"{names.get(match[1], match[1])} {version}{newer}"
