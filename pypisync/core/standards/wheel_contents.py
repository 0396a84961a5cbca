"""What in a wheel stops pip or uv, although its METADATA was read beside it (PEP 427, PEP 658).

Where a ``.metadata`` stands beside a wheel, an installer opens the wheel only when it has chosen
it. What it then finds ends the installation: it takes no other release.
``tests/differential/test_insides.py`` installs a wheel for each line with pip and uv:

======================================================================  ====  ====
in the wheel                                                            pip   uv
======================================================================  ====  ====
no archive, cut off, encrypted members                                  stop  stop
a member of another checksum or size than is stated, damaged members    stop  stop
members packed by deflate64 and the like                                stop  stop
members packed by bzip2 or LZMA                                          -    stop
members packed by zstd (pip on Python 3.14 reads them)                  stop   -
bytes in front, between members or behind (zeros behind are allowed)     -    stop
local headers that differ from the directory (pip: in the name)          -    stop
members that the directory lacks, another number of them                 -    stop
a comment with control characters                                        -    stop
a member twice, otherwise                                                -    stop
a member whose name has a control character or is no UTF-8               -    stop
a folder with something in it                                            -    stop
a file that another member has for a folder                             stop  stop
a member that leaves the folder, or has an absolute path (uv leaves     stop   -
it out)
no ``.dist-info`` folder, or two                                        stop  stop
one of another project                                                  stop   -
no WHEEL, RECORD or METADATA, or one that is no UTF-8 (uv: METADATA      stop  stop
may be)
Wheel-Version 2.0, none, or one that is no number                       stop  stop
Wheel-Version 1, 0.9, or spelt in other letters                          -    stop
Wheel-Version 1.x                                                       stop   -
METADATA with another Name or Version                                   stop  stop
METADATA with other requirements, extras or Requires-Python than         stop   -
stand beside it
RECORD with an empty line                                               stop   -
RECORD with fewer than three fields, a varying number, or a size         -    stop
that is no number
wrong hashes in RECORD, files that it lacks, files that are not there    -     -
a ``.data`` folder of an unknown kind                                   stop  stop
the same in a folder of another name                                    stop   -
a folder in ``scripts``                                                  -    stop
scripts that name no function (each reads them by a rule of its own)    stop  stop
a script called python, a script or a section twice                      -    stop
zip64, descriptors behind members, links, METADATA with another text     -     -
======================================================================  ====  ====

Where no ``.metadata`` stands beside a wheel, pip opens it to read its METADATA, and with that all
files of the ``.dist-info`` folder and WHEEL. What stops it there stops it also at a release that it
would not take (``wheel.py``: ``parse_wheel``; ``metadata/importlib/_dists.py``: ``from_zipfile``).

Members packed by bzip2 or LZMA are not unpacked, nor is a wheel that says to unpack to more than a
hundred times its size: such a checksum is not noticed.
"""

import csv
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from email.parser import Parser
from functools import lru_cache

from msgspec import Struct, field
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pypisync.core.standards.metadata import Metadata, read_metadata
from pypisync.core.standards.requires_python import INSTALLERS, Installer
from pypisync.core.standards.wheel_scripts import script_faults

# What wheels are looked into by. With another number all are looked into again.
RULE = 2
# The files of the .dist-info folder that an installer reads.
READ = ("WHEEL", "METADATA", "RECORD", "entry_points.txt")
_DIST_INFO, _DATA = ".dist-info", ".data"
_KINDS = ("data", "headers", "platlib", "purelib", "scripts")
_SIZE = re.compile("0*[0-9]{1,20}")
_USUAL = 1000  # bytes of a WHEEL; larger ones are read anew each time
_SAFE_SIZE = 20  # digits that never come to more than
_LARGEST_SIZE = 2**64
_OPENING = "pip cannot open it: "
_LINES = re.compile("\r\n|\r|\n")

Objection = tuple[Installer, str]


def is_wheel(path: str) -> bool:
    """Returns whether a path is that of a wheel."""
    return path.lower().endswith(".whl")


class Contents(Struct, frozen=True):
    """What was seen of a wheel."""

    names: Sequence[str]  # of its members; those of folders end in "/"
    files: Mapping[str, bytes]  # those of READ that there are, and could be read
    unread: Mapping[str, str] = field(default_factory=dict)  # others; "": not damaged, too large
    archive: Mapping[Installer, str] = field(default_factory=dict)  # who cannot unpack it, and why
    opening: str = ""  # which of the files of the .dist-info folder pip cannot unpack, and why


def dist_info(names: Iterable[str]) -> str:
    """Returns the name of the ``.dist-info`` folder.

    Raises ValueError if there is none, or more than one.
    """
    folders = {name.partition("/")[0] for name in names if _DIST_INFO + "/" in name}
    found = sorted(name for name in folders if name.endswith(_DIST_INFO))
    if len(found) != 1:
        raise ValueError(f"{len(found)} folders {_DIST_INFO}, expected 1")
    return found[0]


