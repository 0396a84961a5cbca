"""Bundles on the disk: a manifest, and parts, which are plain tar files, as streams.

The first member lists the others, so the bytes of a part follow from that list and the files: ustar
headers with fixed owner, mode and time (pax headers for names that are too long for ustar), two
empty blocks at the end, filled up to 10,240 bytes. A reader works out every header and compares
it. So a part can hold no link, no device, no name and no size that the list does not have, and
nothing is ever written to a place that a header names.
"""

import errno
import os
import re
import stat
import tarfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from msgspec.structs import replace

from pypisync.core.bundles import manifest, pieces
from pypisync.core.bundles.manifest import BundlePart, Manifest, Member, Piece
from pypisync.errors import BundleError
from pypisync.storage import disk

CONTENTS = "contents.jsonl"

_BLOCK = 512
_RECORD = 10_240
_CHUNK = 2**20
_PARTIAL = ".partial"

Open = Callable[[Member], Path]
Sink = Callable[[Member, Iterator[bytes]], None]


def name_of(bundle: str, number: int) -> str:
    """Returns what a part of a bundle is called."""
    return f"{bundle}.{number:04}.tar"


def remove_others(folder: Path, bundle: str, names: Collection[str]) -> None:
    """Remove the parts of this bundle that are not among ``names``.

    They are of an earlier export that was cut off, and would be carried along for nothing. Raises
    StorageError.
    """
    ours = re.compile(rf"{re.escape(bundle)}\.[0-9]{{4}}\.tar({re.escape(_PARTIAL)})?")
    with disk.guarded(folder):
        there = [path for path in folder.iterdir() if ours.fullmatch(path.name)]
    for path in there:
        if path.name not in names and is_there(path):
            disk.remove(path)


def size_of(entry: Member) -> int:
    """Returns the bytes that a file takes in a part, without its line in the list."""
    return len(_header(entry.name, entry.size)) + _padded(entry.size)


def room_for(entry: Member, split: int) -> int:
    """Returns the most bytes of a file that a part of ``split`` bytes can hold, as a piece."""
    last = Piece(manifest.MOST, manifest.MOST, entry.sha256)
    piece = replace(entry, size=split, of=last)  # none has a longer line
    around = size_around(len(manifest.to_line(piece))) + size_of(replace(piece, size=0))
    return (split - around) // _BLOCK * _BLOCK


def size_around(contents: int) -> int:
    """Returns the most bytes that a part has besides its files, with so long a list."""
    return len(_header(CONTENTS, contents)) + _padded(contents) + 2 * _BLOCK + _RECORD


def list_of(entries: Iterable[Member]) -> bytes:
    """Returns the list of a part's contents."""
    return b"".join(map(manifest.to_line, entries))


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o644, 0
    try:
        return info.tobuf(tarfile.USTAR_FORMAT)
    except ValueError:  # a long name, or 8 GiB and more
        return info.tobuf(tarfile.PAX_FORMAT)


def _padded(size: int) -> int:
    return size + -size % _BLOCK


# -- writing --------------------------------------------------------------------------------


