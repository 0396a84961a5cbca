"""A connection to an origin, by libcurl, which speaks HTTP and TLS and goes through proxies.

libcurl is driven in steps that wait no longer than a slice of time: between two of them the
deadline is asked, so that a stop is heard within a second. What libcurl is told are addresses that
were looked up here; one that the guard does not allow is never connected to.
"""

import os
import select
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote, urlsplit

import pycurl

from pypisync.upstream.addresses import Reach, reach, resolve
from pypisync.upstream.deadline import Deadline
from pypisync.upstream.failures import DistrustError, RefusedError, TransferError, TunnelError

_PIECE = 128 * 1024  # bytes that libcurl takes from a socket at once
_SUPPRESS_CONNECT_HEADERS = 265  # an option of libcurl that pycurl has no name for
_IN_URLS = "%/:?#[]@!$&'()*+,;=-._~"  # RFC 3986, 2: may stand in one as they are
_USELESS = frozenset(  # what no further try can mend
    {
        pycurl.E_URL_MALFORMAT,
        pycurl.E_UNSUPPORTED_PROTOCOL,
        pycurl.E_COULDNT_RESOLVE_PROXY,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_CERTPROBLEM,
    }
)


@dataclass(frozen=True, slots=True)
class Destination:
    """How an origin is reached."""

    url: str  # "https://host:port"
    timeout: float  # seconds to connect
    guard: Callable[[Reach], bool]  # whether an address of this reach may be connected to
    authorities: str  # whose certificates are trusted: a file, or a folder of them
    proxy: str = field(default="", repr=False)  # a URL with a port; "" for none
    certificate: str | None = None  # of this client, a PEM file
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent."""

    method: str  # "GET" or "POST"
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = b""


class HttpConnection:
    """One connection, which is made when it is first used. Used by one thread at a time."""

    def __init__(self, destination: Destination, deadline: Deadline) -> None:
        self._destination = destination
        self._deadline = deadline
        self._refused: RefusedError | None = None
        self._made: socket.socket | None = None  # libcurl has a duplicate of it
        self._due: float | None = None  # on the clock: when libcurl wants to be called
        self._sockets = select.poll()
        options = [*_options(destination), (pycurl.RESOLVE, _resolved(destination, deadline))]
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, 1)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_due)
        self._curl = pycurl.Curl()
        for option, value in options:
            self._curl.setopt(option, value)
        self._curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open)
        self._curl.setopt(pycurl.PREREQFUNCTION, self._connected)

    def begin(
        self,
        request: "Request",
        deadline: Deadline,
        head: Callable[[bytes], None],
        body: Callable[[bytes], None],
    ) -> None:
        """Begin a request. ``head`` and ``body`` are given the lines and pieces that come."""
        curl, url = self._curl, request.url
        self._deadline, self._refused = deadline, None
        plain = url.isascii() and url.isprintable() and " " not in url
        curl.setopt(pycurl.URL, url if plain else quote(url, _IN_URLS))
        curl.setopt(pycurl.HTTPHEADER, [_line(*one) for one in request.headers.items()])
        if request.method == "POST":
            curl.setopt(pycurl.POSTFIELDS, request.body)
        else:
            curl.setopt(pycurl.HTTPGET, 1)
        curl.setopt(pycurl.HEADERFUNCTION, head)
        curl.setopt(pycurl.WRITEFUNCTION, body)
        self._multi.add_handle(curl)

    def step(self) -> bool:
        """Do what there is to do, or wait for it at most a slice. Returns whether it is all done.

        Raises TransferError if it failed, and what the deadline raises.
        """
        self._deadline.check()
        wait = self._deadline.slice
        if self._due is not None:
            wait = max(0.0, min(wait, self._due - monotonic()))
        ready, running = self._sockets.poll(wait * 1000) if wait else [], 1
        for number, flags in ready:
            _, running = self._multi.socket_action(number, _happened(flags))
        if not ready and self._due is not None and self._due <= monotonic():
            self._due = None
            _, running = self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        return not running and self._ended()

    def status(self) -> int:
        """Returns the status of the head that came last; 0 before there is one."""
        return int(self._curl.getinfo(pycurl.RESPONSE_CODE))

    def end(self) -> None:
        """End a request that is all done; the next one may begin."""
        self._multi.remove_handle(self._curl)

    def close(self) -> None:
        """Close the connection, whatever is under way."""
        with suppress(pycurl.error):  # nothing is
            self._multi.remove_handle(self._curl)
        self._curl.close()
        self._multi.close()
        self._forget()

    def _ended(self) -> bool:
        _, _, failed = self._multi.info_read()
        for _, code, text in failed:
            if self._refused is not None:
                raise self._refused
            status = self._curl.getinfo(pycurl.HTTP_CONNECTCODE)
            if status >= 300:
                raise TunnelError(text, status)
            if code == pycurl.E_PEER_FAILED_VERIFICATION:
                raise DistrustError(text)
            number = self._curl.getinfo(pycurl.OS_ERRNO) if code == pycurl.E_COULDNT_CONNECT else 0
            why = f": {os.strerror(number)}" if number else ""
            raise TransferError(f"{text or code}{why}", final=code in _USELESS)
        return True

    def _watch(self, event: int, number: int, *_: Any) -> None:
        if event == pycurl.POLL_REMOVE:
            with suppress(KeyError):
                self._sockets.unregister(number)
            return
        reads, writes = event & pycurl.POLL_IN, event & pycurl.POLL_OUT
        self._sockets.register(
            number, (select.POLLIN if reads else 0) | (select.POLLOUT if writes else 0)
        )

    def _set_due(self, milliseconds: int) -> None:
        self._due = None if milliseconds < 0 else monotonic() + milliseconds / 1000

    def _open(self, _: int, place: Any) -> socket.socket | int:
        """Returns a socket for an address, whichever way libcurl came to it, if it is allowed."""
        address = place.addr[0]
        if not self._destination.guard(reach(address)):
            self._refused = RefusedError(_place(self._destination.url)[0], address)
            return int(pycurl.SOCKET_BAD)
        self._forget()
        self._made = socket.socket(place.family, place.socktype, place.protocol)
        return self._made

    def _forget(self) -> None:
        if self._made is not None:
            self._made.close()

    def _connected(self, *_: Any) -> int:
        self._forget()
        self._deadline.again()
        return int(pycurl.PREREQFUNC_OK)


def _options(destination: Destination) -> list[tuple[int, Any]]:
    """Returns what is the same for all requests, as options of libcurl and their values."""
    folder = Path(destination.authorities).is_dir()
    return [
        (pycurl.NOSIGNAL, 1),  # there are threads
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
        (pycurl.PATH_AS_IS, 1),
        (pycurl.BUFFERSIZE, _PIECE),
        (pycurl.CONNECTTIMEOUT_MS, max(1, int(destination.timeout * 1000))),
        (pycurl.PROXY, destination.proxy),  # "" as well, or libcurl looks into the environment
        (pycurl.NOPROXY, ""),
        (_SUPPRESS_CONNECT_HEADERS, 1),
        (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),  # at least
        (pycurl.CAPATH if folder else pycurl.CAINFO, destination.authorities),
        (pycurl.PROXY_CAPATH if folder else pycurl.PROXY_CAINFO, destination.authorities),
        *([(pycurl.SSLCERT, destination.certificate)] if destination.certificate else []),
        *([(pycurl.SSLKEY, destination.key)] if destination.key else []),
    ]


def _resolved(destination: Destination, deadline: Deadline) -> list[str]:
    """Returns where to connect to, as libcurl wants to be told it: "host:port:address,address".

    Raises TransferError if it is nowhere, or only where the guard allows nothing.
    """
    host, port = _place(destination.proxy or destination.url)
    found = resolve(host, port, deadline)
    allowed = [one for one in found if destination.guard(reach(one))]
    if not allowed:
        raise RefusedError(host, found[0]) if found else TransferError(f"{host} has no address")
    places = ",".join(f"[{one}]" if ":" in one else one for one in allowed)
    return [f"{f'[{host}]' if ':' in host else host}:{port}:{places}"]


def _place(url: str) -> tuple[str, int]:
    """Returns where a URL leads, host and port. Raises ValueError for a port that is none."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _line(name: str, value: str) -> bytes:
    """Returns a header as libcurl wants it. Raises ValueError if it would be more than one line."""
    line = f"{name}: {value}" if value else f"{name};"
    if any(char in line for char in "\r\n\0"):
        raise ValueError(f"a header {name!r} of several lines")
    return line.encode("latin-1")


def _happened(flags: int) -> int:
    """Returns what poll says of a socket in the words of libcurl."""
    found = pycurl.CSELECT_IN if flags & select.POLLIN else 0
    found |= pycurl.CSELECT_OUT if flags & select.POLLOUT else 0
    return found | (pycurl.CSELECT_ERR if flags & ~(select.POLLIN | select.POLLOUT) else 0)
