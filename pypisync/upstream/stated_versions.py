"""Which versions a document states that none of its files has, or that are no versions."""

import re
from collections.abc import Collection, Iterable

from packaging.utils import canonicalize_version
from packaging.version import Version

from pypisync.core.standards.model import File, ManyFiles
from pypisync.upstream.file_entries import clean


def versions_of(files: Iterable[File]) -> set[str]:
    """Returns the versions as filenames spell them, for comparing only."""
    found = set()
    for name in files.names if isinstance(files, ManyFiles) else [f.filename for f in files]:
        pieces = name.split("-")
        wheel = name.endswith(".whl") and len(pieces) > 1
        found.add(pieces[1] if wheel else re.sub(r"\.(?:tar\.\w+|\w+)$", "", pieces[-1]))
    return found


def odd(stated: Iterable[str], filled: Collection[str]) -> tuple[str, ...]:
    """Returns the stated versions that have no file or are no versions (PEP 440)."""
    same = {canonicalize_version(version) for version in filled}
    return tuple(
        clean(version) or ""
        for version in stated
        if not _is_version(version)
        or (version not in filled and canonicalize_version(version) not in same)
    )


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except ValueError:
        return False
    return True