class _PartWriter:
    """A part under way."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hash = sha256()
        self.size = 0
        self.descriptor, _ = disk.open_file(path, empty=True)

    def put(self, data: bytes) -> None:
        disk.append(self.descriptor, data, self._path)
        self._hash.update(data)
        self.size += len(data)

    def digest(self) -> str:
        return self._hash.hexdigest()


def write(target: Path, entries: Sequence[Member], place: Open) -> BundlePart:
    """Write a part under its name. Returns what the manifest says of it.

    ``place`` returns where the bytes of an entry are. Raises BundleError if they are not those of
    the entry, StorageError.
    """
    temporary = target.with_name(target.name + _PARTIAL)
    writer = _PartWriter(temporary)
    listed = list_of(entries)
    try:
        writer.put(_header(CONTENTS, len(listed)))
        writer.put(_filled(listed))
        for entry in entries:
            writer.put(_header(entry.name, entry.size))
            _copy(writer, entry, place(entry))
        writer.put(bytes(2 * _BLOCK))
        writer.put(bytes(-writer.size % _RECORD))
    finally:
        os.close(writer.descriptor)
    disk.sync_all([temporary], target.parent)
    disk.replace(temporary, target)
    contents = sha256(listed).hexdigest()
    return BundlePart(target.name, writer.size, writer.digest(), contents, len(entries))


def _filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % _BLOCK)


def _copy(writer: _PartWriter, entry: Member, source: Path) -> None:
    found, count = sha256(), 0
    with _opened(source) as file:
        for chunk in _chunks(file, entry):
            found.update(chunk)
            count += len(chunk)
            writer.put(chunk)
    if (count, found.hexdigest()) != (entry.size, entry.sha256):
        raise _damaged(source)
    writer.put(bytes(-count % _BLOCK))


def _chunks(file: BinaryIO, entry: Member) -> Iterator[bytes]:
    """Yields the bytes of a piece; of a whole file all that is there, if it is longer."""
    left = 2**62 if entry.of is None else entry.size
    file.seek(0 if entry.of is None else entry.of.offset)
    while chunk := file.read(min(left, _CHUNK)):
        left -= len(chunk)
        yield chunk


def cut(entry: Member, source: Path, split: int) -> list[Member]:
    """Returns the pieces of a file, with their hashes, that go into parts of ``split`` bytes.

    Raises BundleError if its bytes are not those of the entry, StorageError.
    """
    whole, found = sha256(), []
    with _opened(source) as file:
        for piece in pieces.cut(entry, room_for(entry, split)):
            digest = sha256()
            for chunk in _chunks(file, piece):
                digest.update(chunk)
                whole.update(chunk)
            found.append(replace(piece, sha256=digest.hexdigest()))
        longer = file.read(1)
    if longer or whole.hexdigest() != entry.sha256:
        raise _damaged(source)
    return found


def _damaged(source: Path) -> BundleError:
    return BundleError(
        f'{source}: damaged: run "pypisync verify --repair --rehash" before the export'
    )


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Opens a regular file, following no link in its last part."""
    with disk.guarded(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with disk.guarded(path), os.fdopen(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        yield file


# -- reading --------------------------------------------------------------------------------


class _PartReader:
    """A part as it comes, with the name by which it is refused."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name

    def exactly(self, size: int) -> bytes:
        data = self._some(size)
        while len(data) < size:
            data += self._some(size - len(data))
        return data

    def _some(self, size: int) -> bytes:
        """Returns at least one of so many bytes."""
        try:
            data = self._file.read(size)
        except OSError as error:  # another copy of it may be readable
            raise self.fault(f"it cannot be read: {error.strerror}") from None
        if size and not data:
            raise self.fault("it ends too early")
        return data

    def expect(self, wanted: bytes) -> None:
        if self.exactly(len(wanted)) != wanted:
            raise self.fault("damaged: other bytes than its list calls for")

    def chunks(self, entry: Member) -> Iterator[bytes]:
        left = entry.size
        found = sha256()
        while left:
            chunk = self.exactly(min(left, _CHUNK))
            found.update(chunk)
            left -= len(chunk)
            yield chunk
        if found.hexdigest() != entry.sha256:
            raise self.fault(f"damaged: the SHA-256 of {entry.path} in it is another")

    def fault(self, what: str) -> BundleError:
        return BundleError(f"{self._name}: {what}")


def read(path: Path, part: BundlePart, sink: Sink) -> None:
    """Hand each entry of a part, with its bytes, to ``sink``, which reads all of them.

    Memory stays small whatever the part holds. Raises BundleError, with the part's name, unless
    every byte is as the manifest wants it; ``sink`` has had entries by then. Raises StorageError.
    """
    with _opened(path) as file:
        if os.fstat(file.fileno()).st_size != part.size:
            raise BundleError(f"{part.name}: not {part.size} bytes long, as the manifest says")
        reader = _PartReader(file, part.name)
        for entry in _contents(reader, part):
            reader.expect(_header(entry.name, entry.size))
            sink(entry, reader.chunks(entry))
            reader.expect(bytes(-entry.size % _BLOCK))
        rest = part.size - os.lseek(file.fileno(), 0, os.SEEK_CUR)
        if not 2 * _BLOCK <= rest < 2 * _BLOCK + _RECORD:
            raise reader.fault("it does not end behind what it lists")
        reader.expect(bytes(rest))


def read_first(places: Iterable[tuple[Path, BundlePart]], path: str) -> Iterator[bytes]:
    """Yields the bytes of the file ``path`` with which the parts, given in their order, begin.

    Raises BundleError, with the part's name, if it is not there or, in the end, if it is damaged;
    StorageError.
    """
    before: Member | None = None
    for place, part in places:
        with _opened(place) as file:
            reader = _PartReader(file, part.name)
            entries = _contents(reader, part)
            if not entries or entries[0].path != path or pieces.fault(before, entries[0]):
                raise reader.fault(f"it does not begin with {path}")
            before = entries[0]
            reader.expect(_header(before.name, before.size))
            yield from reader.chunks(before)
        if before.ends:
            return


def read_list(path: Path, part: BundlePart) -> list[Member]:
    """Returns what a part holds. Raises BundleError, with the part's name, StorageError."""
    with _opened(path) as file:
        return _contents(_PartReader(file, part.name), part)


def _contents(reader: _PartReader, part: BundlePart) -> list[Member]:
    """Returns what is in a part, once it is sure that the list is the manifest's."""
    size = _listed_size(reader)
    listed = reader.exactly(size)
    if sha256(listed).hexdigest() != part.contents:
        raise reader.fault("damaged, or of another bundle: its list is not the manifest's")
    reader.expect(bytes(-size % _BLOCK))
    if listed.count(b"\n") != part.files:  # before it takes memory
        raise reader.fault("its list does not say what the manifest says")
    entries = [manifest.read(line, Member, part.name) for line in listed.splitlines()]
    if len(entries) != part.files or list_of(entries) != listed:
        raise reader.fault("its list does not say what the manifest says")
    if len({one.name for one in entries}) < len(entries):
        raise reader.fault("its list names a file twice")
    return entries


def _listed_size(reader: _PartReader) -> int:
    header = reader.exactly(_BLOCK)
    try:
        size = int(header[124:136].rstrip(b"\0 ") or b"x", 8)
    except ValueError:
        size = -1
    if not 0 <= size <= manifest.LARGEST_CONTENTS or header != _header(CONTENTS, size):
        raise reader.fault("damaged: it does not begin with the list of its contents")
    return size


def read_manifest(place: Path) -> tuple[Manifest, bytes]:
    """Returns a bundle's manifest, and its bytes, which are signed.

    Raises BundleError, StorageError.
    """
    data = disk.read(place, manifest.LARGEST + 1)
    if data is None:
        raise BundleError(f"{place}: there is no such manifest")
    return manifest.read_manifest(data, place.name), data


def is_there(path: Path, size: int | None = None) -> bool:
    """Returns whether a file is there, of this size (None: of any), and not a link to one.

    Raises StorageError.
    """
    there = disk.found(path)
    return there is not None and stat.S_ISREG(there.st_mode) and size in {None, there.st_size}


def find(name: str, folders: Sequence[Path]) -> list[Path]:
    """Returns where a part is: in each of the folders that has it. Raises StorageError."""
    places = (folder / name for folder in dict.fromkeys(folders))
    return [place for place in places if is_there(place)]
