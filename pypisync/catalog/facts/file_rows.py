"""Files as rows: what is stored of a file, and what upstream said of it.

The SHA-256 of a row is the one upstream states, or else, once they came, that of its bytes.
"""

from typing import Any

from pypisync.core.filters.policy import Bar
from pypisync.core.standards import filenames
from pypisync.core.standards.filenames import ParsedFile
from pypisync.core.standards.model import File


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
