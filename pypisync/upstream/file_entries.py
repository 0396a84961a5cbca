"""Which entries of an upstream document are files one can use, as :class:`model.File`.

An entry is hostile: it counts only with a filename that fits a file system and an address that can
be fetched (Simple API 1.4, "Project detail"; the legacy JSON API's ``urls``). All else is optional,
and a bad optional key counts as unsaid. An entry that breaks a rule is left out, with its reason.
The core tells whether a filename is a wheel's or an sdist's, and which release it belongs to.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urljoin

import msgspec

from pypisync.core.standards.hashes import chosen
from pypisync.core.standards.model import File, ManyFiles, Skipped
from pypisync.upstream import lenient
from pypisync.upstream.environment import spelt
from pypisync.upstream.faults import said

_MAX_SIZE = 2**53  # bytes; more is no file
_MAX_TEXT = 4096  # characters of a URL or a specifier
_SHOWN = 255  # characters of a name that is left out

_BAD_NAME = re.compile(r"[\x00-\x1f\x7f/\\]|^\.{0,2}$")
_URL = re.compile(r"https?://[^\x00-\x20\x7f/?#@\\]+/[^\x00-\x20\x7f\\]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)(?:Z|\+00:00)"
)


class Hashes(msgspec.Struct, frozen=True):
    """Hashes by algorithm."""

    sha256: str = ""
    sha512: str = ""
    sha384: str = ""
    sha224: str = ""
    sha3_512: str = ""
    sha3_384: str = ""
    sha3_256: str = ""
    blake2b: str = ""
    blake2b_256: str = ""
    sha1: str = ""
    md5: str = ""


_NO_HASHES = Hashes()
_Stated: TypeAlias = bool | Hashes | None  # whether there is metadata, and its hash


class SimpleFile(msgspec.Struct):
    """A file in the simple index."""

    filename: str
    url: str
    hashes: Hashes = _NO_HASHES
    size: int | None = None
    uploaded: str | None = msgspec.field(default=None, name="upload-time")
    requires_python: str | None = msgspec.field(default=None, name="requires-python")
    yanked: Any = None  # True or a reason; whatever else counts as yes is one as well, as for pip
    metadata: _Stated = msgspec.field(default=None, name="core-metadata")
    # The same before PEP 714 gave it its name, and what PyPI calls it until today.
    metadata_2: _Stated = msgspec.field(default=None, name="data-dist-info-metadata")
    metadata_3: _Stated = msgspec.field(default=None, name="dist-info-metadata")
    provenance: str | None = None


_SIMPLE = msgspec.json.Decoder(SimpleFile)


class LegacyFile(msgspec.Struct):
    """A file in the legacy JSON API."""

    filename: str
    url: str
    digests: Hashes = _NO_HASHES
    size: int | None = None
    upload_time_iso_8601: str | None = None
    requires_python: str | None = None
    yanked: bool | None = None
    yanked_reason: str | None = None
    metadata: _Stated = msgspec.field(default=None, name="core-metadata")


_Entry = TypeVar("_Entry", SimpleFile, LegacyFile)
Found: TypeAlias = tuple[Sequence[File], tuple[Skipped, ...]]


class _NamedKey(msgspec.Struct):
    filename: str = ""


def simple_files(entries: Iterable[SimpleFile | msgspec.Raw], base: str) -> Found:
    """Returns the files on a page of the simple index, and what is left out of it.

    ``base`` is the URL that relative ones start from.
    """
    return _files(entries, SimpleFile, _simple_file, base)


def many_simple_files(entries: Sequence[msgspec.Raw], base: str) -> Found:
    """Returns the same as :func:`simple_files`, with files that are made when they are asked for.

    A hundred thousand of them as values take more memory than the page. Raises ValueError,
    RecursionError if an entry is not as the standard has it.
    """
    at: dict[str, int] = {}
    unhashed: set[str] = set()
    skipped: list[Skipped] = []
    for place, raw in enumerate(entries):
        entry = _SIMPLE.decode(raw)
        try:
            file = _simple_file(entry, base)
        except ValueError as error:
            skipped.append(skip(entry.filename, said(error)))
            continue
        if file.filename not in at:
            at[file.filename] = place
            if not file.sha256:
                unhashed.add(file.filename)
        elif file.sha256 and file.filename in unhashed:
            at[file.filename] = place
            unhashed.remove(file.filename)
    places = list(at.values())
    files = ManyFiles(list(at), lambda n: _simple_file(_SIMPLE.decode(entries[places[n]]), base))
    return files, tuple(skipped)


def legacy_files(entries: Iterable[LegacyFile | msgspec.Raw], base: str) -> Found:
    """Returns the files in a legacy document, like :func:`simple_files`."""
    return _files(entries, LegacyFile, _legacy_file, base)


def clean(text: str | None) -> str | None:
    """Returns the text without the one character that JSON carries and databases do not."""
    return text.replace("\0", "\ufffd") if text and "\0" in text else text


def skip(what: str, reason: str) -> Skipped:
    """Returns an entry that is left out, named in a line of its own."""
    line = "".join(char if char.isprintable() else "?" for char in what[:_SHOWN])
    return Skipped(line or "a file without a name", reason)


def _files(
    entries: Iterable[_Entry | msgspec.Raw],
    kind: type[_Entry],
    build: Callable[[_Entry, str], File],
    base: str,
) -> Found:
    """Returns the files by name.

    Of two files with one name the first counts, unless only the other has a SHA-256.
    """
    files: dict[str, File] = {}
    skipped: list[Skipped] = []
    for entry in entries:
        try:
            typed = lenient.read(kind, entry) if isinstance(entry, msgspec.Raw) else entry
            file = build(typed, base)
        except (ValueError, RecursionError) as error:
            skipped.append(skip(_name(entry), said(error)))
            continue
        have = files.get(file.filename)
        if have is None or (file.sha256 and not have.sha256):
            files[file.filename] = file
    return tuple(files.values()), tuple(skipped)


def _name(entry: SimpleFile | LegacyFile | msgspec.Raw) -> str:
    if not isinstance(entry, msgspec.Raw):
        return entry.filename
    try:
        return lenient.read(_NamedKey, entry).filename
    except (ValueError, RecursionError):
        return ""


def _simple_file(entry: SimpleFile, base: str) -> File:
    metadata = entry.metadata
    if metadata is None:
        metadata = entry.metadata_2 if entry.metadata_2 is not None else entry.metadata_3
    reason = entry.yanked if isinstance(entry.yanked, str) else ""
    yanked = clean(reason) if entry.yanked else None
    return _file(entry, entry.hashes, metadata, base, yanked, entry.uploaded, entry.provenance)


def _legacy_file(entry: LegacyFile, base: str) -> File:
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
) -> File:
    """Returns the file. Raises ValueError with the reason why it can't be used."""
    if _BAD_NAME.search(entry.filename) or not 0 < len(entry.filename.encode()) <= 255:
        raise ValueError("its filename cannot be the name of a file")
    url = absolute(entry.url, base)
    if url is None:
        raise ValueError("its address cannot be fetched")
    python = entry.requires_python
    if python and len(python) > _MAX_TEXT:
        raise ValueError(f"its Requires-Python is longer than {_MAX_TEXT} characters")
    size = entry.size
    sha256, stated = _hashes(hashes)
    return File(
        filename=entry.filename,
        url=url,
        sha256=sha256,
        size=size if size is not None and 0 <= size <= _MAX_SIZE else None,
        uploaded=_time(uploaded),
        requires_python=clean(python) or None,
        yanked=yanked,
        metadata_sha256=_metadata(metadata),
        provenance=_provenance(provenance),
        stated=stated,
    )