def stops(
    contents: Contents, project: str, version: str, beside: bytes | None
) -> dict[Installer, str]:
    """Returns why installers stop at a wheel of this project (normalised) and version.

    ``beside`` is the ``.metadata`` that stands beside it; None: there is none, and then METADATA
    is what they choose by (:func:`pypisync.core.standards.metadata.objections`).
    """
    found = dict(contents.archive)
    if len(found) < len(INSTALLERS):
        for by, why in _objections(contents, project, version, beside):
            found.setdefault(by, why)
    if "pip" in found and beside is None and (opening := _opening(contents, project)):
        found["pip"] = _OPENING + opening
    return found


def at_opening(why: str) -> str:
    """Returns why pip stops where it looks at a release; "" if it stops where it installs it."""
    return why.removeprefix(_OPENING) if why.startswith(_OPENING) else ""


def _opening(contents: Contents, project: str) -> str:
    """Returns what stops pip where it opens the wheel to read its METADATA."""
    if contents.opening or not contents.names:
        return contents.opening
    return next((why for by, why in _folder_objections(contents, project) if by == "pip"), "")


def _both(why: str) -> Iterator[Objection]:
    return ((by, why) for by in INSTALLERS)


def _objections(
    contents: Contents, project: str, version: str, beside: bytes | None
) -> Iterator[Objection]:
    if not contents.names and contents.archive:
        return  # what is in it is not known
    yield from _member_objections(contents.names)
    yield from _folder_objections(contents, project)
    try:
        about = dist_info(contents.names)
    except ValueError:
        return
    yield from _file_objections(contents, project, version, beside)
    scripts: set[str] = set()
    if "entry_points.txt" in contents.files:
        yield from script_faults(contents.files["entry_points.txt"], scripts)
    yield from _data_objections(contents.names, about, scripts)


def _folder_objections(contents: Contents, project: str) -> Iterator[Objection]:
    """Yields what is said against the ``.dist-info`` folder and WHEEL."""
    try:
        about = dist_info(contents.names)
    except ValueError as error:
        yield from _both(str(error))
        return
    if any(name.endswith(_DIST_INFO) and "/" not in name for name in contents.names):
        yield "pip", f"it has a file that is called as a folder {_DIST_INFO} is"
    if not canonicalize_name(about).startswith(project):
        yield "pip", f"its folder is {about[:100]!r}, of another project"
    if "WHEEL" in contents.files:
        # Most are one of a few: those that a version of a build backend writes.
        wheel = contents.files["WHEEL"]
        yield from (_usual_objections if len(wheel) < _USUAL else _wheel_objections)(wheel)
    elif "WHEEL" not in contents.unread:
        yield from _both("it has no WHEEL")


def _file_objections(
    contents: Contents, project: str, version: str, beside: bytes | None
) -> Iterator[Objection]:
    files = contents.files
    for name in READ[1:3]:
        there = name in files or name in contents.unread
        if not there and (name != "METADATA" or beside is not None):
            yield from _both(f"it has no {name}")
    for name, why in contents.unread.items():
        if why:
            yield from _both(f"its {name} cannot be read: {why}")
    if "RECORD" in files:
        yield from _record_objections(files["RECORD"])
    if "METADATA" in files and beside is not None and files["METADATA"] != beside:
        yield from _metadata_objections(files["METADATA"], beside, project, version)


# -- members --------------------------------------------------------------------------------


def _member_objections(names: Sequence[str]) -> Iterator[Objection]:
    if any("../" in name or name[:1] == "/" for name in names):
        for name in names:
            place = posixpath.normpath(name)
            if place.startswith(("../", "/")) or place == "..":
                yield "pip", f"its member {name[:100]!r} leaves the folder"
                break
    files = {name for name in names if name[-1:] != "/"}
    folders = {name.rpartition("/")[0] for name in names}
    seen: set[str] = set()
    for folder in folders:
        while folder and folder not in seen:
            seen.add(folder)
            if folder in files:
                yield from _both(f"its member {folder[:100]!r} is a file and a folder")
                return
            folder = folder.rpartition("/")[0]  # noqa: PLW2901 - the one above


