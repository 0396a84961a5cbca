"""Requests to an upstream: one try after another, with the limits every answer must keep.

Retried are connection faults, timeouts and the statuses 429, 500, 502, 503 and 504 (RFC 9110,
RFC 6585), after a doubling wait or what ``Retry-After`` asks for. What an answer means is left to
the callers; every other status is theirs. Credentials never stand in a URL here, so that no
message can show them, and what libraries say is cleaned of those of a proxy.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urljoin

from requests.exceptions import RequestException
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import DecodeError, HTTPError, SSLError
from urllib3.util import Timeout

from pypisync.errors import Malformed, Stopped, Unreachable, UpstreamError
from pypisync.upstream.routes import Routes, Settings

CHUNK = 128 * 1024  # bytes read at a time

_T = TypeVar("_T")

_AGAIN = frozenset({429, 500, 502, 503, 504})
_MOVED = frozenset({301, 302, 303, 307, 308})
_HOPS = 5  # redirects followed
_LONGEST_WAIT = 300.0  # seconds, whatever Retry-After says


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer that is not worth a retry."""

    status: int
    url: str  # after redirects
    headers: Mapping[str, str]  # looked up without regard to case
    body: bytes  # decompressed


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose body is still to be read."""

    status: int
    url: str
    headers: Mapping[str, str]
    raw: BaseHTTPResponse

    def read(self, *, decode: bool) -> bytes:
        """The next bytes, at most CHUNK; b"" at the end. Raises urllib3's errors, OSError."""
        return self.raw.read(CHUNK, decode_content=decode)

    @property
    def ended(self) -> bool:
        """Whether all that was announced has been read; saves a read that would only say so."""
        return self.raw.length_remaining == 0

    def close(self) -> None:
        """Give the connection back if the body was read, else drop it."""
        self.raw.close()
        self.raw.release_conn()


@dataclass(frozen=True, slots=True)
class _Fault:
    text: str
    wait: float | None = None  # seconds, as upstream asks
    final: bool = False  # another try cannot help
    kind: type[UpstreamError] = Unreachable


