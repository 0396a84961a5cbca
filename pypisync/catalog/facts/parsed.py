"""A document with its files parsed and grouped by version, before it is compared with the facts."""

from dataclasses import dataclass

from packaging.version import Version

from pypisync.core.standards import filenames, versions
from pypisync.core.standards.filenames import ParsedFile
from pypisync.core.standards.model import File, ProjectDocument


@dataclass(slots=True)
class Read:
    """A document, its files parsed and grouped by version."""

    document: ProjectDocument
    releases: dict[bytes, tuple[Version, list[tuple[File, ParsedFile]]]]
    skipped: list[tuple[str, str]]


def read(document: ProjectDocument) -> Read:
    """Returns the document's files by version; what is no file of the project is skipped."""
    found = Read(document, {}, [])
    for version in document.versions:
        if versions.parse(version) is None:
            found.skipped.append((version, "not a PEP 440 version"))
    found.skipped += [(entry.what, entry.reason) for entry in document.skipped]
    for file in {file.filename: file for file in document.files}.values():
        try:
            parsed = filenames.parse(document.name, file.filename)
        except ValueError as error:
            found.skipped.append((file.filename, str(error)))
            continue
        key = versions.key(parsed.version)
        found.releases.setdefault(key, (parsed.version, []))[1].append((file, parsed))
    return found
