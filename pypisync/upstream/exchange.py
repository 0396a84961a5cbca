"""Requests in one piece, and plain heads of answers read at a glance, on connections of urllib3.

``http.client`` puts a request together header by header, and reads the head of an answer by the
parser for mail, which urllib3 then looks through again: half of what a small answer costs. Here a
request without anything special is one piece of text, and one expression reads a head that
is plainly right and states a length (RFC 9112, 4 to 6). All else is left to those two: requests
through a proxy, answers in chunks, heads that come in parts or that bend the rules.
"""

import http.client
import re
from collections.abc import Mapping
from functools import lru_cache
from io import BufferedReader
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.connection import HTTPConnection

if TYPE_CHECKING:
    import socket

_NAME = r"[!#-'*+.0-9A-Z^-z|~-]+"
_SENT = re.compile(rf"{_NAME}: [ -~]*").fullmatch
_URL = re.compile(r"/[!-~]*").fullmatch
_HOST = re.compile(r"[0-9A-Za-z._-]+").fullmatch
# Each text matches in one way only, so that no head takes long.
_TEXT = r"[\t -~\x80-\xff]*"
_HEAD = re.compile(
    rf"HTTP/1\.1 ([2-5][0-9][0-9]) ({_TEXT})\r\n((?:{_NAME}:{_TEXT}\r\n)*)\r\n".encode("latin-1")
).match
_LINES = re.compile(f"({_NAME}):({_TEXT})\r\n").findall
_LENGTH = re.compile("[0-9]{1,18}").fullmatch
_MOST = 100  # headers, as http.client allows
_EMPTY = frozenset({204, 304})  # answers that have no body, whatever they state


class PlainConnection(HTTPConnection):
    """A connection that asks and hears with less ado where both is plain."""

    _asked: tuple[str, str] | None = None  # method and URL; None: urllib3 has asked
    # The body of the last answer that was read here.
    _before: "_KnownBody | http.client.HTTPResponse | None" = None

    def request(  # type: ignore[override]  # as urllib3 itself does
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **how: bool,
    ) -> None:
        """Send a request. Raises what urllib3's own raises."""
        if self._before is not None and not self._before.closed:
            raise http.client.CannotSendRequest("the answer before was not read to its end")
        self._before = None
        head = None
        if isinstance(body, bytes | None) and not (how.get("chunked") or self.proxy):
            head = self._head(method, url, body, headers or {})
        if head is None:
            super().request(method, url, body, headers, **how)
            return
        if self.sock is not None:
            self.sock.settimeout(self.timeout)
        self._asked = method, url
        self.send(head + (body or b""))

    def _head(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> bytes | None:
        """Returns the head of a request; None if there is anything special about it."""
        lines = _lines(tuple(headers.items()))
        plain = method in {"GET", "POST"} and _URL(url) and _HOST(self.host)
        if lines is None or not plain:
            return None
        port = "" if self.port == self.default_port else f":{self.port}"
        length = "" if body is None else f"Content-Length: {len(body)}\r\n"
        first = f"{method} {url} HTTP/1.1\r\nHost: {self.host}{port}\r\n{length}"
        return first.encode("ascii") + lines

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 itself does
        """Returns the answer, its body unread. Raises what urllib3's own raises."""
        if self._asked is None:
            return super().getresponse()
        (method, url), self._asked = self._asked, None
        sock = cast("socket.socket", self.sock)
        sock.settimeout(self.timeout)
        source = sock.makefile("rb")
        try:
            body, found = _plain(source) or _any(source, method)
        except BaseException:
            source.close()
            raise
        if isinstance(body, http.client.HTTPResponse) and body.will_close:
            self.close()  # the body keeps the socket until its end
        else:
            self._before = body
        return HTTPResponse(
            body=cast("Any", body),
            headers=HTTPHeaderDict(found.headers),
            status=found.status,
            version=found.version,
            reason=found.reason,
            preload_content=False,
            decode_content=False,
            original_response=cast("Any", body),
            request_method=method,
            request_url=url,
        )

    def close(self) -> None:
        """Close the connection, and what is left of the last answer."""
        before, self._before = self._before, None
        super().close()
        if before is not None:
            before.close()


@lru_cache(maxsize=256)
def _lines(headers: tuple[tuple[str, str], ...]) -> bytes | None:
    """Returns headers as lines, and the end of a head; None if there is anything special."""
    lines = [f"{name}: {value}" for name, value in headers]
    names = {name.lower() for name, _ in headers}
    usual = {"accept-encoding", "user-agent"} <= names
    special = {"host", "content-length", "transfer-encoding", "connection"} & names
    if not usual or special or not all(map(_SENT, lines)):
        return None
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("ascii")


class _Found(NamedTuple):
    """What a head says."""

    version: int
    status: int
    reason: str
    headers: list[tuple[str, str]]


def _plain(source: BufferedReader) -> "tuple[_KnownBody, _Found] | None":
    """Returns the body and the head; None: the head is not there as a whole, or not plain.

    Nothing has been taken from the source then. Raises OSError, and what sockets here raise.
    """
    head = _HEAD(source.peek())
    if head is None:
        return None
    status = int(head[1])
    headers = [(name, value.strip()) for name, value in _LINES(str(head[3], "latin-1"))]
    length = 0 if status in _EMPTY else None
    for name, value in headers:
        match name.lower():
            case "content-length" if length is None and _LENGTH(value):
                length = int(value)
            case "content-length" if status not in _EMPTY:
                return None
            case "connection" if value.lower() != "keep-alive":
                return None
            case "transfer-encoding" | "upgrade":
                return None
    if length is None or len(headers) > _MOST:
        return None
    source.read(head.end())
    return _KnownBody(source, length), _Found(11, status, str(head[2], "latin-1"), headers)


def _any(source: BufferedReader, method: str) -> tuple[http.client.HTTPResponse, _Found]:
    """Returns the same of whatever else there may be, read by http.client. Raises as it does."""
    body = http.client.HTTPResponse(cast("socket.socket", _Opened(source)), method=method)
    body.begin()
    headers = [
        (name, " ".join(map(str.strip, value.split("\n")))) for name, value in body.getheaders()
    ]  # a value may go on in a further line
    return body, _Found(body.version, body.status, body.reason, headers)


class _Opened:
    """A socket whose file is there already, for http.client."""

    def __init__(self, source: BufferedReader) -> None:
        self._source = source

    def makefile(self, _mode: str) -> BufferedReader:
        """Returns the file."""
        return self._source


class _KnownBody:
    """A body of which the length is known, as the file that urllib3 reads."""

    def __init__(self, source: BufferedReader, left: int) -> None:
        self._source = source
        self._left = left
        self.closed = False
        if not left:
            self.close()

    def read1(self, most: int) -> bytes:
        """Returns what is there, at most so many bytes; b"" at the end, whenever that comes."""
        data = b"" if self.closed else self._source.read1(min(most, self._left))
        self._left -= len(data)
        if not self._left:
            self.close()
        return data

    def read(self, most: int) -> bytes:
        """Returns so many bytes, or those that are left."""
        data = b"" if self.closed else self._source.read(min(most, self._left))
        self._left -= len(data)
        if not self._left:
            self.close()
        return data

    def isclosed(self) -> bool:
        """Returns whether all has been read, or is not wanted any more."""
        return self.closed

    def close(self) -> None:
        """Read no more."""
        self.closed = True
        self._source.close()
