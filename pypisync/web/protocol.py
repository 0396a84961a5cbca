"""HTTP/1.1 as uvicorn speaks it with httptools, which parses in C, within limits of its own.

httptools keeps headers of any size in memory and takes requests without Host; uvicorn gives a
client all the time it wants for a request. Here a head ends at 16 KiB, a request ends after a
minute, and there is one Host (RFC 9112, 3.2). What breaks a limit is answered with 400 or cut off.
And uvicorn writes the head of an answer by itself; here it leaves with the beginning of the body.
"""

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD_BYTES = 16 * 1024
_SECONDS = 60  # for a whole request; for the first one from the beginning


class _UnfitError(Exception):
    """The parser takes it for a broken request."""


class Protocol(HttpToolsProtocol):
    """One connection."""

    _in_head = False
    _in_request = True
    _came = 0  # bytes that came for this head, but for the first piece
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there: it has a minute."""
        super().connection_made(transport)
        self._answers = _Joined(transport)
        self.transport = cast("asyncio.Transport", self._answers)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._in_request = False
        self._wait()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came; refuse a head that does not end."""
        begun = self._in_head
        super().data_received(data)
        self._wait()
        if not self._in_head or self.transport.is_closing():
            return
        self._came = self._came + len(data) if begun else 0
        if self._came > _HEAD_BYTES:
            self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head = self._in_request = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._in_head = False
        size, hosts = len(self.url), 0
        for name, value in self.headers:
            size += len(name) + len(value)
            hosts += name == b"host"
        if hosts > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            raise _UnfitError
        if size > _HEAD_BYTES:
            raise _UnfitError
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is there, with its body if it has one."""
        self._in_request = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is given."""
        self._answers.flush()
        super().on_response_complete()

    def _wait(self) -> None:
        """Have patience with a request that is still to come, for a while."""
        if self._in_request and self._patience is None:
            self._patience = self.loop.call_later(_SECONDS, self.transport.close)
        elif not self._in_request and self._patience is not None:
            self._patience.cancel()
            self._patience = None


class _Joined:
    """A transport that keeps the first piece of an answer until the second comes, or the end."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._first: bytes | None = None  # None: no answer is begun; empty: it has left
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Send it, now or with the next piece."""
        if self._first is None:
            self._first = data
            return
        if self._first:
            data, self._first = b"".join((self._first, data)), b""
        self._transport.write(data)

    def flush(self) -> None:
        """The answer ends."""
        if self._first:
            self._transport.write(self._first)
        self._first = None

    def close(self) -> None:
        """Send what there is, and close."""
        self.flush()
        self._transport.close()
