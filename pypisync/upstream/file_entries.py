"""Which entries of an upstream document are files one can use, as :class:`model.File`.

An entry is hostile: it counts only with a filename that fits a file system, an address that can
be fetched, a SHA-256 and a size that may be true (Simple API 1.4, "Project detail"; the legacy JSON
API's ``urls``). An entry that breaks a rule is left out. Whether the filename is a wheel's or an
sdist's, and of which release, is for the core.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeAlias, TypeVar
from urllib.parse import urljoin

import msgspec

from pypisync.core.standards.model import File

_MAX_SIZE = 2**53  # bytes; more is no file
_MAX_TEXT = 4096  # characters of a URL or a specifier

_BAD_NAME = re.compile(r"[\x00-\x1f\x7f/\\]|^\.{0,2}$")
_URL = re.compile(r"https?://[^\x00-\x20\x7f/?#@\\]+/[^\x00-\x20\x7f\\]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)(?:Z|\+00:00)"
)


class Hashes(msgspec.Struct):
    """Hashes by algorithm, of which only this one counts."""

    sha256: str = ""


_Stated: TypeAlias = bool | Hashes | None  # whether there is metadata, and its hash


class SimpleFile(msgspec.Struct):
    """A file in the simple index."""

    filename: str
    url: str
    hashes: Hashes
    size: int | None = None
    uploaded: str | None = msgspec.field(default=None, name="upload-time")
    requires_python: str | None = msgspec.field(default=None, name="requires-python")
    yanked: bool | str | None = None
    metadata: _Stated = msgspec.field(default=None, name="core-metadata")
    # The same before PEP 714 gave it its name, and what PyPI calls it until today.
    metadata_2: _Stated = msgspec.field(default=None, name="data-dist-info-metadata")
    metadata_3: _Stated = msgspec.field(default=None, name="dist-info-metadata")
    provenance: str | None = None


class LegacyFile(msgspec.Struct):
    """A file in the legacy JSON API."""

    filename: str
    url: str
    digests: Hashes
    size: int | None = None
    upload_time_iso_8601: str | None = None
    requires_python: str | None = None
    yanked: bool | None = None
    yanked_reason: str | None = None
    metadata: _Stated = msgspec.field(default=None, name="core-metadata")


_Entry = TypeVar("_Entry", SimpleFile, LegacyFile)

_SIMPLE_FILE = msgspec.json.Decoder(SimpleFile)
_LEGACY_FILE = msgspec.json.Decoder(LegacyFile)


def simple_files(entries: Iterable[SimpleFile | msgspec.Raw], base: str) -> tuple[File, ...]:
    """The files on a page of the simple index that came from the URL ``base``."""
    return _files(entries, _SIMPLE_FILE, _simple_file, base)


def legacy_files(entries: Iterable[LegacyFile | msgspec.Raw], base: str) -> tuple[File, ...]:
    """The files of one release in a legacy document that came from the URL ``base``."""
    return _files(entries, _LEGACY_FILE, _legacy_file, base)


def clean(text: str | None) -> str | None:
    """The text without the one character that JSON carries and databases do not."""
    return text.replace("\0", "\ufffd") if text and "\0" in text else text


def _files(
    entries: Iterable[_Entry | msgspec.Raw],
    decoder: msgspec.json.Decoder[_Entry],
    build: Callable[[_Entry, str], File | None],
    base: str,
) -> tuple[File, ...]:
    """The files among ``entries`` that keep the rules; of two with one name the first."""
    files: dict[str, File] = {}
    for entry in entries:
        try:
            if isinstance(entry, msgspec.Raw):
                entry = decoder.decode(entry)  # noqa: PLW2901 - the same entry, looked into
            file = build(entry, base)
        except (ValueError, RecursionError):
            continue
        if file is not None:
            files.setdefault(file.filename, file)
    return tuple(files.values())


def _simple_file(entry: SimpleFile, base: str) -> File | None:
    metadata = entry.metadata
    if metadata is None:
        metadata = entry.metadata_2 if entry.metadata_2 is not None else entry.metadata_3
    yanked = "" if entry.yanked is True else clean(entry.yanked or None)
    return _file(entry, entry.hashes, metadata, base, yanked, entry.uploaded, entry.provenance)


def _legacy_file(entry: LegacyFile, base: str) -> File | None:
    yanked = (clean(entry.yanked_reason) or "") if entry.yanked else None
    uploaded = entry.upload_time_iso_8601
    return _file(entry, entry.digests, entry.metadata, base, yanked, uploaded, None)


def _file(
    entry: SimpleFile | LegacyFile,
    hashes: Hashes,
    metadata: _Stated,
    base: str,
    yanked: str | None,
    uploaded: str | None,
    provenance: str | None,
) -> File | None:
    url = _absolute(entry.url, base)
    sha256 = _sha256(hashes)
    python = entry.requires_python
    bad_name = _BAD_NAME.search(entry.filename) or not 0 < len(entry.filename.encode()) <= 255
    if bad_name or url is None or not sha256 or (python and len(python) > _MAX_TEXT):
        return None
    if entry.size is not None and not 0 <= entry.size <= _MAX_SIZE:
        return None
    return File(
        filename=entry.filename,
        url=url,
        sha256=sha256,
        size=entry.size,
        uploaded=_time(uploaded),
        requires_python=clean(python) or None,
        yanked=yanked,
        metadata_sha256=_metadata(metadata),
        provenance=_provenance(provenance),
    )


def _absolute(url: str, base: str) -> str | None:
    url = url.partition("#")[0]
    if url and not url.startswith(("https://", "http://")):
        url = urljoin(base, url)
    return url if len(url) <= _MAX_TEXT and _URL.fullmatch(url) else None


def _provenance(url: str | None) -> str | None:
    # PEP 740 asks for an absolute URL on a secure origin.
    return _absolute(url, "") if url and url.startswith("https://") else None


def _sha256(hashes: Hashes) -> str:
    value = hashes.sha256.lower()
    return value if _SHA256.fullmatch(value) else ""


def _metadata(stated: _Stated) -> str | None:
    if isinstance(stated, Hashes):
        return _sha256(stated)
    return "" if stated else None


def _time(text: str | None) -> str | None:
    """Upstream's own text if it is a time in UTC (Simple API, ``upload-time``)."""
    match = _TIME.fullmatch(text or "")
    if not match:
        return None
    try:
        datetime.fromisoformat(match[1])
    except ValueError:
        return None
    return match[1] + "Z"
