"""Bytes of zip archives, spoilt."""

import io
import struct
import zipfile
from collections.abc import Callable

ZSTD, DEFLATE64 = 93, 9
ENCRYPTED, DESCRIPTOR = 0x1, 0x8
LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def find(data: bytes, mark: bytes, path: bytes) -> int:
    at = 30 if mark == LOCAL else 46
    start = data.find(mark)
    while data[start + at : start + at + len(path)] != path:
        start = data.index(mark, start + 4)
    return start


def with_method(data: bytes, path: bytes, method: int, _: int) -> bytes:
    for mark, at in ((LOCAL, 8), (CENTRAL, 10)):
        start = find(data, mark, path)
        data = data[: start + at] + struct.pack("<H", method) + data[start + at + 2 :]
    return data


def zstd(data: bytes) -> bytes:
    """One frame with one raw block (RFC 8878)."""
    frame = b"\x28\xb5\x2f\xfd\x60" + struct.pack("<H", len(data) - 256)
    return frame + struct.pack("<L", len(data) << 3 | 1)[:3] + data


def deflate(data: bytes) -> bytes:
    """One stored block, which deflate and deflate64 write alike."""
    return b"\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data


def flag(bit: int) -> Callable[[bytes], bytes]:
    """Set a flag of the first member, in both headers."""

    def spoil(data: bytes) -> bytes:
        for mark, at in ((LOCAL, 6), (CENTRAL, 8)):
            start = data.index(mark) + at
            flags = struct.unpack_from("<H", data, start)[0] | bit
            data = data[:start] + struct.pack("<H", flags) + data[start + 2 :]
        return data

    return spoil


def stated(mark: bytes, at: int, new: bytes) -> Callable[[bytes], bytes]:
    """Other bytes at a place of the first record of a kind."""

    def spoil(data: bytes) -> bytes:
        start = data.index(mark) + at
        return data[:start] + new + data[start + len(new) :]

    return spoil


def in_front(data: bytes) -> bytes:
    return b"#!/usr/bin/python\n" + data


def in_front_and_shifted(data: bytes) -> bytes:
    """The offsets are those of the whole file, as ``zip -A`` writes them."""
    front = b"#!/usr/bin/python\n"
    start = data.index(CENTRAL)
    while (start := data.find(CENTRAL, start)) >= 0:
        offset = struct.unpack_from("<L", data, start + 42)[0] + len(front)
        data = data[: start + 42] + struct.pack("<L", offset) + data[start + 46 :]
        start += 46
    end = data.rindex(END) + 16
    offset = struct.unpack_from("<L", data, end)[0] + len(front)
    return front + data[:end] + struct.pack("<L", offset) + data[end + 4 :]


def shifted(data: bytes, at: int, by: int) -> bytes:
    """Offsets from ``at`` on, and that of the directory, are larger by so much."""
    start = data.index(CENTRAL)
    while (start := data.find(CENTRAL, start)) >= 0:
        offset = struct.unpack_from("<L", data, start + 42)[0]
        if offset >= at:
            data = data[: start + 42] + struct.pack("<L", offset + by) + data[start + 46 :]
        start += 46
    end = data.rindex(END) + 16
    offset = struct.unpack_from("<L", data, end)[0] + by
    return data[:end] + struct.pack("<L", offset) + data[end + 4 :]


def gap(data: bytes) -> bytes:
    """Bytes between the first member and the second."""
    at = data.index(LOCAL, 4)
    data = shifted(data, at, 9)
    return data[:at] + b"\0" * 9 + data[at:]


def records(data: bytes) -> tuple[int, list[bytes], int]:
    start, end = data.index(CENTRAL), data.rindex(END)
    return start, [CENTRAL + one for one in data[start:end].split(CENTRAL)[1:]], end


def forgotten(data: bytes) -> bytes:
    start, found, end = records(data)
    rest = b"".join(found[1:])
    tail = struct.pack("<HHL", len(found) - 1, len(found) - 1, len(rest))
    return data[:start] + rest + data[end : end + 8] + tail + data[end + 16 :]


def reordered(data: bytes) -> bytes:
    start, found, end = records(data)
    return data[:start] + b"".join(reversed(found)) + data[end:]


def commented(comment: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data[:-2] + struct.pack("<H", len(comment)) + comment


class Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def zip64(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for info in old.infolist():
            with new.open(
                zipfile.ZipInfo(info.filename, info.date_time), "w", force_zip64=True
            ) as m:
                m.write(old.read(info))
    return buffer.getvalue()
