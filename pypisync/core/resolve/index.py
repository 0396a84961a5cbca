"""What an index offers, for any machine: the vocabulary of proofs.

There are two kinds of index: the mirror's pages with their files, and the part of upstream that the
configuration keeps, with the masks of the proof targets that its files serve. The facts of the
second kind may be incomplete: a question that depends on missing facts raises :class:`Lacking`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct, field
from packaging.tags import Tag

from pypisync.core.environments.misfits import TaggedFile
from pypisync.core.standards.model import ENDPOINT, Requirement
from pypisync.core.standards.requires_python import Installer


class ListedFile(Struct, frozen=True):
    """A file on a page."""

    filename: str
    path: str  # relative to the published tree
    sha256: str
    size: int  # bytes
    tags: frozenset[Tag] | None  # None: an sdist
    requires_python: str | None
    yanked: bool
    # Requires-Python of its METADATA, where that says another than the page; "": none
    inside: str | None = None
    refused_by: tuple[Installer, ...] = ()  # for what its METADATA says
    foreign: bool = False  # METADATA is of another project or version: pip tries the next file
    reason: bool = False  # its yank states one


NO_FILE = ListedFile("", "", "", 0, None, None, yanked=False)


class ListedRelease(Struct, frozen=True):
    """A release that an index lists, and what it needs."""

    name: str  # normalised
    version: str
    key: bytes  # sorts as PEP 440
    prerelease: bool
    files: tuple[ListedFile, ...]
    needs: tuple[Requirement, ...]
    known: bool = True  # False: no source states what it needs
    # Where its files are not given: the proof targets that see one of its files and the
    # environments that it admits, by masks, yanked files left out and included.
    serves: tuple[int, int] | None = None
    # and the environments where some installer may pass over it
    admits: tuple[int, int, int] = (0, 0, 0)
    passed: tuple[int, int] = (0, 0)  # the proof targets on which pip and uv pass over it
    unseen: int = 0  # of pip's, those on which pip sees no file of it
    outside: int = 0  # of uv's, those on which the file that uv takes wants another Python
    yanked: tuple[int, int] = (0, 0)  # those on which only this one of pip and uv sees it yanked
    pinned: int = 0  # those on which uv decides otherwise on it if a root pins it
    root_pins: bool = False  # one does: to uv none of its files is yanked
    built: int = 0  # the proof targets on which an installer builds its sdist
    build: tuple[Requirement, ...] = ()  # what that needs
    id: int = 0
    unread: bool = False  # what it needs has still to be read


class OfferedFile(NamedTuple):
    """A file of an index, whether the mirror keeps it or not, for refutations to be explained."""

    version: str
    file: TaggedFile


class Lacking(Exception):  # noqa: N818 - it is no error: the facts are fetched, and it goes on
    """The result depends on facts that have still to be read from upstream."""

    def __init__(self, projects: Iterable[str] = (), releases: Iterable[int] = ()) -> None:
        super().__init__()
        self.projects = frozenset(projects)
        self.releases = frozenset(releases)


class Offers(Struct):
    """What an index offers: releases by project, the oldest first.

    A project that is missing has none; one that is ``unseen`` has still to be read, and one that is
    ``lost`` cannot be, for a reason.
    """

    releases: dict[str, Sequence[ListedRelease]] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)
    lost: dict[str, str] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)  # by project, where that is known
    # All files of a project; None: those of its releases.
    look_up: Callable[[str], Sequence[OfferedFile]] | None = None
    _asked: dict[str, set[str]] = field(default_factory=dict)

    def get(self, name: str) -> Sequence[ListedRelease]:
        """Returns the releases of a project. Raises Lacking."""
        if name in self.unseen:
            raise Lacking(projects=[name])
        return self.releases.get(name, ())

    def place(self, name: str) -> str:
        """Returns words for the index that a project is from; "" for the endpoint's."""
        index = self.indexes.get(name, "")
        return "" if index in ("", ENDPOINT) else f" on the index {index}"

    def files(self, name: str) -> Sequence[OfferedFile]:
        """Returns all files of a project, also those that no target can use, the oldest first."""
        if self.look_up is not None:
            return self.look_up(name)
        return [
            OfferedFile(release.version, TaggedFile(file.tags, (file.requires_python, file.inside)))
            for release in self.releases.get(name, ())
            for file in release.files
        ]

    def asked(self, name: str) -> set[str]:
        """Returns all known specifiers by which a release requires a project."""
        if not self._asked:
            for releases in self.releases.values():
                for release in releases:
                    for need in release.needs:
                        self._asked.setdefault(need.name, set()).add(need.specifier)
        return self._asked.get(name, set())
