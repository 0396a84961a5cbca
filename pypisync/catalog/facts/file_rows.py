"""Files as rows: what is stored of a file, and what upstream said of it.

The SHA-256 of a row is the one upstream states, or else, once they came, that of its bytes.
"""

from typing import Any

from pypisync.core.filters.file_rules import FileFacts
from pypisync.core.filters.policy import Bar
from pypisync.core.standards import filenames
from pypisync.core.standards.filenames import ParsedFile
from pypisync.core.standards.model import File
from pypisync.core.standards.requires_python import INSTALLERS

# What is known of a file whose METADATA was not read.
UNREAD: dict[str, Any] = {"inside_python": None, "refused_pip": "", "refused_uv": ""}


def file_row(
    release: int, file: File, parsed: ParsedFile, bar: Bar | None, kept: tuple[bool, str]
) -> dict[str, Any]:
    """Returns the columns of a file; ``kept`` is whether it is kept, and for which targets."""
    return {
        "release_id": release,
        "filename": file.filename,
        "url": file.url,
        "path": filenames.pool_path(file),
        "sha256": file.sha256,
        "stated": None if file.sha256 else file.stated,
        "size": file.size,
        "uploaded": file.uploaded,
        "requires_python": file.requires_python,
        "yanked": file.yanked,
        "metadata_sha256": file.metadata_sha256,
        "provenance": file.provenance,
        "index_name": file.index,
        "kind": parsed.kind,
        "kept": kept[0],
        "admits": kept[1],
        "barred": bar.reason if bar else "",
        "matures": bar.until if bar else None,
        **UNREAD,
    }


def row_file(row: Any) -> File:
    """Returns the file as upstream stated it."""
    return File(
        filename=row.filename,
        url=row.url,
        sha256=row.sha256 if row.stated is None else "",
        size=row.size,
        uploaded=row.uploaded,
        requires_python=row.requires_python,
        yanked=row.yanked,
        metadata_sha256=row.metadata_sha256,
        provenance=row.provenance,
        index=row.index_name,
        stated=row.stated or "",
    )


def known_sha256(file: File, was: Any) -> str:
    """Returns the SHA-256 that upstream states, else that of the bytes that came before.

    Another hash than the one stated then says that the bytes are others; nothing else does.
    """
    if file.sha256 or was is None:
        return file.sha256
    same = not file.stated or was.stated in (None, "", file.stated)
    return str(was.sha256) if same else ""


def file_facts(file: File, parsed: ParsedFile, was: Any, *, barred: bool) -> FileFacts:
    """Returns what keeping a file depends on; ``was`` is its row before, or None."""
    read = was is not None and same_source(file, was)
    refused = {"pip": was.refused_pip, "uv": was.refused_uv} if read else {}
    return FileFacts(
        parsed,
        file.requires_python,
        file.yanked is not None,
        barred,
        was.inside_python if read else None,
        tuple(by for by in INSTALLERS if refused.get(by)),
    )


def same_source(file: File, was: Any) -> bool:
    """Returns whether what was read of a file holds for what upstream states now.

    An address may be signed anew on every page, behind its "?"; the hash tells that it is the file.
    """
    sha256 = known_sha256(file, was)
    if (sha256, file.metadata_sha256) != (was.sha256, was.metadata_sha256):
        return False
    return file.url == was.url or (sha256 != "" and _place(file.url) == _place(was.url))


def _place(url: str) -> str:
    return url.partition("?")[0]
