"""How a response is sent over ASGI.

Small responses are bytes; files are sent piece by piece. A piece that is in the page cache is read
at once. Another thread reads a piece that has to come from the disk, so a slow disk does not keep
other clients waiting, and threads do not slow down a fast one.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from msgspec import Struct

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_PIECE = 256 * 1024
_STATUS = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in HTTPStatus}


class FilePart(Struct):
    """The bytes from ``start`` up to ``stop`` of an open file, which the response owns."""

    descriptor: int
    start: int
    stop: int


class Response(Struct):
    """A response. ``headers`` have no Content-Length, which follows from the body."""

    status: int
    headers: dict[str, str]
    body: bytes | FilePart = b""

    @property
    def length(self) -> int:
        """The bytes of the body."""
        body = self.body
        return len(body) if isinstance(body, bytes) else body.stop - body.start

    def close(self) -> None:
        """Close the file, if there is one."""
        if isinstance(self.body, FilePart):
            os.close(self.body.descriptor)

    def head(self, more: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
        """Returns status line and headers as they are sent, with ``more`` of them."""
        said = "".join([f"{name.lower()}: {value}\r\n" for name, value in self.headers.items()])
        length = "" if self.status == 304 else f"content-length: {self.length}\r\n"
        lines = [b"%b: %b\r\n" % header for header in more]
        return b"".join([_STATUS[self.status], *lines, f"{said}{length}\r\n".encode()])

    async def send(self, receive: Receive, send: Send, *, head: bool) -> None:
        """Send it; with ``head`` (or 304) all but the body."""
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        if self.status != 304:
            headers.append((b"content-length", b"%d" % self.length))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        if head or self.status == 304 or not self.length:
            await send({"type": "http.response.body", "body": b""})
        elif isinstance(self.body, bytes):
            await send({"type": "http.response.body", "body": self.body})
        else:
            await _send_file(self.body, receive, send)


def plain(status: int, more: Mapping[str, str] | None = None) -> Response:
    """Returns a response that says its status, with more headers."""
    said = f"{status} {HTTPStatus(status).phrase}\n".encode()
    sent = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    return Response(status, {**sent, **(more or {})}, said)


async def _send_file(part: FilePart, receive: Receive, send: Send) -> None:
    piece = await _read(part, part.start)
    if len(piece) == part.stop - part.start:
        await send({"type": "http.response.body", "body": piece})
        return
    gone = asyncio.ensure_future(_gone(receive))
    try:
        at = part.start
        while piece and not gone.done():
            at += len(piece)
            more = at < part.stop
            await send({"type": "http.response.body", "body": piece, "more_body": more})
            await asyncio.sleep(0)  # to the others' turn, and to hear that the client is gone
            piece = await _read(part, at) if more else b""
        if not gone.done() and at < part.stop:  # the client sees that the response ends early
            raise OSError(f"a file ended at byte {at} of {part.stop}")
    finally:
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone


async def _read(part: FilePart, at: int) -> bytes | bytearray:
    """Returns the piece of the file at this byte; empty if the file is shorter than it was."""
    size = min(_PIECE, part.stop - at)
    piece = _read_cached(part.descriptor, at, size)
    if piece is None:
        piece = await asyncio.to_thread(os.pread, part.descriptor, size, at)
    return piece


async def _gone(receive: Receive) -> None:
    """Returns when the client has gone away: the server drops what is sent after that silently."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _read_cached(descriptor: int, at: int, size: int) -> bytes | bytearray | None:
    """Returns the bytes that the page cache has; None if the disk would have to be read."""
    buffer = bytearray(size)
    try:
        count = os.preadv(descriptor, [buffer], at, os.RWF_NOWAIT)
    except OSError:  # EAGAIN; or a file system that cannot tell
        return None
    return buffer if count == size else bytes(buffer[:count])
