"""A folder of wheels and sdists on this machine, as an index.

Files directly in the folder count, if their names are those of wheels or sdists (PEP 427, PEP 625).
A link is left out and shown, for it may lead anywhere. There is no journal: a project's serial is a
fingerprint of its files' names, sizes and times, and is compared in every cycle. What a file says
of itself is read by the caller's ``describe``.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from hashlib import blake2b, file_digest
from os import DirEntry, scandir
from pathlib import Path
from stat import S_ISREG
from threading import Event, Lock
from typing import IO, Any, TypeVar
from urllib.parse import unquote

from msgspec import Struct
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from pypisync.core.standards.metadata import Metadata
from pypisync.core.standards.model import (
    Change,
    File,
    ProjectDocument,
    Skipped,
    Unchanged,
)
from pypisync.core.wanted.assignment import Assignment, Share
from pypisync.errors import Gone, Malformed, Unreachable
from pypisync.upstream.api import (
    AskFor,
    Deposit,
    FeedKind,
    FileAsk,
    PartsAsk,
    ProjectAsk,
    VulnerabilitiesAsk,
)
from pypisync.upstream.validators import stamped

_R = TypeVar("_R")
_CHUNK = 128 * 1024  # bytes read at a time


class _Entry(Struct, frozen=True):
    """A file in the folder, as it stands there now."""

    path: Path
    size: int
    changed: int  # nanoseconds
    plain: bool  # not a link, a folder or a device


class FolderUpstream:
    """The distributions in ``folder``.

    ``describe`` returns the core metadata of a wheel or sdist, None if an sdist has none, and
    raises Malformed or ValueError if it is damaged.
    """

    listing = True
    workers = 0
    kind: FeedKind = "serials"
    fault = ""

    def __init__(
        self, name: str, folder: Path, describe: Callable[[Path], Metadata | None]
    ) -> None:
        self.name = name
        self.assignment = Assignment([Share(name)])
        self._folder = folder
        self._describe = describe
        self._known: dict[_Entry, File | Skipped] = {}  # files are hashed once

    @property
    def feeds(self) -> tuple["FolderUpstream"]:
        """The one index."""
        return (self,)

    @property
    def address(self) -> str:
        """What the serials belong to: the folder."""
        return str(self._folder)

    def follow(self, kind: FeedKind, look: Collection[FeedKind]) -> None:
        """There is one way to read a folder."""

    def serial(self) -> int:
        """Returns no serial: there is no journal."""
        return 0

    def changes(self, since: int) -> Iterator[Change]:  # noqa: ARG002 - nothing is told
        """Yields nothing."""
        return iter(())

    def names(self) -> Mapping[str, int]:
        """Returns every project's normalised name and a fingerprint of its files.

        Raises Unreachable.
        """
        return {name: _fingerprint(entries) for name, entries in self._projects().items()}

    def begin(self, deposit: Deposit, halt: Event) -> Callable[[AskFor[Any]], Any]:  # noqa: ARG002 - a copy ends soon
        """Returns what answers one ask, one thread at a time. The folder is looked into once.

        No vulnerabilities are known, and requirements are read from the files themselves. Raises
        UpstreamError, StorageError.
        """
        lock = Lock()
        there = cache(self._projects)

        def answer(ask: AskFor[Any]) -> object:
            with lock:
                match ask:
                    case ProjectAsk():
                        return self._project(ask, there())
                    case FileAsk():
                        return self._there(ask, partial(_copy, deposit, ask))
                    case PartsAsk(file, read):
                        return self._there(file, partial(_peek, read))
            return () if isinstance(ask, VulnerabilitiesAsk) else None

        return answer

    def close(self) -> None:
        """Does nothing: nothing is open."""

    def _projects(self) -> dict[str, list[_Entry]]:
        """Returns the files by project. Raises Unreachable."""
        found: dict[str, list[_Entry]] = {}
        try:
            with scandir(self._folder) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    there = _entry(entry)
                    if there and (name := _project(entry.name)):
                        found.setdefault(name, []).append(there)
        except OSError as error:
            raise Unreachable(f"{self._folder}: {error.strerror}; check the folder") from error
        return found

    def _project(
        self, ask: ProjectAsk, there: Mapping[str, Collection[_Entry]]
    ) -> ProjectDocument | Unchanged:
        if ask.name not in there:
            raise Gone(f"{ask.name}: nothing of it is in {self._folder}")
        document = self._document(ask.name, there[ask.name])
        known = document.validators.digest == ask.validators.digest
        return Unchanged(ask.name, document.serial) if known else document

    def _document(self, name: str, entries: Collection[_Entry]) -> ProjectDocument:
        read = [self._read(entry) for entry in entries]
        return stamped(
            ProjectDocument(
                name=name,
                display=name,
                serial=_fingerprint(entries),
                files=tuple(one for one in read if isinstance(one, File)),
                skipped=tuple(one for one in read if isinstance(one, Skipped)),
                index=self.name,
            ),
            {},
        )

    def _read(self, entry: _Entry) -> File | Skipped:
        if entry not in self._known:
            self._known = {key: one for key, one in self._known.items() if key.path != entry.path}
            self._known[entry] = self._inspect(entry)
        return self._known[entry]

    def _inspect(self, entry: _Entry) -> File | Skipped:
        filename = entry.path.name
        if not entry.plain:
            return Skipped(filename, "a link, or no file; only files in the folder itself count")
        try:
            with entry.path.open("rb") as file:
                digest = file_digest(file, "sha256").hexdigest()
            told = self._describe(entry.path)
        except (Malformed, ValueError, OSError) as error:
            return Skipped(filename, f"not a readable distribution: {error}")
        moment = datetime.fromtimestamp(entry.changed // 10**9, UTC)
        return File(
            filename=filename,
            url=entry.path.absolute().as_uri(),
            sha256=digest,
            size=entry.size,
            uploaded=moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            requires_python=told.requires_python if told else None,
        )

    def _there(self, ask: FileAsk, work: Callable[[Path], _R]) -> _R:
        """Returns what is made of a file; it is only looked for in the folder itself."""
        try:
            return work(self._folder / Path(unquote(ask.url)).name)
        except FileNotFoundError:
            raise Gone(f"{unquote(ask.url)}: not there any more") from None
        except OSError as error:
            raise Unreachable(f"{unquote(ask.url)}: {error.strerror}") from error


def _peek(read: Callable[[str, IO[bytes]], bytes], place: Path) -> bytes:
    with place.open("rb") as file:
        return read(place.name, file)


def _copy(deposit: Deposit, ask: FileAsk, place: Path) -> None:
    part = deposit.part(ask)
    try:
        part.restart()
        with place.open("rb") as file:
            while chunk := file.read(_CHUNK):
                part.write(chunk)
        part.commit()
    finally:
        part.close()


def _entry(entry: DirEntry[str]) -> _Entry | None:
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    plain = S_ISREG(found.st_mode)
    return _Entry(Path(entry.path), found.st_size, found.st_mtime_ns, plain)


def _project(filename: str) -> str | None:
    """Returns the project that a filename names, if it is a wheel's or an sdist's."""
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[0]
        if filename.endswith((".tar.gz", ".zip")):
            return parse_sdist_filename(filename)[0]
    except ValueError:
        pass
    return None


def _fingerprint(entries: Iterable[_Entry]) -> int:
    """Returns a number that is another one if files come, go or change; never 0."""
    listed = repr([(entry.path.name, entry.size, entry.changed) for entry in entries])
    return int.from_bytes(blake2b(listed.encode(), digest_size=4).digest()) // 2 or 1
