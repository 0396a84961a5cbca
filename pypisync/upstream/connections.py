"""Connections that hear a stop within a second, keep to a deadline, and go only where they may.

``http.client`` reads whole lines and heads, so what waits is deep inside of it. The sockets here
wait in short slices instead; between two of them the :class:`~pypisync.upstream.deadline.Deadline`
of the thread is asked. A name that leads to an address of this machine or of a private network is
refused before anything is sent, unless the guard of the connection allows it.
"""

import ipaddress
import os
import selectors
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util.ssl_ import create_urllib3_context

from pypisync.upstream.deadline import current

Reach = Literal["global", "private", "loopback", "link-local"]
_ADDRESSES = 8  # addresses of one name that are tried


class RefusedError(HTTPError):
    """The address is one that upstream may not lead to."""


def reach(address: str) -> Reach:
    """Returns from where this IP address can be reached (IANA's special-purpose registries)."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if found.is_loopback or found.is_unspecified:
        return "loopback"
    if found.is_link_local:
        return "link-local"
    return "global" if found.is_global and not found.is_multicast else "private"


def resolve(host: str, port: int) -> list[Any]:
    """Returns what ``getaddrinfo`` says of the name. Raises OSError, UnicodeError.

    It cannot be interrupted, so a thread of its own waits for it; one that hangs is left behind.
    """
    found: list[Any] = []
    failed: list[Exception] = []
    done = threading.Event()

    def look() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            failed.append(error)
        done.set()

    deadline = current()
    threading.Thread(target=look, name="resolve", daemon=True).start()
    while not done.wait(None if deadline is None else deadline.slice):
        if deadline is not None:
            deadline.check()
    if failed:
        raise failed[0]
    return found[:_ADDRESSES]


class _Sliced:
    """The methods of a socket that wait, in slices."""

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Returns what a socket returns; it waits in slices, so that a stop is heard."""
        count: int = _patiently(super().recv_into, buffer, nbytes, flags)  # type: ignore[misc]
        _got(count)
        return count

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Returns what a socket returns; it waits in slices, so that a stop is heard."""
        data: bytes = _patiently(super().recv, bufsize, flags)  # type: ignore[misc]
        _got(len(data))
        return data

    def send(self, data: Any, flags: int = 0) -> int:
        """Returns what a socket returns; it waits in slices, so that a stop is heard."""
        count: int = _patiently(super().send, data, flags)  # type: ignore[misc]
        return count

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Returns what a socket returns; it waits in slices, so that a stop is heard."""
        with memoryview(data) as view, view.cast("B") as rest:
            sent = 0
            while sent < len(rest):
                sent += self.send(rest[sent:], flags)


class _Socket(_Sliced, socket.socket):
    pass


class _TlsSocket(_Sliced, ssl.SSLSocket):  # type: ignore[misc]  # names of arguments
    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as in ssl
        """Shake hands. On a stop the descriptor is closed, as ssl does for an OSError."""
        try:
            _patiently(super().do_handshake, block)
        except BaseException:
            self.close()
            raise


def _patiently(wait: Callable[..., Any], *args: Any) -> Any:
    """Returns what ``wait`` returns, which waits for a slice of time: called until it succeeds."""
    deadline = current()
    while deadline is not None:
        deadline.check()
        try:
            return wait(*args)
        except TimeoutError:
            continue
    return wait(*args)


def _got(count: int) -> None:
    deadline = current()
    if deadline is not None:
        deadline.got(count)


def tls_context() -> ssl.SSLContext:
    """Returns a context as urllib3 makes it, with sockets that wait in slices."""
    context = create_urllib3_context()
    context.sslsocket_class = _TlsSocket
    return context


Guard = Callable[[Reach], bool]


class _Patient(HTTPConnection):
    """A connection that is made in slices, and only to where its guard allows."""

    guard: ClassVar[Guard]

    def _new_conn(self) -> socket.socket:
        try:
            return self._made(resolve(self._dns_host, self.port or self.default_port))
        except UnicodeError:
            raise LocationParseError(f"'{self.host}', label empty or too long") from None
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except OSError as error:
            text = f"Failed to establish a new connection: {error}"
            raise NewConnectionError(self, text) from error

    def _made(self, found: list[Any]) -> socket.socket:
        """Returns a connection to the first address that can be reached.

        Raises OSError, RefusedError.
        """
        guard = type(self).guard
        allowed = [one for one in found if guard(reach(one[4][0]))]
        if found and not allowed:
            raise refused(self.host, found[0][4][0])
        failed = OSError("the name has no address")
        for family, kind, protocol, _, address in allowed:
            made = _Socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    made.setsockopt(*option)
                _connect(made, address, len(allowed))
            except OSError as error:
                made.close()
                failed = error
            except BaseException:
                made.close()
                raise
            else:
                return made
        raise failed


class _PatientTls(_Patient, HTTPSConnection):
    pass


def patient(usual: type[Any], guard: Guard) -> type[HTTPConnection] | None:
    """Returns the patient kind of a connection class of urllib3; None for any other class.

    ``guard`` says whether an address of this reach may be connected to.
    """
    kinds: dict[type[Any], type[_Patient]] = {
        HTTPConnection: _Patient,
        HTTPSConnection: _PatientTls,
    }
    found = kinds.get(usual)
    return found and type(usual.__name__, (found,), {"guard": staticmethod(guard)})


def refused(host: str, address: str) -> RefusedError:
    """Returns what is raised where a guard does not allow it."""
    return RefusedError(
        f"{host} is {address}, an address of this machine or of a private network; an index "
        "elsewhere may not lead there"
    )


def _connect(made: socket.socket, address: Any, share: int) -> None:
    """Connect within one of so many shares of the time. Raises OSError, SlowError, Stopped."""
    deadline = current()
    if deadline is None:
        made.connect(address)
        return
    deadline.again()
    made.settimeout(0)
    made.connect_ex(address)
    left = deadline.timeout / share
    with selectors.DefaultSelector() as selector:
        selector.register(made, selectors.EVENT_WRITE)
        while not selector.select(min(deadline.slice, left)):
            deadline.check()
            left -= deadline.slice
            if left <= 0:
                raise TimeoutError(f"timed out connecting to {address[0]}")
    error = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))
    made.settimeout(deadline.slice)
    deadline.again()