def absolute(url: str, base: str) -> str | None:
    """Returns the address that ``url`` leads to from ``base``; None if it cannot be fetched.

    A host beyond ASCII becomes its IDNA form.
    """
    url = url.partition("#")[0]
    if url and not url.startswith(("https://", "http://")):
        url = urljoin(base, url)
    if len(url) > _MAX_TEXT or not _URL.fullmatch(url):
        return None
    return url if url.isascii() else _with_idna(url)


def _with_idna(url: str) -> str | None:
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    if host.isascii():
        return url
    try:
        asked = spelt(f"{scheme}://{host}/")
    except ValueError:
        return None
    encoded = f"{asked.removesuffix('/')}{slash}{path}"
    return encoded if _URL.fullmatch(encoded) else None


def _provenance(url: str | None) -> str | None:
    # PEP 740 asks for an absolute URL on a secure origin.
    return absolute(url, "") if url and url.startswith("https://") else None


def _hashes(hashes: Hashes) -> tuple[str, str]:
    value = hashes.sha256.lower()
    if _SHA256.fullmatch(value):
        return value, ""
    return chosen(msgspec.structs.asdict(hashes).items())


def _metadata(stated: _Stated) -> str | None:
    if isinstance(stated, Hashes):
        return _hashes(stated)[0]
    return "" if stated else None


def _time(text: str | None) -> str | None:
    """Returns upstream's own text if it is a time in UTC (Simple API, ``upload-time``)."""
    match = _TIME.fullmatch(text or "")
    if not match:
        return None
    try:
        datetime.fromisoformat(match[1])
    except ValueError:
        return None
    return match[1] + "Z"
