"""A connection to an origin, by libcurl, which speaks HTTP and TLS and goes through proxies.

libcurl is driven in steps that wait no longer than a slice of time: between two of them the
deadline is asked, so that a stop is heard within a second. What libcurl is told are addresses that
were looked up here; one that the guard does not allow is never connected to.
"""

import re
import select
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

import pycurl

from pypisync.errors import PypiSyncError
from pypisync.upstream.addresses import Reach, reach, resolve
from pypisync.upstream.curl_failures import failure, too_slow
from pypisync.upstream.deadline import Deadline
from pypisync.upstream.destination import Destination, host_and_port
from pypisync.upstream.failures import RefusedError, SlowError, TransferError

_LONGEST = 2**31 - 1  # milliseconds that libcurl takes
_SUPPRESS_CONNECT_HEADERS = 265  # an option of libcurl that pycurl has no name for
_IN_URLS = "%/:?#[]@!$&'()*+,;=-._~"  # RFC 3986, 2: may stand in one as they are
_PLAIN = re.compile(f"[A-Za-z0-9{re.escape(_IN_URLS)}]*")


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent."""

    method: str  # "GET" or "POST"
    target: str  # path and query
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = b""


class HttpConnection:
    """One connection, which is made when it is first used. Used by one thread at a time."""

    def __init__(self, destination: Destination, deadline: Deadline) -> None:
        self._destination = destination
        self._deadline = deadline
        self._failed: Exception | None = None  # why there is no socket
        self._ready = False  # the way is there: what is asked for is being sent, or was
        self._made: socket.socket | None = None  # libcurl has a duplicate of it
        self._due: float | None = None  # on the clock: when libcurl wants to be called
        self._kept = -1  # the socket that is kept for the next request
        self._sockets = select.poll()
        options = [*_options(destination), (pycurl.RESOLVE, _resolved(destination, deadline))]
        try:
            self._multi, self._curl = pycurl.CurlMulti(), pycurl.Curl()
        except pycurl.error as error:  # no descriptor is left
            raise TransferError(f"libcurl cannot begin: {error}") from None
        self._multi.setopt(pycurl.M_MAXCONNECTS, 1)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_due)
        options.append((pycurl.OPENSOCKETFUNCTION, self._open))
        options.append((pycurl.PREREQFUNCTION, self._connected))
        _set(self._curl, options)

    def begin(
        self,
        request: Request,
        deadline: Deadline,
        head: Callable[[bytes], None],
        body: Callable[[bytes], None],
    ) -> None:
        """Begin a request. ``head`` and ``body`` are given the lines and pieces that come.

        Raises TransferError, and ValueError if a header is none.
        """
        self._deadline, self._failed, self._ready = deadline, None, False
        lines = [_line(*one) for one in request.headers.items()]
        posts = request.method == "POST"
        options = [
            (pycurl.URL, self._destination.url + encoded(request.target)),
            (pycurl.HTTPHEADER, lines),
            (pycurl.POSTFIELDS, request.body) if posts else (pycurl.HTTPGET, 1),
            (pycurl.HEADERFUNCTION, head),
            (pycurl.WRITEFUNCTION, body),
        ]
        _set(self._curl, options)
        self._multi.add_handle(self._curl)

    def step(self) -> bool:
        """Do what there is to do, or wait for it at most a slice. Returns whether it is all done.

        Raises TransferError if it failed, and what the deadline raises.
        """
        try:
            self._deadline.check()
            return not self._act() and self._ended()
        except SlowError:
            if self._ready:
                raise
            raise too_slow(self._curl, self._destination, reached=self._reached()) from None
        except pycurl.error as error:
            raise TransferError(f"libcurl fails: {error.args[-1]}") from None

    def status(self) -> int:
        """Returns the status of the head that came last; 0 before there is one."""
        return int(self._curl.getinfo(pycurl.RESPONSE_CODE))

    def end(self) -> None:
        """End a request that is all done; the next one may begin."""
        self._kept = int(self._curl.getinfo(pycurl.ACTIVESOCKET))
        self._multi.remove_handle(self._curl)

    def quiet(self) -> bool:
        """Returns whether nothing has come since the last request has ended, not even an end.

        What comes unasked would be taken for the next answer: libcurl looks once a second at most.
        """
        look = select.poll()
        if self._kept >= 0:
            look.register(self._kept, select.POLLIN)
        return not look.poll(0)

    def close(self) -> None:
        """Close the connection, whatever is under way."""
        with suppress(pycurl.error):  # nothing is
            self._multi.remove_handle(self._curl)
        self._curl.close()
        self._multi.close()
        self._forget()

    def _act(self) -> bool:
        """Returns whether something is still under way."""
        wait = self._deadline.slice
        if self._due is not None:
            wait = max(0.0, min(wait, self._due - monotonic()))
        ready, running = self._sockets.poll(wait * 1000) if wait else [], 1
        for number, flags in ready:
            _, running = self._multi.socket_action(number, _happened(flags))
        if not ready and self._due is not None and self._due <= monotonic():
            self._due = None
            _, running = self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        return bool(running)

    def _ended(self) -> bool:
        _, _, failed = self._multi.info_read()
        for _, code, text in failed:
            if self._failed is not None:
                raise self._failed
            reached = self._reached()
            raise failure(self._curl, code, text, self._destination, reached=reached)
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
        self._forget()
        try:
            direct = not self._destination.proxy  # else it leads to the proxy
            if direct and not self._destination.guard(reach(address), self._deadline):
                raise RefusedError(host_and_port(self._destination.url)[0], address)
            self._made = socket.socket(place.family, place.socktype, place.protocol)
            self._failed = None
        except (TransferError, PypiSyncError) as error:
            self._failed = error
        except OSError as error:  # no descriptor is left, or this family is not to be had
            self._failed = TransferError(f"no socket: {error.strerror}")
        else:
            return self._made
        return int(pycurl.SOCKET_BAD)

    def _reached(self) -> bool:
        """Returns whether the socket that was made last is connected, and not forgotten."""
        try:
            return self._made is not None and bool(self._made.getpeername())
        except OSError:
            return False

    def _forget(self) -> None:
        if self._made is not None:
            self._made.close()

    def _connected(self, *_: Any) -> int:
        self._forget()
        self._ready = True
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
        (pycurl.CONNECTTIMEOUT_MS, max(1, int(min(destination.timeout * 1000, _LONGEST)))),
        (pycurl.PROXY, destination.proxy),  # "" as well, or libcurl looks into the environment
        (pycurl.NOPROXY, ""),
        (_SUPPRESS_CONNECT_HEADERS, 1),
        (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),  # at least
        # One of the two is unset, or libcurl trusts those of the system as well.
        (pycurl.CAINFO, None if folder else destination.authorities),
        (pycurl.CAPATH, destination.authorities if folder else None),
        (pycurl.PROXY_CAINFO, None if folder else destination.authorities),
        (pycurl.PROXY_CAPATH, destination.authorities if folder else None),
        *([(pycurl.SSLCERT, destination.certificate)] if destination.certificate else []),
        (pycurl.KEYPASSWD, "none"),  # without any, OpenSSL asks for it at the terminal
        *([(pycurl.SSLKEY, destination.key)] if destination.key else []),
    ]


def _resolved(destination: Destination, deadline: Deadline) -> list[str]:
    """Returns where to connect to, as libcurl wants to be told it: "host:port:address,address".

    Raises TransferError if it is nowhere, or only where the guard allows nothing. What a proxy
    looks up is its affair.
    """
    found = [_addresses(destination.proxy, deadline, _anywhere)] if destination.proxy else []
    if destination.looked_up:
        found.append(_addresses(destination.url, deadline, destination.guard))
    return found


def _addresses(url: str, deadline: Deadline, guard: Callable[[Reach, Deadline], bool]) -> str:
    host, port = host_and_port(url)
    found = resolve(host, port, deadline)
    allowed = [one for one in found if guard(reach(one), deadline)]
    if not allowed:
        raise RefusedError(host, found[0]) if found else TransferError(f"{host} has no address")
    places = ",".join(f"[{one}]" if ":" in one else one for one in allowed)
    return f"{f'[{host}]' if ':' in host else host}:{port}:{places}"


def _anywhere(*_: object) -> bool:
    return True


def encoded(target: str) -> str:
    """Returns a path and query with only what may stand in a URL; escapes stay as they are.

    Raises ValueError if it is no text that could be sent.
    """
    return target if _PLAIN.fullmatch(target) else quote(target, _IN_URLS)


def _set(curl: pycurl.Curl, options: list[tuple[int, Any]]) -> None:
    """Tell libcurl what it is to do. Raises TransferError if it takes a value not at all."""
    try:
        for option, value in options:
            curl.setopt(option, value)
    except pycurl.error as error:  # for one, a URL of 8 MB
        raise TransferError(f"libcurl does not take it: {error.args[-1]}", final=True) from None


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