def _data_objections(names: Sequence[str], about: str, scripts: set[str]) -> Iterator[Objection]:
    own = about.removesuffix(_DIST_INFO) + _DATA
    for name in names:
        if _DATA not in name or not (top := name.partition("/")[0]).endswith(_DATA):
            continue
        parts = posixpath.normpath(name).split("/")
        folder = name[-1] == "/"
        kind = parts[1] if len(parts) > 1 else ""
        if not folder and (len(parts) < 3 or kind not in _KINDS):
            yield "pip", f"its member {name[:100]!r} is data of no known kind"
        deep = kind == "scripts" and len(parts) > 2 and (len(parts) > 3 or folder)
        if deep and parts[2] in scripts:
            yield "pip", f"its member {name[:100]!r} is in a folder that is a script as well"
        elif top == own and parts[0] == own and kind:
            if kind not in _KINDS:
                yield "uv", f"its member {name[:100]!r} is data of no known kind"
            elif deep:
                yield "uv", f"its member {name[:100]!r} is in a folder of scripts"


# -- WHEEL and RECORD -----------------------------------------------------------------------


def _wheel_objections(data: bytes) -> Iterator[Objection]:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        yield from _both("its WHEEL is not UTF-8")
        return
    headers = Parser().parsestr(text, headersonly=True)
    stated = headers.get("Wheel-Version")
    if stated is None:
        yield from _both("its WHEEL states no Wheel-Version")
        return
    stated = str(stated).strip()
    why = f"its Wheel-Version is {stated[:100]!r}"
    if not _is_old(stated):
        yield "pip", why
    exact = next((value for key, value in headers.items() if key == "Wheel-Version"), None)
    if exact is None:
        yield "uv", "its WHEEL states no Wheel-Version in these letters"
        return
    major, dot, minor = str(exact).strip().partition(".")
    if not dot or (major != "1" and (major, minor) != ("0", "1")):
        yield "uv", why


@lru_cache(maxsize=256)
def _usual_objections(data: bytes) -> tuple[Objection, ...]:
    return tuple(_wheel_objections(data))


def _is_old(stated: str) -> bool:
    """Returns whether pip knows this Wheel-Version, 1.0, or one of the same major version."""
    try:
        major, *_ = map(int, stated.split("."))
    except ValueError:
        return False
    return major <= 1


def _record_objections(data: bytes) -> Iterator[Objection]:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        yield from _both("its RECORD is not UTF-8")
        return
    lines = text.splitlines()
    try:
        rows = list(csv.reader(lines))
    except csv.Error as error:
        yield "pip", f"its RECORD cannot be read: {error}"
        return  # uv reads lines of any length
    if not all(rows):
        yield "pip", "its RECORD has an empty line"
    if len(lines) != text.count("\n") + (text[-1:] not in ("", "\n")):
        # pip cuts it into lines at more characters than uv does.
        rows = list(csv.reader(_LINES.split(text)))
    widths = {len(row) for row in rows} - {0}
    if len(widths) > 1 or min(widths, default=3) < 3:
        yield "uv", "its RECORD has lines of another number of fields than three"
    elif bad := next((row[2] for row in rows if row and not _is_size(row[2])), ""):
        yield "uv", f"its RECORD has the size {bad[:100]!r}"


def _is_size(text: str) -> bool:
    digits = text.removeprefix("+")
    if len(digits) < _SAFE_SIZE and digits.isascii():
        return digits.isdigit() or not text
    return _SIZE.fullmatch(digits) is not None and int(digits) < _LARGEST_SIZE


# -- METADATA -------------------------------------------------------------------------------


def _metadata_objections(
    data: bytes, beside: bytes, project: str, version: str
) -> Iterator[Objection]:
    try:
        inside = read_metadata(data)
        stated = Version(inside.version)
    except ValueError as error:
        yield from _both(f"its METADATA cannot be read: {error}")
        return
    if canonicalize_name(inside.name) != project:
        yield from _both(f"its METADATA is of the project {inside.name[:100]!r}")
    if stated != Version(version) and str(stated) != Version(version).public:
        yield "uv", f"its METADATA is of version {inside.version[:100]}"
    if not inside.utf8:
        yield "pip", "its METADATA is not UTF-8"
    try:
        other = read_metadata(beside)
    except ValueError:
        return  # installers come no further than this
    for name, here, there in zip(
        ("Name", "Version", "Requires-Dist", "Requires-Python", "Provides-Extra"),
        _compared(inside), _compared(other), strict=True,
    ):  # fmt: skip
        if here is None or here != there:
            yield "pip", f"its METADATA has another {name} than the .metadata beside it"


def _compared(found: Metadata) -> tuple[object, ...]:
    """Returns what pip compares; None is equal to nothing."""
    requires: object = None
    # Late: a cycle that looks into no wheel need not wait for it.
    from packaging.requirements import InvalidRequirement, Requirement

    with suppress(InvalidRequirement):
        requires = frozenset(map(Requirement, found.requires))
    python: object = None
    try:
        python = SpecifierSet(found.requires_python or "")
    except InvalidSpecifier:
        python = SpecifierSet()  # as pip takes it
    try:
        version: object = Version(found.version)
    except InvalidVersion:
        version = None
    return canonicalize_name(found.name), version, requires, python, frozenset(found.extras)