class Session:
    """Sends requests. Safe between threads; connections are kept and shared."""

    def __init__(
        self,
        settings: Settings,
        *,
        sleep: Callable[[float], object] = time.sleep,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.settings = settings
        self._routes = Routes(settings)
        self.endpoint = self._routes.endpoint
        self._timeout = Timeout(connect=settings.timeout, read=settings.timeout)
        self._sleep = sleep
        self._stop = stop
        self._closed = threading.Event()

    def get(self, url: str, headers: Mapping[str, str]) -> Reply:
        """The document at ``url``. Raises Unreachable after all tries, Malformed if too large."""
        return self._try("GET", url, headers, None, self._whole)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The answer to ``body``. Raises as :meth:`get` does."""
        return self._try("POST", url, headers, body, self._whole)

    def open(self, url: str, headers: Mapping[str, str]) -> Stream:
        """The answer from ``url`` to be read by the caller, who closes it. Raises Unreachable."""
        return self._try("GET", url, headers, None, _keep)

    def until(self, halt: threading.Event) -> "Session":
        """The same session for work that is also to stop when ``halt`` is set."""
        other = copy(self)
        other._stop = lambda: self._stop() or halt.is_set()  # noqa: SLF001 - its own class
        return other

    def check(self) -> None:
        """Raise Stopped if the work is to stop."""
        if self._stop() or self._closed.is_set():
            raise Stopped("stopped")

    def wait(self, seconds: float) -> None:
        """Sleep, but notice a stop within a second. Raises Stopped then."""
        while seconds > 0:
            self.check()
            self._sleep(min(seconds, 1.0))
            seconds -= 1.0
        self.check()

    def close(self) -> None:
        """Close the connections; what is under way ends at its next step."""
        self._closed.set()
        self._routes.close()

    def _try(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        finish: Callable[[Stream], _T],
    ) -> _T:
        tries = 0
        while True:
            self.check()
            answer = self._once(method, url, headers, body, finish)
            if not isinstance(answer, _Fault):
                return answer
            tries += 1
            if answer.final or tries > self.settings.retries:
                raise answer.kind(
                    f"{method} {shown(url)}: {answer.text} ({tries} tries); if it stays so, check "
                    "the endpoint, the proxy and the network"
                )
            self.wait(backoff(tries) if answer.wait is None else answer.wait)

    def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        finish: Callable[[Stream], _T],
    ) -> _T | _Fault:
        try:
            stream = self._send(method, url, headers, body)
            if isinstance(stream, _Fault):
                return stream
            if stream.status in _AGAIN:
                stream.close()
                return _Fault(f"HTTP {stream.status}", retry_after(stream.headers))
            return finish(stream)
        except (HTTPError, ValueError, OSError) as error:
            return _fault(error)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Stream | _Fault:
        for _ in range(_HOPS + 1):
            start = url.find("/", 8)  # behind "https://"
            origin, path = (url[:start], url[start:]) if start > 0 else (url, "/")
            try:
                route = self._routes.to(origin)
            except (RequestException, OSError) as error:
                return _Fault(said(error), final=True)  # an address, a proxy, a bundle: no way
            raw = route.pool.urlopen(
                method,
                route.prefix + path,
                body,
                {**route.headers, **headers},
                retries=False,
                redirect=False,
                assert_same_host=False,
                timeout=self._timeout,
                preload_content=False,
                decode_content=False,
            )
            stream = Stream(raw.status, url, raw.headers, raw)
            if raw.status not in _MOVED or "Location" not in raw.headers:
                return stream
            stream.close()
            target = urljoin(url, raw.headers["Location"]).partition("#")[0]
            if not target.startswith("https://" if url.startswith("https") else "http"):
                return _Fault(f"leads to {shown(target)}, which is less safe", final=True)
            url = target
        return _Fault(f"more than {_HOPS} redirects", final=True)

    def _whole(self, stream: Stream) -> Reply:
        limit = self.settings.max_document
        parts, size = [], 0
        while chunk := stream.read(decode=True):
            parts.append(chunk)
            size += len(chunk)
            if size > limit:
                stream.close()
                raise Malformed(f"{shown(stream.url)}: larger than {limit} bytes, the limit")
            if len(chunk) < CHUNK and stream.ended:
                break
            self.check()
        stream.raw.release_conn()
        return Reply(stream.status, stream.url, stream.headers, b"".join(parts))


def _fault(error: Exception) -> _Fault:
    useless = isinstance(error, ValueError)  # no address
    distrust = isinstance(error, SSLError) and "certificate verify failed" in str(error).lower()
    kind = Malformed if isinstance(error, DecodeError) else Unreachable
    return _Fault(said(error), final=useless or distrust, kind=kind)


def _keep(stream: Stream) -> Stream:
    return stream


def backoff(tries: int) -> float:
    """Seconds to wait after so many failed tries: 1, 2, 4 and so on up to a minute."""
    return float(min(2 ** (tries - 1), 60))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that ``Retry-After`` asks for (RFC 9110, 10.2.3), capped; None if it does not.

    A date is taken relative to the answer's own ``Date``, so that clocks need not agree.
    """
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(float(text), _LONGEST_WAIT)
    try:
        gap = parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return min(max(gap.total_seconds(), 0.0), _LONGEST_WAIT)


def shown(url: str) -> str:
    """A URL fit for messages: no credentials, no query, no control characters, not endless."""
    bare = re.sub(r"//[^/@]*@", "//", url.partition("?")[0].partition("#")[0])
    return "".join(char if char.isprintable() else "?" for char in bare)[:300]


def said(error: Exception) -> str:
    """What a library says of a failure, in one line and without credentials."""
    text = re.sub(r"//[^/@\s]*@", "//", str(error))
    return " ".join(text.split())[:300] or type(error).__name__
