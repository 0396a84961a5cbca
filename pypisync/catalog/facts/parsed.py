"""A document with its files parsed and grouped by version, before it is compared with the facts."""

from array import array
from collections.abc import Iterator

from msgspec import Struct
from packaging.version import Version

from pypisync.core.standards import filenames, versions
from pypisync.core.standards.filenames import ParsedFile
from pypisync.core.standards.model import File, ManyFiles, ProjectDocument


class Read(Struct):
    """A document, its files parsed and grouped by version."""

    document: ProjectDocument
    releases: dict[bytes, tuple[Version, "Entries"]]
    skipped: list[tuple[str, str]]


class _Places:
    """The files of one release of a very large document, made anew each time."""

    __slots__ = ("_document", "_places")

    def __init__(self, document: ProjectDocument) -> None:
        self._document = document
        self._places = array("I")

    def add(self, place: int) -> None:
        """Let it have the file at this place of the document."""
        self._places.append(place)

    def __iter__(self) -> Iterator[tuple[File, ParsedFile]]:
        files, name = self._document.files, self._document.name
        for file in map(files.__getitem__, self._places):
            yield file, filenames.parse(name, file.filename)


Entries = list[tuple[File, ParsedFile]] | _Places


def read(document: ProjectDocument) -> Read:
    """Returns the document's files by version; what is no file of the project is skipped."""
    found = Read(document, {}, [])
    for version in document.versions:
        if versions.parse(version) is None:
            found.skipped.append((version, "not a PEP 440 version"))
    found.skipped += [(entry.what, entry.reason) for entry in document.skipped]
    if isinstance(document.files, ManyFiles):
        _read_names(found, document.files)
        return found
    releases: dict[bytes, tuple[Version, list[tuple[File, ParsedFile]]]] = {}
    for file in {file.filename: file for file in document.files}.values():
        try:
            parsed = filenames.parse(document.name, file.filename)
        except ValueError as error:
            found.skipped.append((file.filename, str(error)))
            continue
        key = versions.key(parsed.version)
        releases.setdefault(key, (parsed.version, []))[1].append((file, parsed))
    found.releases.update(releases)
    return found


def _read_names(found: Read, files: ManyFiles) -> None:
    releases: dict[bytes, tuple[Version, _Places]] = {}
    for place, filename in enumerate(files.names):
        try:
            version = filenames.parse(found.document.name, filename).version
        except ValueError as error:
            found.skipped.append((filename, str(error)))
            continue
        key = versions.key(version)
        releases.setdefault(key, (version, _Places(found.document)))[1].add(place)
    found.releases.update(releases)
