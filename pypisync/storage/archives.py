"""What a downloaded wheel or sdist says about itself.

Members are read in memory, within limits; nothing is extracted, no link is followed and nothing
is run. The standards are the binary distribution format (PEP 427) and the source distribution
format (PEP 517, 625, 643). What the members mean is left to the readers of metadata.
"""

import errno
import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from msgspec import Struct
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from pypisync.errors import Malformed
from pypisync.storage import disk

MEMBER_LIMIT = 10 * 2**20  # bytes of one member that is read
DIRECTORY_LIMIT = 32 * 2**20  # bytes of a zip's central directory (more than 200,000 members)
HEADER_LIMIT = 256 * 2**10  # bytes of one extended header of a tar
MEMBERS_LIMIT = 200_000  # members of a tar
SCAN_LIMIT = 2 * 2**30  # bytes of an unpacked tar that are gone through

# What upstream accepts. The others can unpack one block into gigabytes.
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    tarfile.TarError,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    LookupError,
    OverflowError,
    NotImplementedError,
    RecursionError,
)
_DIST_INFO = ".dist-info"
_FACTS = ("PKG-INFO", "pyproject.toml")


class SdistFacts(Struct, frozen=True):
    """The two files of an sdist's top folder that say what it needs; None: not in it."""

    pkg_info: bytes | None
    pyproject: bytes | None


def wheel_metadata(path: Path) -> bytes:
    """Returns the METADATA of a wheel under its own filename.

    Raises Malformed if it is not a sound wheel of that name and version, StorageError if the
    disk cannot be read.
    """
    with opened(path) as file:
        return _metadata_of(path.name, file)


def metadata_inside(filename: str, file: IO[bytes]) -> bytes:
    """Returns the METADATA of a wheel that is read from a seekable file. Raises Malformed.

    What the file itself raises is passed on.
    """
    with _undamaged(filename):
        return _metadata_of(filename, file)


def sdist_facts(path: Path) -> SdistFacts:
    """Returns PKG-INFO and pyproject.toml of an sdist (.tar.gz or .zip).

    Raises Malformed if it is damaged, hostile or of another kind, StorageError if the disk
    cannot be read.
    """
    if path.name.endswith(".tar.gz"):
        with opened(path) as file, gzip.GzipFile(fileobj=file) as unpacked:
            found = _tar_facts(_Tar(unpacked), path)
    elif path.name.endswith(".zip"):
        with opened(path) as file, zip_of(file) as archive:
            found = _zip_facts(archive, path)
    else:
        raise Malformed(f"{path.name}: neither .tar.gz nor .zip")
    return SdistFacts(found.get("PKG-INFO"), found.get("pyproject.toml"))


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Yields the opened file. Raises Malformed for whatever shows it to be damaged."""
    with disk.guarded(path):
        file = path.open("rb")
    with file, disk.guarded(path), _undamaged(path.name):
        yield file


@contextmanager
def _undamaged(filename: str) -> Iterator[None]:
    """Returns a context that turns what a damaged archive raises into Malformed."""
    try:
        yield
    except _BROKEN as error:
        raise Malformed(f"{filename}: damaged archive: {said(error)}") from error
    except OSError as error:
        if error.errno not in {None, errno.EINVAL}:  # the disk's own failure
            raise
        raise Malformed(f"{filename}: damaged archive: {said(error)}") from error


def said(error: Exception) -> str:
    """Returns what a library says of an archive, cut short: it quotes names of 64 KiB."""
    return str(error)[:300]


def _metadata_of(filename: str, file: IO[bytes]) -> bytes:
    """Returns the METADATA of a wheel, which has one ``.dist-info`` folder.

    As for pip (``utils/wheel.py``) and uv, the folder's name begins with that of the project, and
    the version in it does not count.
    """
    try:
        name, _, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise Malformed(f"{filename}: {error}") from error
    with zip_of(file) as archive:
        members = archive.infolist()
        folders = {info.filename.partition("/")[0] for info in members}
        about = sorted(folder for folder in folders if folder.endswith(_DIST_INFO))
        if len(about) != 1:
            raise Malformed(f"{filename}: {len(about)} folders {_DIST_INFO}, expected 1")
        if not canonicalize_name(about[0]).startswith(name):
            raise Malformed(f"{filename}: its metadata is in {about[0]}, of another project")
        found = [info for info in members if info.filename == f"{about[0]}/METADATA"]
        if len(found) != 1:
            raise Malformed(f"{filename}: {len(found)} members are its METADATA, expected 1")
        return read_member(archive, found[0], filename)


class _Zip(io.RawIOBase):
    """A file whose reads are limited: zipfile takes a whole central directory at once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        file.seek(0)

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(self._size - self._file.tell(), 0)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > DIRECTORY_LIMIT:
            raise zipfile.BadZipFile(f"a part of {wanted} bytes")
        return self._file.read(wanted)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True


