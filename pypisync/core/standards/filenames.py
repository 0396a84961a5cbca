"""What a filename says, and where the file lies on disk.

Names follow the binary and source distribution format specifications (PEP 427, PEP 625) as
``packaging.utils`` reads them, and for older sdists as installers do: whatever normalises to the
project's name, a dash, a version. Only ASCII letters, digits and ``. _ + ! -`` may occur, so that
a parsed name is safe on any file system. Whether a file is wanted is left to
:mod:`pypisync.core.filters.file_rules`.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from typing import Literal
from urllib.parse import unquote

from msgspec import Struct
from packaging.tags import Tag, parse_tag
from packaging.utils import canonicalize_name
from packaging.version import Version

from pypisync.core.display import counted
from pypisync.core.standards import versions
from pypisync.core.standards.model import File
from pypisync.core.standards.requires_python import Installer

METADATA = ".metadata"
"""What follows the name of a wheel in that of its metadata, which lies beside it (PEP 658)."""

# A name on disk has at most 255 bytes, and ".metadata" must still fit behind it.
LONGEST_FILENAME = 255 - len(METADATA)
_MOST_TAGS = 1000  # a hostile name can spell 60,000; real ones stay below a hundred
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")
_TAGS = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:-\w+(?:\.\w+)*){2}", re.ASCII)
_BUILD = re.compile(r"[0-9][\w.+!]*", re.ASCII)
_DIGITS = re.compile(r"[0-9]+")
_SDISTS = (".tar.gz", ".zip")
_OLD_SDISTS = (".tar.bz2", ".tar.xz", ".tar.Z", ".tar", ".tgz", ".tbz2", ".tbz", ".txz")
_INSTALLERS = (".egg", ".exe", ".msi", ".rpm", ".deb", ".dmg")
_BLOB = re.compile(r"/(packages/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60})/([^/]+)\Z")
_TWO_VERSIONS = re.compile(r"-v?[0-9][^-]*-")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ParsedFile(Struct, frozen=True):
    """What the name of a distribution file says."""

    kind: Literal["wheel", "sdist"]
    version: Version
    tags: frozenset[Tag]  # of a wheel; empty for an sdist
    remainder: str  # what follows the version: "-1-py3-none-any.whl", ".tar.gz"


def parse(project: str, filename: str) -> ParsedFile:
    """Returns what ``filename`` says, as a file of ``project`` (normalised name).

    Raises ValueError if it is no wheel or sdist of that project, or not safe as a name on disk.
    """
    if len(filename) > LONGEST_FILENAME or not _SAFE.fullmatch(filename):
        raise _fault(filename, "too long, or with characters that no such file has")
    if filename.endswith(".whl"):
        return _wheel(project, filename)
    for extension in _SDISTS:
        if filename.endswith(extension):
            return _sdist(project, filename, extension)
    raise _fault(filename, f"neither a wheel nor a .tar.gz or .zip sdist{_but(filename)}")


def _but(filename: str) -> str:
    """Returns what else it is, for one who wonders why the mirror does not have it."""
    for extension in _OLD_SDISTS:
        if filename.endswith(extension):
            return f", but an old {extension} sdist: it is left out, although pip could install it"
    for extension in _INSTALLERS:
        if filename.endswith(extension):
            return f", but an {extension} file: it is left out, for pip and uv do not install any"
    if filename.endswith("-variants.json"):
        return ", but a list of wheel variants: it is left out, as the variants are"
    return ""


def pool_path(file: File) -> str:
    """Returns the file's path below the mirror's folder: packages/xx/xx/60 digits/filename.

    The path that upstream's own URL has, so that lock files outlive a change of host; where that
    has another shape, one made of the SHA-256, or else of another hash or of the URL. The
    filename must be one that :func:`parse` took.
    Raises ValueError if it cannot have been, or if the SHA-256 is not one.
    """
    name = file.filename
    url = file.url.partition("#")[0].partition("?")[0]
    # Where no SHA-256 is stated it must be another text that is as good a name for these bytes.
    digest = file.sha256 or sha256((file.stated or url).encode()).hexdigest()
    if len(name) > LONGEST_FILENAME or not _SAFE.fullmatch(name) or not _SHA256.fullmatch(digest):
        raise _fault(name, f"not safe as a path with SHA-256 {digest[:80]!r}")
    blob = _BLOB.search(url)
    if blob and (blob[2] == name or unquote(blob[2]) == name):
        return f"{blob[1]}/{name}"
    return digest_path(name, digest)


def digest_path(name: str, sha256: str) -> str:
    """Returns where a file of this name lies by its SHA-256 alone; both must have been checked."""
    return f"packages/{sha256[:2]}/{sha256[2:4]}/{sha256[4:]}/{name}"


def _wheel(project: str, filename: str) -> ParsedFile:
    parts = filename.removesuffix(".whl").split("-")
    if len(parts) not in (5, 6):  # a wheel variant (PEP 825) may have 7
        raise _fault(filename, f"{counted(len(parts), 'part')}, where a wheel has 5 or 6")
    if "__" in parts[0] or _normalised(parts[0]) != project:
        raise _fault(filename, f"not a wheel of {project}")
    version = versions.parse(parts[1])
    if version is None:
        raise _fault(filename, f"{parts[1]!r} is not a version")
    if len(parts) == 6 and not _BUILD.fullmatch(parts[2]):
        raise _fault(filename, f"{parts[2]!r} is not a build tag")
    tags = _tags("-".join(parts[-3:]))
    if not tags:
        raise _fault(filename, "its last three parts are not tags")
    return ParsedFile("wheel", version, tags, f"-{'-'.join(parts[2:])}.whl")


@lru_cache(maxsize=1_000)  # the files of a project are parsed one after the other
def _normalised(name: str) -> str:
    return canonicalize_name(name)


@lru_cache(maxsize=100_000)
def _tags(text: str) -> frozenset[Tag]:
    """Returns the tags that ``text`` spells; empty if it is no tag set of a sensible size."""
    size = 1
    for part in text.split("-"):
        size *= part.count(".") + 1
    return parse_tag(text) if size <= _MOST_TAGS and _TAGS.fullmatch(text) else frozenset()


def build_tag(name: str) -> tuple[int, str] | tuple[()]:
    """Returns the build tag of a wheel, in a form that sorts as installers sort it; () of none.

    ``name`` is its filename, or what follows the version in it. PEP 427, "File name convention".
    """
    parts = name.split("-")
    if not name.endswith(".whl") or len(parts) != (6 if parts[0] else 5):
        return ()
    digits = _DIGITS.match(parts[-4])
    return (int(digits[0]), parts[-4][digits.end() :]) if digits else ()


def tags_read(tags: frozenset[Tag] | None, filename: str, by: Installer) -> frozenset[Tag] | None:
    """Returns the tags of a wheel as the installer reads them; None is an sdist, as in ``tags``.

    pip reads them in lower case (``packaging.tags.Tag``), uv as they are spelt: to it "Any" is no
    platform (uv-platform-tags/src/platform_tag.rs). ``filename`` may be the end of one.
    """
    if tags is None or by == "pip":
        return tags
    text = "-".join(filename.removesuffix(".whl").rsplit("-", 3)[1:])
    return tags if text == text.lower() else _spelt(text)


@lru_cache(maxsize=1_000)
def _spelt(text: str) -> frozenset[Tag]:
    parts = [[one for one in part.split(".") if one == one.lower()] for part in text.split("-")]
    return _tags("-".join(map(".".join, parts)))


def _sdist(project: str, filename: str, extension: str) -> ParsedFile:
    for name, text in _cuts(filename.removesuffix(extension)):
        if _normalised(name) == project and (version := versions.parse(text)):
            return ParsedFile("sdist", version, frozenset(), extension)
    raise _fault(filename, f"not an sdist of {project} with a version")


def rivals(project: str, filename: str) -> set[str]:
    """Returns the other projects that a file of this name may belong to: "a-1-1.tar.gz" to "a-1".

    Only sdists have any. The name must be one that :func:`parse` took.
    """
    if not filename.endswith(_SDISTS) or not _TWO_VERSIONS.search(filename):
        return set()
    stem = next(filename.removesuffix(end) for end in _SDISTS if filename.endswith(end))
    return {_normalised(name) for name, text in _cuts(stem) if versions.parse(text)} - {project}


def _cuts(stem: str) -> Iterator[tuple[str, str]]:
    """Yields each way to cut at a dash, the last first: old versions hold dashes ("1.0-1")."""
    at = stem.rfind("-")
    while at > 0:
        yield stem[:at], stem[at + 1 :]
        at = stem.rfind("-", 0, at)


def _fault(filename: str, why: str) -> ValueError:
    return ValueError(f"{filename[:LONGEST_FILENAME]!r}: {why}")
