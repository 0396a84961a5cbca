"""HTTP/1.1 as uvicorn speaks it with httptools, which parses in C, within limits of its own.

httptools keeps headers of any size in memory and accepts requests without Host; uvicorn gives a
client unlimited time for a request. Here a head ends at 16 KiB, a request ends after a minute, and
there is exactly one Host (RFC 9112, 3.2). A request that breaks a limit gets 400, or the connection
is closed. uvicorn also sends the head of a response by itself; here the head leaves with the
beginning of the body.

A response that needs no waiting is sent at once, without a task, and a file by sendfile(2): that
takes a quarter of the processor time, and most requests are for files.
"""

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, cast

from msgspec import Struct, field
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from pypisync.web import sending
from pypisync.web.crowd import Crowd
from pypisync.web.response import FilePart, Response

if TYPE_CHECKING:
    from pypisync.web.app import Site

_HEAD_BYTES = 16 * 1024
_SECONDS = 60  # for a whole request; for the first one from the beginning
# A request with one of them goes by uvicorn: a body follows, or the client waits for a 100.
_MORE_TO_COME = {b"content-length", b"transfer-encoding", b"expect", b"upgrade"}


class _UnfitError(Exception):
    """Raised in a callback of the parser: it then takes the request for a broken one."""


class Protocol(HttpToolsProtocol):
    """One connection."""

    _in_head = False
    _in_request = True
    _came = 0  # bytes that came for this head, but for the first piece
    _patience: asyncio.TimerHandle | None = None

    def __init__(self, *settings: Any, crowd: Crowd, **more: Any) -> None:
        super().__init__(*settings, **more)
        self._crowd = crowd

    @property
    def idle(self) -> bool:
        """Whether no response is under way."""
        return self.cycle is None or self.cycle.response_complete

    def end(self) -> None:
        """Close the connection; another one needs its place."""
        self._direct.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new client; its first request must be there within a minute."""
        super().connection_made(transport)
        self._direct = transport
        transport.set_write_buffer_limits(high=0)  # so that "drained" means "nothing waits"
        self._answers = _Joined(transport)
        self.transport = cast("asyncio.Transport", self._answers)
        self._wait()
        self._crowd.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of a client that has disconnected."""
        self._crowd.remove(self)
        self._in_request = False
        self._wait()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came; refuse a head that does not end."""
        self._crowd.heard(self)
        begun = self._in_head
        super().data_received(data)
        self._wait()
        if not self._in_head or self.transport.is_closing():
            return
        self._came = self._came + len(data) if begun else 0
        if self._came > _HEAD_BYTES:
            self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        self._in_head = self._in_request = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Check the head of a request, which is complete, and answer at once if possible."""
        self._in_head = False
        size, hosts, simple = len(self.url), 0, True
        for name, value in self.headers:
            size += len(name) + len(value)
            hosts += name == b"host"
            simple = simple and name not in _MORE_TO_COME
        if hosts > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            raise _UnfitError
        if size > _HEAD_BYTES:
            raise _UnfitError
        if not (simple and self._answered()):
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the request is complete, with its body if it has one."""
        self._in_request = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Send what is kept of a response of uvicorn, which is complete."""
        self._answers.flush()
        super().on_response_complete()

    # -- at once ------------------------------------------------------------------------------

    def _answered(self) -> bool:
        """Send the response, unless others come first or it must wait; returns whether it did."""
        method, before = self.parser.get_method(), self.cycle
        if not (
            (before is None or before.response_complete)
            and method in {b"GET", b"HEAD"}
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self._direct.is_closing()
            and not self._direct.get_write_buffer_size()
        ):
            return False
        head = method == b"HEAD"
        response = cast("Site", self.app).at_once(self.url, self.headers, head=head)
        if response is None:
            return False
        under_way = _UnderWay()
        self.cycle = cast("RequestResponseCycle", under_way)
        said = response.head(self.server_state.default_headers)
        if head or response.status == 304 or isinstance(response.body, bytes):
            body = b"" if head or response.status == 304 else response.body
            self._direct.write(said + cast("bytes", body))
            response.close()
            self._ended(under_way)
        else:
            self._begin_file(response, response.body, said, under_way)
        return True

    def _begin_file(
        self, response: Response, part: FilePart, head: bytes, under_way: "_UnderWay"
    ) -> None:
        try:
            at = sending.begin(self._direct, head, part)
        except OSError:
            response.close()
            self._direct.abort()
            return
        if at == part.stop:
            response.close()
            self._ended(under_way)
            return
        if at is None:
            self._direct.write(head)
            at = part.start
        task = self.loop.create_task(self._finish_file(response, part, at, under_way))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _finish_file(
        self, response: Response, part: FilePart, at: int, under_way: "_UnderWay"
    ) -> None:
        try:
            await sending.finish(self._direct, part, at, self.flow.drain)
        except (OSError, asyncio.CancelledError):
            self._direct.abort()
        else:
            self._ended(under_way)
        finally:
            response.close()

    def _ended(self, under_way: "_UnderWay") -> None:
        """Go on after a response of ours is complete."""
        under_way.response_complete = True
        if not under_way.keep_alive:
            self._direct.close()
        super().on_response_complete()

    def _wait(self) -> None:
        """Set or clear the time limit of the request that is being received."""
        if self._in_request and self._patience is None:
            self._patience = self.loop.call_later(_SECONDS, self.transport.close)
        elif not self._in_request and self._patience is not None:
            self._patience.cancel()
            self._patience = None


class _UnderWay(Struct):
    """The attributes of a response that uvicorn reads, for a response that it does not send."""

    response_complete: bool = False
    disconnected: bool = False
    keep_alive: bool = True  # False: the server is about to end
    more_body: bool = False
    body: bytearray = field(default_factory=bytearray)
    message_event: ClassVar[asyncio.Event] = asyncio.Event()  # nobody waits for it


class _Joined:
    """A transport that keeps the first piece of a response until the second piece or the end."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._first: bytes | None = None  # None: no response has begun; empty: it was sent
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
        """Send what is kept of a response that is complete."""
        if self._first:
            self._transport.write(self._first)
        self._first = None

    def close(self) -> None:
        """Send what is kept, and close."""
        self.flush()
        self._transport.close()
