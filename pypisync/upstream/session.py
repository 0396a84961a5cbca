"""Requests to an upstream: one try after another, with the limits every answer must keep.

Retried are connection faults, timeouts and the statuses 429, 500, 502, 503 and 504 (RFC 9110,
RFC 6585), after a doubling wait or what the host asks for, each time on a new connection. What an
answer means is left to the callers; every other status is theirs, except 407: it is the proxy's.
Documents come from the origin that was asked or not at all; files may lie elsewhere. Credentials
never stand in a URL here, so that no message can show them.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from io import BytesIO
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

from pypisync.core.display import counted
from pypisync.errors import Elsewhere, Malformed, Stopped
from pypisync.upstream.connection import Request
from pypisync.upstream.connections import HttpResponse
from pypisync.upstream.deadline import Deadline
from pypisync.upstream.encodings import Unpacker, encoding
from pypisync.upstream.failures import TransferError
from pypisync.upstream.faults import (
    RequestFault,
    Told,
    Waits,
    fault_of,
    refused_by_proxy,
    said,
    shown,
)
from pypisync.upstream.manners import Gates
from pypisync.upstream.routes import Routes, Settings, normalised

_UNPACKED = 128 * 1024  # bytes of a packed body that are unpacked at a time

_T = TypeVar("_T")

_AGAIN = frozenset({429, 500, 502, 503, 504})
_PARTS = re.compile(r"([^/?#]*//[^/?#]*)?([^#]*)")  # RFC 3986, B; the fragment is never sent
_MOVED = frozenset({301, 302, 303, 307, 308})
_HOPS = 5  # redirects followed
_WANTS_TLS = re.compile(  # nginx; Go, hence Caddy and Traefik; Apache
    rb"plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server|"
    rb"speaking plain HTTP to an SSL-enabled"
)


class Reply(Struct, frozen=True):
    """A whole answer that is not worth a retry."""

    status: int
    url: str  # after redirects
    headers: Mapping[str, str]  # looked up without regard to case
    body: bytes  # decompressed


class Stream:
    """An answer whose body is still to be read, as it comes or unpacked."""

    def __init__(self, url: str, response: HttpResponse, deadline: Deadline, through: str) -> None:
        self.status = response.status
        self.url = url
        self.through = through  # the proxy that it came through; "" for none
        self.headers = response.headers
        self.deadline = deadline
        self.response = response
        self._unpacker: Unpacker | None = None

    def read(self) -> bytes:
        """Returns the bytes that are there, at least one; b"" at the end.

        Raises TransferError, Stopped.
        """
        return self.response.read()

    def unpacked(self) -> bytes:
        """Returns the next bytes of what is packed in the body, at least one; b"" at the end.

        Raises TransferError, Stopped.
        """
        if self._unpacker is None:
            self._unpacker = Unpacker(encoding(self.headers))
        while not (self._unpacker.hungry and self.ended):
            self.deadline.check()  # much may be packed that is nothing
            data = self.response.read() if self._unpacker.hungry else b""
            if found := self._unpacker.feed(data, _UNPACKED):
                return found
        self._unpacker.end()
        return b""

    @property
    def ended(self) -> bool:
        """Whether all of the body has been read; saves a read that would only say so."""
        return self.response.ended

    def close(self) -> None:
        """Give the connection back if the body was read, else drop it."""
        self.response.close()


class _Wanted(Struct, frozen=True):
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    # Called with the URL of each hop before it is asked; may raise.
    hop: Callable[[str], object] = lambda _: None
    stays: bool = False  # only the origin that is asked may answer
    end: float = float("inf")  # on the clock: when it must have come to its end


class Session:
    """Sends requests. Safe between threads; connections are kept and shared.

    ``sleep`` and ``clock`` (seconds) are the time that hosts are left alone in. What a request
    may take is told by ``timer``: the time of the sockets. ``told`` is told whom it waits for.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        stop: Callable[[], bool] = lambda: False,
        told: Told = lambda *_: None,
    ) -> None:
        self.settings = settings
        self.timer = time.monotonic
        self._routes = Routes(settings)
        self.endpoint = self._routes.endpoint
        self.root = self._routes.root
        self.gates = Gates(clock, settings.retries)
        self._waits = Waits(clock, told)
        self._sleep = sleep
        self._stop = stop
        self._closed = threading.Event()

    def get(self, url: str, headers: Mapping[str, str]) -> Reply:
        """Returns the document at ``url``.

        Raises Unreachable after all tries, Malformed if it is too large, Elsewhere if the index
        sends us to another origin.
        """
        return self._try(_Wanted("GET", url, headers, stays=True), self._whole)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Returns the answer to ``body``.

        Raises Unreachable, Malformed and Elsewhere as :meth:`get` does.
        """
        return self._try(_Wanted("POST", url, headers, body, stays=True), self._whole)

    def open(self, url: str, headers: Mapping[str, str], *, end: float = float("inf")) -> Stream:
        """Returns the answer from ``url`` to be read by the caller, who closes it.

        ``end``: when the whole body must be there, on :attr:`timer`. Raises Unreachable; a file may
        lie at another origin, so never Elsewhere.
        """
        return self._try(_Wanted("GET", url, headers, end=end), _keep)

    def take(
        self,
        url: str,
        headers: Mapping[str, str],
        finish: Callable[[Stream], _T],
        hop: Callable[[str], object],
    ) -> _T:
        """Returns what ``finish`` makes of the answer from ``url``; a broken answer is asked again.

        ``hop`` is called with every URL on the way before it is asked, and may raise. Raises
        Unreachable, and never Elsewhere, as :meth:`open`.
        """
        request = _Wanted("GET", url, headers, hop=hop, end=self.timer() + self.settings.longest)
        return self._try(request, finish)

    def until(self, halt: threading.Event) -> "Session":
        """Returns the same session for work that is also to stop when ``halt`` is set."""
        other = copy(self)
        other._stop = lambda: self._stop() or halt.is_set()  # noqa: SLF001 - its own class
        return other

    def once(self) -> "Session":
        """Returns the same session for requests that are not tried again when they fail."""
        other = copy(self)
        other.settings = replace(self.settings, retries=0)
        return other

    def check(self) -> None:
        """Raise Stopped if the work is to stop."""
        if self._stop() or self._closed.is_set():
            raise Stopped("stopped")

    def wait(self, seconds: float) -> None:
        """Sleep, but notice a stop within a second. Raises Stopped then."""
        while seconds > 0:
            self.check()
            self._sleep(min(seconds, 0.5))
            seconds -= 0.5
        self.check()

    def wait_for(self, url: str, reason: str, seconds: float) -> None:
        """Wait until the host of ``url`` is asked again, and tell of it. Raises Stopped."""
        if seconds > 0:
            host = shown(origin(url))
            self._waits.tell(host, reason, seconds)
        self.wait(seconds)

    def renew(self, url: str) -> None:
        """Let no further request to the host of ``url`` use a connection that there is now."""
        self._routes.renew(origin(url))

    def close(self) -> None:
        """Close the connections; what is under way ends at its next step."""
        self._closed.set()
        self._routes.close()

    def _try(self, request: _Wanted, finish: Callable[[Stream], _T]) -> _T:
        tries = 0
        while True:
            self.check()
            answer = self._once(request, finish)
            if not isinstance(answer, RequestFault):
                return answer
            tries += 1
            if answer.final or tries > self.settings.retries:
                asked = f"{request.method} {shown(request.url)} {answer.through}".rstrip()
                raise answer.kind(
                    f"{asked}: {answer.text} ({counted(tries, 'try')}); {answer.advised}"
                )
            # A wait that the host asks for is kept by its gate as well.
            wait = backoff(tries) if answer.wait is None else answer.wait
            self.wait_for(request.url, answer.reason, wait)

    def _once(self, request: _Wanted, finish: Callable[[Stream], _T]) -> _T | RequestFault:
        through = ""
        try:
            stream = self._send(request)
            if isinstance(stream, RequestFault):
                return stream
            through = stream.through
            wait = self.gates.note(origin(stream.url), stream.status, stream.headers)
            if stream.status in _AGAIN or wait is not None:
                stream.close()
                self.renew(stream.url)
                return RequestFault(f"HTTP {stream.status}", wait, through=through)
            if stream.status == 407:
                stream.close()
                return refused_by_proxy("407", through)
            return finish(stream)
        except (TransferError, ValueError, OSError) as error:
            return fault_of(error, through)

    def _send(self, request: _Wanted) -> Stream | RequestFault:
        url = request.url
        for _ in range(_HOPS + 1):
            request.hop(url)
            self.wait_for(url, "it wants to be left alone", self.gates.seconds(origin(url)))
            stream = self._ask(request, url)
            if isinstance(stream, RequestFault):
                return stream
            if stream.status not in _MOVED or "Location" not in stream.headers:
                return stream
            stream.close()
            target = urljoin(url, stream.headers["Location"]).partition("#")[0]
            if not as_safe(url, target):
                return RequestFault(f"leads to {shown(target)}, which is less safe", final=True)
            if request.stays and not _same_host(url, target):
                raise Elsewhere(
                    f"{shown(url)}: leads to {shown(target)}; documents of another index are never "
                    "taken for those of this one. If that is the index, configure its address"
                )
            url = target
        return RequestFault(f"more than {_HOPS} redirects", final=True)

    def _ask(self, request: _Wanted, url: str) -> Stream | RequestFault:
        """Send one request. Returns its answer, a redirect included."""
        settings = self.settings
        deadline = Deadline(
            self.check, self.timer, settings.timeout, settings.least_rate, request.end
        )
        there, target = _parted(url)
        try:
            route = self._routes.to(normalised(there), deadline)
        except (TransferError, ValueError, OSError) as error:
            return RequestFault(said(error), final=True)  # an address, a proxy, a bundle: no way
        headers = {**route.headers, **request.headers}
        sent = Request(request.method, target, headers, request.body)
        try:
            return Stream(url, route.connections.send(sent, deadline), deadline, route.through)
        except (TransferError, ValueError, OSError) as error:
            return fault_of(error, route.through)

    def _whole(self, stream: Stream) -> Reply:
        limit = self.settings.max_document
        stream.deadline.ends(self.timer() + self.settings.longest)
        body = BytesIO()  # the one way to join pieces without two copies of the whole
        try:
            while chunk := stream.unpacked():
                body.write(chunk)
                if body.tell() > limit:
                    raise Malformed(f"{shown(stream.url)}: larger than {limit} bytes, the limit")
        finally:
            stream.close()
        if stream.status == 400 and _WANTS_TLS.search(body.getvalue()):
            raise TransferError("TLS is spoken there", final=True, advice="use https://")
        return Reply(stream.status, stream.url, stream.headers, body.getvalue())


def origin(url: str) -> str:
    """Returns the scheme, host and port of a URL, normalised: the same for every spelling."""
    return normalised(_parted(url)[0])


def _parted(url: str) -> tuple[str, str]:
    """Returns where a URL leads ("https://host:port") and what is asked for there."""
    found = _PARTS.match(url)
    return (found[1] or "", found[2]) if found else ("", "")  # it always matches


def _same_host(url: str, target: str) -> bool:
    """Returns whether two URLs are of one origin, or the second is the first one's by TLS."""
    before, after = urlsplit(url), urlsplit(target)
    ports = {"http": 80, "https": 443}
    there = after.port or ports.get(after.scheme)
    here = before.port or ports.get(before.scheme)
    upgraded = (before.scheme, here, after.scheme, there) == ("http", 80, "https", 443)
    return before.hostname == after.hostname and (
        upgraded or (before.scheme == after.scheme and here == there)
    )


def as_safe(url: str, target: str) -> bool:
    """Returns whether a redirect stays within HTTP, and does not leave TLS."""
    before, after = (one.partition("://")[0].lower() for one in (url, target))
    return after == "https" or (after == "http" and before != "https")


def _keep(stream: Stream) -> Stream:
    return stream


def backoff(tries: int) -> float:
    """Returns the seconds to wait after so many failed tries: 1, 2, 4, up to a minute."""
    return float(min(2 ** (tries - 1), 60))