class _Tar(io.RawIOBase):
    """An unpacked tar that is read once, forwards, within limits."""

    def __init__(self, unpacked: gzip.GzipFile) -> None:
        self._unpacked = unpacked

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= HEADER_LIMIT:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self.take(size)

    def take(self, size: int) -> bytes:
        """Returns exactly ``size`` bytes, or fewer at the end."""
        self._limit(self.tell() + size)
        return self._unpacked.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence != io.SEEK_SET or offset < self.tell():
            raise tarfile.ReadError("a member that points backwards")
        self._limit(offset)
        return self._unpacked.seek(offset)

    def tell(self) -> int:
        return self._unpacked.tell()

    def _limit(self, position: int) -> None:
        if position > SCAN_LIMIT:
            raise tarfile.ReadError(f"more than {SCAN_LIMIT} bytes to go through")


class _Top:
    """Which members are the facts: those right in the top folder, the first folder there is."""

    def __init__(self) -> None:
        self._folder: str | None = None

    def fact(self, name: str) -> str | None:
        folder, slash, rest = name.removeprefix("./").partition("/")
        if not slash or folder in {"", ".", ".."}:
            return None
        if self._folder is None:
            self._folder = folder
        return rest if folder == self._folder and rest in _FACTS else None


def _tar_facts(stream: _Tar, path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    top = _Top()
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for _ in range(MEMBERS_LIMIT):
            member = archive.next()
            if member is None:
                return found
            vars(archive)["members"].clear()  # it keeps all it has seen
            fact = top.fact(f"{member.name}/" if member.isdir() else member.name)
            if fact is None or fact in found:
                continue
            # A link or a sparse file is something, but what it holds is not known.
            if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE} or member.sparse:
                raise Malformed(f"{path.name}: {fact} is not a regular file")
            if member.size > MEMBER_LIMIT:
                raise Malformed(f"{path.name}: {fact} has {member.size} bytes")
            stream.seek(member.offset_data)
            found[fact] = stream.take(member.size)
            if len(found[fact]) != member.size:
                raise Malformed(f"{path.name}: {fact} is cut off")
            if len(found) == len(_FACTS):
                return found
    raise Malformed(f"{path.name}: more than {MEMBERS_LIMIT} members")


def _zip_facts(archive: zipfile.ZipFile, path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    top = _Top()
    for info in archive.infolist():
        fact = top.fact(info.filename)
        if fact is None or fact in found:
            continue
        if stat.S_ISLNK(info.external_attr >> 16):
            raise Malformed(f"{path.name}: {fact} is not a regular file")
        found[fact] = read_member(archive, info, path.name)
    return found


def zip_of(file: IO[bytes]) -> zipfile.ZipFile:
    """Returns a file as a zip archive, within limits. Raises what ``zipfile`` raises."""
    return zipfile.ZipFile(_Zip(file))


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, filename: str) -> bytes:
    """Returns the content of a member. Raises Malformed if it is damaged, packed oddly or large."""
    if info.compress_type not in _METHODS or info.flag_bits & 0x1:  # bit 0: encrypted
        raise Malformed(f"{filename}: {info.filename} is packed in a way that is not supported")
    if info.file_size > MEMBER_LIMIT:
        raise Malformed(f"{filename}: {info.filename} has {info.file_size} bytes")
    with archive.open(info) as member:
        # Never unpacks more than is asked for; at the stated size it checks the CRC.
        data = member.read(info.file_size)
    if len(data) != info.file_size:
        raise Malformed(f"{filename}: {info.filename} is cut off")
    return data
