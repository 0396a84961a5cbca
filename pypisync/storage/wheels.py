"""Looks into a wheel in the pool, as pip and uv would when they install it.

pip reads a wheel by :mod:`zipfile`, from the directory at its end. uv unpacks it while it comes in,
member after member, and stops where what it has seen differs from that directory
(``uv-extract/src/stream.rs``). So the headers in front of the members are read here as well, and
the small files of the ``.dist-info`` folder. All members are unpacked into nothing, for a checksum
that is wrong stops both. Nothing is written, and nothing is run. What is found means what
:mod:`pypisync.core.standards.wheel_contents` says.
"""

import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from pypisync.core.display import counted
from pypisync.core.standards.filenames import METADATA
from pypisync.core.standards.requires_python import INSTALLERS, Installer
from pypisync.core.standards.wheel_contents import READ, Contents, dist_info, stops
from pypisync.errors import Malformed
from pypisync.storage.archives import MEMBER_LIMIT, opened, read_member, said, zip_of
from pypisync.storage.pool import Pool

_MEMBER, _LAST = b"PK\3\4", b"PK\5\6"
_LOCAL = struct.Struct("<4s2xHH4xLLLHH")
_END = struct.Struct("<4s6xHLLH")
_BEHIND = 2**16 + _END.size  # bytes at the end of a file among which zipfile looks for the record
_ENCRYPTED, _DESCRIPTOR, _UTF8 = 0x1, 0x8, 0x800
_DESCRIPTORS = {12, 16, 20, 24}  # bytes: with or without a signature, and with sizes of zip64
_UNSTATED = 0xFFFFFFFF  # the size stands in an extra field
_BY_BOTH = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_BY_PIP = {zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_BY_UV = {93}
_NAMES = {9: "deflate64", 12: "bzip2", 14: "LZMA", 93: "zstd"}

_PIECE = 2**20  # bytes that are unpacked at a time
# Bytes of a wheel that are unpacked at most: so many, or so many times its size.
_UNPACKED, _TIMES = 2**26, 100

Faults = Iterator[tuple[Installer, str]]


Look = Callable[[tuple[str, int | None]], dict[Installer, str]]


def looks(root: Path, check: Callable[[], object] = lambda: None) -> Look:
    """Returns what looks into wheels of the pool below ``root``, and returns why installers stop.

    It takes a path, and of how many bytes METADATA may stand beside the wheel (None: none does).
    It returns nothing for a wheel into which no installer looks. ``check`` is called between
    pieces, and may raise to break it off. Raises StorageError if the disk cannot be read.
    """
    return partial(_stops_in, Pool(root), check)


def _stops_in(
    pool: Pool, check: Callable[[], object], asked: tuple[str, int | None]
) -> dict[Installer, str]:
    path, beside = asked
    check()
    place = pool.absolute(path)
    if not pool.has(path, None):
        return {}  # lost: it is looked into when it has come again
    try:
        name, version, _, _ = parse_wheel_filename(place.name)
    except InvalidWheelFilename:
        return {}  # no installer takes it
    data = None
    if beside is not None and pool.has(path + METADATA, None):
        try:
            data = pool.read(path + METADATA, beside)
        except Malformed:
            return {}
    return stops(look_into(place, check), name, str(version), data)


def look_into(path: Path, check: Callable[[], object]) -> Contents:
    """Returns what is in a wheel.

    ``check`` is called between pieces, and may raise to break it off. Raises StorageError if the
    disk cannot be read.
    """
    try:
        with opened(path) as file:
            return _contents(file, check)
    except Malformed as error:
        archive = dict.fromkeys(INSTALLERS, _why(error, path.name))
        return Contents((), {}, archive=archive, opening=_unopened(path))


def _unopened(path: Path) -> str:
    """Returns why pip cannot read the METADATA of a wheel that is damaged; "" if it can."""
    try:
        with opened(path) as file, zip_of(file) as archive:
            return _opening(archive, dist_info(archive.namelist()))
    except Malformed as error:
        return _why(error, path.name)
    except ValueError as error:
        return str(error)


def _why(error: Malformed, filename: str) -> str:
    return str(error).removeprefix(f"{filename}: ")


def _contents(file: IO[bytes], check: Callable[[], object]) -> Contents:
    with zip_of(file) as archive:
        members = archive.infolist()
        against: dict[Installer, str] = {}
        for by, why in (*_packed(members), *_named(members)):
            against.setdefault(by, why)
        if "uv" not in against and (why := _torn(file.fileno(), archive, members)):
            against["uv"] = why
        kept: dict[int, bytes] = {}
        if len(against) < len(INSTALLERS) and (why := _damaged(archive, members, check, kept)):
            against = dict.fromkeys(INSTALLERS, why) | against
        names = [info.filename for info in members]
        files: dict[str, bytes] = {}
        unread: dict[str, str] = {}
        try:
            about = dist_info(names)
        except ValueError:
            return Contents(names, files, unread, against)
        for name in READ:
            # As zipfile has it, the last of this name counts.
            info = archive.NameToInfo.get(f"{about}/{name}")
            if info is None:
                continue
            unread[name] = ""
            if info.compress_type in _BY_BOTH and info.file_size <= MEMBER_LIMIT:
                try:
                    data = kept.get(id(info))
                    files[name] = read_member(archive, info, name) if data is None else data
                    del unread[name]
                except Malformed as error:
                    unread[name] = _why(error, name)
        opening = _opening(archive, about) if "pip" in against or any(unread.values()) else ""
        return Contents(names, files, unread, against, opening)


def _opening(archive: zipfile.ZipFile, about: str) -> str:
    """Returns which of the files of the ``.dist-info`` folder pip cannot unpack, and why."""
    for info in archive.infolist():
        if not info.filename.startswith(f"{about}/"):
            continue
        try:
            with archive.open(info) as member:
                if info.compress_type in _BY_BOTH and info.file_size <= MEMBER_LIMIT:
                    member.read(MEMBER_LIMIT)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            return f"its member {info.orig_filename[:100]!r} cannot be read: {said(error)}"
    return ""


def _packed(members: Sequence[zipfile.ZipInfo]) -> Faults:
    methods = {info.compress_type for info in members}
    for method in methods - _BY_BOTH:
        name = _NAMES.get(method, f"method {method}")
        why = f"its members are packed by {name}"
        yield from ((by, why) for by in INSTALLERS if method not in _read_by(by))
    if any(info.flag_bits & _ENCRYPTED for info in members):
        yield from ((by, "its members are encrypted") for by in INSTALLERS)


def _read_by(installer: Installer) -> set[int]:
    return _BY_PIP if installer == "pip" else _BY_UV


def _damaged(
    archive: zipfile.ZipFile,
    members: Sequence[zipfile.ZipInfo],
    check: Callable[[], object],
    kept: dict[int, bytes],
) -> str:
    """Returns which member does not unpack to the size and checksum that are stated for it.

    A wheel that says to unpack to far more than other wheels is not unpacked. What is small and
    may be read afterwards is put into ``kept``, by the id of its member.
    """
    most = max(_UNPACKED, _TIMES * archive.start_dir)
    if sum(info.file_size for info in members) > most:
        return ""
    for info in members:
        if info.compress_type not in _BY_BOTH:
            continue
        try:
            with archive.open(info) as member:
                first = member.read(_PIECE)
                if len(first) == info.file_size < _PIECE and info.filename.endswith(READ):
                    kept[id(info)] = first
                while member.read(_PIECE):
                    check()
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            return f"its member {info.orig_filename[:100]!r} is damaged: {said(error)}"
    return ""


def _named(members: Sequence[zipfile.ZipInfo]) -> Faults:
    seen: dict[str, tuple[int, int]] = {}
    for info in members:
        name = info.orig_filename
        if not name.isprintable() or not name:
            yield "uv", f"the name of its member {name[:100]!r} has control characters"
        if not info.flag_bits & _UTF8 and not name.isascii() and not _is_utf8(name):
            yield "uv", f"the name of its member {name[:100]!r} is not UTF-8"
        if name[-1:] == "/" and (info.file_size or info.CRC):
            yield "uv", f"its folder {name[:100]!r} has content"
        text = info.CRC, info.file_size
        if seen.setdefault(name, text) != text:
            yield "uv", f"its member {name[:100]!r} is there twice, with different content"


def _is_utf8(name: str) -> bool:
    try:
        name.encode("cp437").decode()
    except ValueError:
        return False
    return True


def _torn(number: int, archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo]) -> str:
    """Returns where the file is not one member after another with the directory behind them.

    Raises OSError.
    """
    at = 0
    ordered = sorted(members, key=lambda info: info.header_offset)
    following = [info.header_offset for info in ordered[1:]] + [archive.start_dir]
    for info, after in zip(ordered, following, strict=True):
        name = info.orig_filename[:100]
        if info.header_offset != at:
            return f"there is something in front of its member {name!r}"
        header = os.pread(number, _LOCAL.size + 4 * len(info.orig_filename), at)
        if len(header) < _LOCAL.size:
            raise zipfile.BadZipFile(f"the member {name!r} is cut off")
        mark, flags, method, crc, packed, size, named, extra = _LOCAL.unpack_from(header)
        here = header[_LOCAL.size : _LOCAL.size + named]
        if mark != _MEMBER or here != _raw(info):
            raise zipfile.BadZipFile(f"the member {name!r} has another name in its header")
        end = at + _LOCAL.size + named + extra + info.compress_size
        descriptor = flags & _DESCRIPTOR
        if method != info.compress_type or flags & _DESCRIPTOR != info.flag_bits & _DESCRIPTOR:
            return f"its member {name!r} is packed otherwise than its header says"
        sizes = (crc, packed, size) == (info.CRC, info.compress_size, info.file_size)
        if not (sizes or descriptor or _UNSTATED in (packed, size)):
            return f"its member {name!r} has another size or checksum in its header"
        if after != end and not (descriptor and after - end in _DESCRIPTORS):
            return f"there is something behind its member {name!r}"
        if descriptor and after == end:
            return f"there is nothing behind its member {name!r} that says its size"
        at = after
    return _ends(number, len(members))


def _raw(info: zipfile.ZipInfo) -> bytes:
    """Returns the name as it stands in the directory."""
    name = info.orig_filename
    return name.encode() if name.isascii() or info.flag_bits & _UTF8 else name.encode("cp437")


def _ends(number: int, members: int) -> str:
    """Returns what is wrong with the record at the end of the file. Raises OSError."""
    size = os.fstat(number).st_size
    tail = os.pread(number, _BEHIND, max(size - _BEHIND, 0))
    at = len(tail) - _END.size
    if tail[at : at + 4] != _LAST or tail[-2:] != b"\0\0":
        at = tail.rfind(_LAST)
    _, count, _, _, length = _END.unpack_from(tail, at)
    if count not in (members, 0xFFFF):
        return f"it states {counted(count, 'member')} and has {members}"
    comment = tail[at + _END.size : at + _END.size + length]
    if any(byte in comment for byte in range(1, 9)):
        return "its comment has control characters"
    if tail[at + _END.size + length :].strip(b"\0"):
        return "there is something behind it"
    return ""
