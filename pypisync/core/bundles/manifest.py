"""The manifest of a bundle, the list of what is in a part, and the report of a fed mirror.

All of them are JSON. The same values always give the same bytes, and bytes are read strictly: what
is unknown, missing, too large or cannot name a file is refused. docs/reference/bundles.md describes
the format for other tools.
"""

import re
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from pypisync.errors import BundleError

FORMAT = 1
LARGEST = 4 * 2**20  # bytes of a manifest
MOST_PARTS = 9_999  # their names have four digits, and sort
LAST_REPORTED = 900_000_000  # number of a state: a report leaves some to those that follow
MOST_IN_PART = 5_000  # files; their list is in memory
LARGEST_CONTENTS = MOST_IN_PART * 1024  # bytes of the list in a part
COPY = "copy-"  # what folders with further copies are called, followed by a number
ROWS = "catalog.jsonl"
LISTING = "listing.jsonl"
INVENTORY = "inventory.csv"
LARGEST_INVENTORY = 512 * 2**20  # bytes
LARGEST_LINE = 16 * 2**20  # bytes of a line of rows
INVENTORY_COLUMNS = (
    "project", "version", "filename", "size", "sha256", "license", "vulnerabilities",
)  # fmt: skip

_T = TypeVar("_T")

MOST = 2**53  # of anything that is counted
Count = Annotated[int, Meta(ge=0, le=MOST)]
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Name = Annotated[str, Meta(pattern=r"^[0-9a-z][0-9a-z.-]{0,99}\Z")]
Identity = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
Moment = Annotated[float, Meta(ge=0, lt=253_402_300_800)]  # seconds since 1970, up to year 9999

_BUNDLE = re.compile(r"pypisync-([0-9a-f]{8})-([0-9]{6,9})-since-([0-9]{6,9})\.json")


class Point(Struct, frozen=True, forbid_unknown_fields=True):
    """One state of a mirror that bundles lead to or from."""

    sequence: Annotated[int, Meta(ge=1, le=999_999_999)]
    generation: Count
    state: Hash  # of all that a bundle to this state carries


class BundlePart(Struct, frozen=True, forbid_unknown_fields=True):
    """One tar file of a bundle."""

    name: Name
    size: Count
    sha256: Hash
    contents: Hash  # SHA-256 of the list of its contents, its first member
    files: Annotated[int, Meta(ge=0, le=MOST_IN_PART)]


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a bundle is, from which state to which it leads, and of which parts it consists."""

    format: Annotated[int, Meta(ge=1)]
    mirror: Identity  # of the mirror that wrote it
    base: Point | None  # None: it needs no base, for it holds everything
    target: Point
    serial: Count  # upstream's, of the target's generation
    made: Moment  # when the target was first exported
    schema: Name  # the revision of the database that the rows are of
    signed: bool
    listed: dict[str, Count]  # projects, releases, files, bytes of the target's generation
    files: Count  # that the parts hold for the pool, with .metadata
    bytes: Count  # of these
    parts: Annotated[tuple[BundlePart, ...], Meta(min_length=1, max_length=MOST_PARTS)]


class FedReport(Struct, frozen=True, forbid_unknown_fields=True):
    """What a fed mirror has: enough to export what it lacks."""

    format: Annotated[int, Meta(ge=1, le=FORMAT)]
    mirror: Identity  # that feeds it
    point: Point  # the state that it is at
    listed: Hash  # of what it lists
    schema: Name
    digests: dict[str, dict[int, str]]  # of the slices of its rows
    lost: list[str]  # paths of listed files that are not on its disk


class Piece(Struct, frozen=True, forbid_unknown_fields=True):
    """Of which file a member is a piece."""

    offset: Count  # in the file
    size: Count  # of the whole file
    sha256: Hash  # of the whole file


class Member(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One file in a part, of the pool or with rows; or a piece of one that no part can hold."""

    path: Annotated[str, Meta(max_length=1000, pattern=r"^[^\x00-\x1f\x7f-\x9f]+\Z")]
    size: Count
    sha256: Hash
    of: Piece | None = None

    @property
    def name(self) -> str:
        """What it is called in the tar file; names of pieces sort by their offset."""
        return self.path if self.of is None else f"{self.path}.piece-{self.of.offset:016}"

    @property
    def whole(self) -> "Member":
        """The whole file."""
        return self if self.of is None else Member(self.path, self.of.size, self.of.sha256)

    @property
    def ends(self) -> bool:
        """Whether the file is whole with it."""
        return self.of is None or self.of.offset + self.size == self.of.size


def bundle_name(mirror: str, target: int, base: int) -> str:
    """Returns the name that the files of a bundle begin with; ``base`` 0: it has none."""
    return f"pypisync-{mirror[:8]}-{target:06}-since-{base:06}"


def is_manifest(name: str) -> bool:
    """Returns whether a file of this name is a manifest."""
    return _BUNDLE.fullmatch(name) is not None


def told_by(name: str) -> tuple[str, int, int]:
    """Returns what a manifest's name tells: beginning of the mirror, target's and base's number.

    The name is not what is signed. Raises ValueError if it names no manifest.
    """
    found = _BUNDLE.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} names no manifest")
    return found[1], int(found[2]), int(found[3])


def to_json(value: Struct) -> bytes:
    """Returns the bytes of a value, laid out for people."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def plain(value: Struct) -> dict[str, Any]:
    """Returns a value as what JSON says of it."""
    found: dict[str, Any] = msgspec.to_builtins(value)
    return found


def to_line(value: Struct) -> bytes:
    """Returns the bytes of a value on one line."""
    return msgspec.json.encode(value) + b"\n"


def read(data: bytes, kind: type[_T], what: str) -> _T:
    """Returns the value that JSON says. Raises BundleError, about ``what``, if it is none."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:  # ValidationError is one
        raise BundleError(f"{what}: damaged, or not as the format wants it: {error}") from None


def read_manifest(data: bytes, name: str) -> Manifest:
    """Returns the manifest in the file of this name. Raises BundleError."""
    if len(data) > LARGEST:
        raise BundleError(f"{name}: longer than a manifest may be ({LARGEST} bytes)")
    version = read(data, _Version, name).format
    if version != FORMAT:
        raise BundleError(
            f"{name}: of format {version}, this PypiSync reads {FORMAT}: install another version"
        )
    manifest = read(data, Manifest, name)
    if to_json(manifest) != data:
        raise BundleError(f"{name}: not written as PypiSync writes it")
    names = [part.name for part in manifest.parts]
    if sorted(set(names)) != names:
        raise BundleError(f"{name}: it does not name its parts in their order, each once")
    if set(manifest.listed) != {"projects", "releases", "files", "bytes"}:
        raise BundleError(f"{name}: it does not say how much its generation lists")
    return manifest


class _Version(Struct):
    format: int
