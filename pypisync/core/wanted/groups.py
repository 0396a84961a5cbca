"""A group: what one file of requirements or one lock file asks for, together.

A group that is resolved holds requirements and constraints; one that is not holds pins: releases,
and which of their files. How a file becomes a group is left to the readers of each format.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from msgspec import Struct, field
from packaging.specifiers import SpecifierSet

from pypisync.core.display import masked
from pypisync.core.standards import versions
from pypisync.core.standards.model import Requirement
from pypisync.core.wanted.roots import NamedFile, Origin, Root

Asked: TypeAlias = tuple[Requirement, ...]
"""What an installer is asked for at once: one root, or all of a group; no marker counts."""

_GROUP = "group "  # what the text of a subject begins with that a group is

MOST_PINS = 50_000  # releases of one lock file; real ones have a few thousand
MOST_FILES = 500_000


class Locked(Struct, frozen=True):
    """A release that a lock file names. No files: those that the configuration keeps of it."""

    name: str  # normalised
    version: str  # normalised
    files: tuple[NamedFile, ...] = ()


class Group(Struct, frozen=True):
    """One file of the configuration's ``requirements``."""

    name: str  # the file, as the configuration spells it
    resolve: bool  # whether what the requirements need is mirrored as well
    requirements: tuple[Requirement, ...] = ()  # with their markers; of a resolved group
    constraints: tuple[Requirement, ...] = ()
    locked: tuple[Locked, ...] = ()  # of a group that is not resolved
    notes: tuple[str, ...] = ()  # lines of the file that have no effect on a mirror


class TextFile(NamedTuple):
    """A file that was read."""

    name: str  # how faults name it
    key: str  # the same for the same file, however it was named
    text: str


Reader = Callable[[str, TextFile], TextFile]
"""Reads the file that another file names. Raises ValueError with the reason if it cannot."""


class Fault(NamedTuple):
    """Something that is wrong in a file, and what is allowed instead."""

    file: str
    line: int
    what: str
    allowed: str

    def __str__(self) -> str:
        what = masked(self.what)
        what = what if len(what) <= 80 else what[:77] + "..."
        said = f'{self.file}:{self.line}: "{what}": {self.allowed}'  # which may quote the file too
        return "".join(c if c.isprintable() else "?" for c in said)


class Remarks(Struct):
    """Faults and notes of reading a file."""

    faults: list[Fault] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)

    def fault(self, source: TextFile, line: int, what: str, allowed: str) -> None:
        """Add a fault."""
        self.faults.append(Fault(source.name, line, what, allowed))

    def note(self, source: TextFile, line: int, what: str) -> None:
        """Add a note on a line without effect."""
        self.notes.setdefault(f"{source.name}:{line}: {what}")


def merged(pins: list[Locked]) -> tuple[Locked, ...]:
    """Returns the pins by name and version, each once, with all files that are named for it."""
    files: dict[tuple[str, str], dict[NamedFile, None]] = {}
    for pin in pins:
        files.setdefault((pin.name, pin.version), {}).update(dict.fromkeys(pin.files))
    return tuple(Locked(*key, tuple(files[key])) for key in sorted(files))


def roots_of(group: Group) -> Iterator[Root]:
    """Yields the roots that a group makes, each looked at by itself.

    A requirement also gets the specifiers of the constraints and other requirements on its project
    that hold wherever it applies. A proof decides whether all of them can hold together.
    """
    maker = (Origin.GROUP, group.name)
    said: dict[str, list[Requirement]] = {}
    for one in (*group.requirements, *group.constraints):
        said.setdefault(one.name, []).append(one)
    for one in group.requirements:
        here = [each for each in said[one.name] if each.marker in ("", one.marker)]
        yield Root(one.name, _selector(here), one.extras, *maker, marker=one.marker)
    for pin in group.locked:
        yield Root(pin.name, pin.version, (), *maker, pinned=True, files=pin.files)


def _selector(requirements: list[Requirement]) -> str:
    """Returns the newest version that meets them all; an exact one if one of them names it."""
    specifiers = {each for one in requirements for each in SpecifierSet(one.specifier)}
    for each in sorted(specifiers, key=str):
        exact = versions.parse(each.version) if each.operator in ("==", "===") else None
        if exact is not None:
            return str(exact)
    return "latest" + ",".join(sorted(map(str, specifiers)))


class Subject(Struct, frozen=True):
    """Requirements that are wanted together, and their constraints; both with markers."""

    text: str  # the requirement, or "group " and the file
    wanted: Asked
    constraints: Asked = ()


def group_text(name: str) -> str:
    """Returns the text of the subject that the group of this name is."""
    return f"{_GROUP}{name}"


def of_group(group: Group) -> Subject:
    """Returns the subject that a group is, which is resolved."""
    return Subject(group_text(group.name), group.requirements, group.constraints)


def of_root(root: Requirement) -> Subject:
    """Returns the subject that a root is, as an installer would be asked for it."""
    return Subject(root.text, (root,))


def limits(constraints: Iterable[Requirement]) -> dict[str, Asked]:
    """Returns constraints that apply, by project."""
    found: dict[str, Asked] = {}
    for need in constraints:
        found[need.name] = (*found.get(need.name, ()), need)
    return found


def means(given: str, text: str) -> bool:
    """Returns whether a text names this subject: by itself, a group's file or a project."""
    if text.startswith(_GROUP):
        return given in (text, text.removeprefix(_GROUP))
    wanted = "".join(given.split()).lower()
    name = text
    for cut in "[<>=!~":
        name = name.partition(cut)[0]
    return wanted == text or wanted.replace("_", "-").replace(".", "-") == name
