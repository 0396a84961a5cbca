"""Sends a stored file by sendfile(2): none of its bytes passes through Python.

Only bytes in the page cache are sent so, because otherwise all clients would wait for the disk;
another thread reads the rest. If a file has become shorter, the connection ends, and the client
notices.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable

from pypisync.web.response import FilePart

_AT_ONCE = 2**20  # bytes that one client gets in a turn
_SMALL = 16 * 1024  # copied behind the head rather: that is one call
_STEP = 128 * 1024  # the system reads a file ahead by so much
_PIECE = 128 * 1024  # read from the disk at a time; a client that does not read keeps it in memory
_BRIDGE = 16 * 1024  # goes by the transport, which then tells when there is room again


class CutError(OSError):
    """The file ended before its part did."""


def begin(transport: asyncio.Transport, head: bytes, part: FilePart) -> int | None:
    """Send the head and as much of the part as there is room for. Returns the next byte to send.

    Nothing must be waiting in the transport. Returns None if nothing was sent because the disk
    would have to be read. Raises OSError if the client has disconnected or the file is shorter.
    """
    at, stop = part.start, min(part.stop, part.start + _AT_ONCE)
    if not _in_memory(part.descriptor, at, stop):
        return None
    if part.stop - at <= _SMALL:
        transport.write(head + _exactly(os.pread(part.descriptor, part.stop - at, at), part, at))
        return part.stop
    connection = transport.get_extra_info("socket")
    # The head and what follows it leave together.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    try:
        sent = _written(connection.fileno(), head)
        if sent < len(head):
            transport.write(head[sent:])
            return at
        return _sendfile(connection.fileno(), part.descriptor, at, stop)
    finally:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)


async def finish(
    transport: asyncio.Transport, part: FilePart, at: int, drain: Callable[[], Awaitable[None]]
) -> None:
    """Send the part from byte ``at`` on. ``drain`` waits until nothing waits in the transport.

    Its limits must be zero for that. Raises OSError as ``begin`` does.
    """
    target = transport.get_extra_info("socket").fileno()
    while at < part.stop:
        await asyncio.sleep(0)  # the others' turn
        await drain()
        if transport.is_closing():
            return
        stop = min(part.stop, at + _AT_ONCE)
        if not _in_memory(part.descriptor, at, stop):
            size = min(_PIECE, stop - at)
            piece = await asyncio.to_thread(os.pread, part.descriptor, size, at)
        elif (at := _sendfile(target, part.descriptor, at, stop)) < stop:
            piece = os.pread(part.descriptor, min(_BRIDGE, stop - at), at)
        else:
            continue
        transport.write(_exactly(piece, part, at, least=1))
        at += len(piece)
    await drain()


def _written(target: int, head: bytes) -> int:
    try:
        return os.write(target, head)
    except BlockingIOError:
        return 0


def _sendfile(target: int, descriptor: int, at: int, stop: int) -> int:
    """Send what there is room for. Returns the next byte to send."""
    try:
        while at < stop:
            sent = os.sendfile(target, descriptor, at, stop - at)
            if not sent:
                raise CutError(f"a file ended at byte {at} of {stop}")
            at += sent
    except BlockingIOError:
        pass
    return at


def _exactly(piece: bytes, part: FilePart, at: int, least: int | None = None) -> bytes:
    if len(piece) < (part.stop - at if least is None else least):
        raise CutError(f"a file ended at byte {at + len(piece)} of {part.stop}")
    return piece


def _in_memory(descriptor: int, at: int, stop: int) -> bool:
    """Returns whether all of these bytes seem to be in the page cache, judging by samples."""
    byte = [bytearray(1)]
    try:
        for sample in (*range(at, stop, _STEP), stop - 1):
            os.preadv(descriptor, byte, sample, os.RWF_NOWAIT)
    except OSError:  # EAGAIN; or a file system that cannot tell
        return False
    return True
