"""What listens at an address speaks another protocol than the address says."""

import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import count
from time import monotonic

import pytest

from pypisync.errors import ProxyRefused, Unreachable
from pypisync.upstream.routes import Settings
from pypisync.upstream.session import Session
from tests.upstream.conftest import Time
from tests.upstream.raw import Handler, Raw, after_request
from tests.upstream.scripted import Answer, Scripted

HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def says(*answers: bytes) -> Handler:
    """Sends one answer after each piece that comes, and ends when the other side does."""

    def handle(connection: socket.socket, _: threading.Event) -> None:
        for answer in answers:
            connection.recv(65536)
            connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    return handle


class Silent:
    """Hears what comes on a connection and says nothing: then the time of a request is over."""

    def __init__(self) -> None:
        self._heard = 0

    def __call__(self, connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        self._heard += 1
        over.wait(10)

    def timer(self) -> float:
        """A minute for each connection that was made."""
        return 60.0 * self._heard


def reply(number: int) -> bytes:
    """Returns what a SOCKS proxy replies to a request (RFC 1928, 6)."""
    return bytes([5, number, 0, 1]) + bytes(6)


def told(
    time: Time, url: str, timer: Callable[[], float] = monotonic, **settings: object
) -> Unreachable:
    """The error of a request that may be made three times."""
    keys = {"endpoint": url, "retries": 2, **settings}
    session = Session(Settings(**keys), sleep=time.sleep)  # type: ignore[arg-type]
    session.timer = timer
    with pytest.raises(Unreachable) as caught:
        session.get(url + "/a", {})
    session.close()
    return caught.value


@pytest.mark.parametrize("answer", [HTTP, b"SSH-2.0-x\r\n", b"<html>", b"J\0\0\0\n8.0.1"])
def test_an_address_of_tls_where_none_is_spoken_is_told_at_once(time: Time, answer: bytes) -> None:
    with Raw(says(answer)) as server:
        error = told(time, server.url.replace("http", "https"))
        host = server.url.removeprefix("http://")
    said = f": {host} does not speak TLS (1 try); use http://, or the port where it speaks TLS"
    assert str(error).endswith(said)
    assert (server.connections, time.now) == (1, 0)


def test_a_proxy_that_is_to_be_asked_by_tls_and_speaks_none_is_told(time: Time) -> None:
    with Raw(says(HTTP)) as proxy:
        error = told(time, "http://index.invalid", proxy=proxy.url.replace("http", "https"))
    assert isinstance(error, ProxyRefused)
    assert ": the proxy does not speak TLS (1 try); write http://" in str(error)
    assert proxy.connections == 1


def test_an_index_behind_a_proxy_that_speaks_no_tls_is_told_by_its_own_name(time: Time) -> None:
    def tunnel(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        says(HTTP)(connection, over)

    with Raw(after_request(tunnel)) as proxy:
        error = told(time, "https://index.invalid", proxy=proxy.url)
    assert ": index.invalid:443 does not speak TLS (1 try); use http://" in str(error)


@pytest.mark.parametrize(
    "page",
    [
        b"<center>The plain HTTP request was sent to HTTPS port</center>",  # nginx
        b"Client sent an HTTP request to an HTTPS server.\n",  # Go
        b"Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",  # Apache
    ],
)
def test_a_server_that_says_that_it_wants_tls_is_heard(
    server: Scripted, time: Time, page: bytes
) -> None:
    server.tell("/a", Answer(400, page))
    assert ": TLS is spoken there (1 try); use https://" in str(told(time, server.url))
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answers", "said"),
    [((b"\x15\x03\x03\0\x02\x02\x16",), "what answers is not HTTP"), ((b"",), "Empty reply")],
)
def test_what_answers_no_http_may_speak_tls(
    time: Time, answers: tuple[bytes, ...], said: str
) -> None:
    """It cannot be known, so it is asked again."""
    with Raw(says(*answers)) as server:
        error = str(told(time, server.url))
    assert f": {said}" in error
    assert "(3 tries); if it stays so, check whether TLS is spoken there" in error
    assert server.connections == 3


@pytest.mark.parametrize("url", ["http://index.invalid", "https://index.invalid"])
def test_a_proxy_that_answers_no_http_may_be_one_of_socks(time: Time, url: str) -> None:
    with Raw(says(b"")) as proxy:
        error = str(told(time, url, proxy=proxy.url))
    assert "(3 tries); if it stays so, check whether what listens there is an HTTP proxy" in error


@pytest.mark.parametrize("kind", ["socks5", "socks5h", "socks4", "socks4a"])
@pytest.mark.parametrize("answer", [HTTP, b"SSH-2.0-x\r\n"])
def test_what_listens_at_the_address_of_a_socks_proxy_speaks_none(
    time: Time, kind: str, answer: bytes
) -> None:
    with Raw(says(answer)) as proxy:
        error = told(time, "http://127.0.0.1:9", proxy=proxy.url.replace("http", kind))
    assert isinstance(error, ProxyRefused)
    assert "(`upstream.proxy`): the proxy does not speak SOCKS, or another version" in str(error)
    assert (proxy.connections, time.now) == (1, 0)


def test_what_is_silent_at_the_address_of_a_socks_proxy_may_speak_none(time: Time) -> None:
    """As an HTTP proxy is, which waits for the end of a line; or it is slow: it is asked again."""
    silent = Silent()
    with Raw(silent) as proxy:
        address = proxy.url.replace("http", "socks5h")
        error = str(told(time, "http://index.invalid", silent.timer, proxy=address))
    assert "leads to nothing within 30 seconds: it may not speak SOCKS (3 tries)" in error
    assert "; if it stays so, check whether what listens there speaks SOCKS" in error
    assert proxy.connections == 3


def test_what_ends_at_the_address_of_a_socks_proxy_may_speak_none(time: Time) -> None:
    with Raw(says(b"")) as proxy:
        address = proxy.url.replace("http", "socks5h")
        error = str(told(time, "http://index.invalid", proxy=address))
    assert "(3 tries); if it stays so, check whether what listens there speaks SOCKS" in error


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (says(b"\x05\xff"), "the proxy refuses the login ("),
        (says(b"\x05\x02", b"\x01\x01"), "the proxy refuses the login ("),
        (says(b"\x05\0", reply(2)), "the proxy does not allow this connection"),
        (says(b"\x05\0", reply(8)), "the proxy takes no such address"),
    ],
)
def test_a_socks_proxy_that_refuses_is_not_asked_again(
    time: Time, handler: Handler, said: str
) -> None:
    with Raw(handler) as proxy:
        address = proxy.url.replace("http://", "socks5h://you:secret@")
        error = told(time, "http://index.invalid", proxy=address)
    assert isinstance(error, ProxyRefused)
    assert f": {said}" in str(error)
    assert "secret" not in str(error)
    assert (proxy.connections, time.now) == (1, 0)


def test_a_socks_proxy_that_reaches_nothing_is_asked_again(time: Time) -> None:
    with Raw(says(b"\x05\0", reply(4))) as proxy:
        error = told(time, "http://index.invalid", proxy=proxy.url.replace("http", "socks5h"))
    assert ": the proxy cannot go there: the host cannot be reached (3 tries)" in str(error)
    assert proxy.connections == 3


@pytest.mark.parametrize("scheme", ["http", "https", "socks5h"])
def test_a_proxy_that_takes_connections_and_says_no_more_is_told_as_that(
    time: Time, scheme: str
) -> None:
    silent = Silent()
    with Raw(silent) as proxy:
        address = proxy.url.replace("http", scheme)
        error = str(told(time, "https://index.invalid", silent.timer, proxy=address))
    assert ": timed out: the proxy takes connections, but leads to nothing within 30 s" in error


def test_a_host_that_takes_connections_and_speaks_no_tls_is_told_as_that(time: Time) -> None:
    silent = Silent()
    with Raw(silent) as server:
        error = str(told(time, server.url.replace("http", "https"), silent.timer))
    assert ": timed out: 127.0.0.1 takes connections, but no TLS comes about within 30 s" in error


@pytest.mark.parametrize("scheme", ["", "http", "socks5h"])
def test_who_takes_no_connections_is_told_as_that(time: Time, scheme: str) -> None:
    """Linux answers no greeting of TCP to a socket with as many as it may keep unaccepted."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        place = listener.getsockname()
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(place)
        host = f"127.0.0.1:{place[1]}"
        proxy = f"{scheme}://{host}" if scheme else None
        timer = partial(next, count(0.0, 10.0))
        error = str(told(time, f"http://{host}", timer, proxy=proxy, retries=0))
    who = "the proxy" if scheme else host
    assert f": timed out: no connection to {who} within 30 seconds (1 try); " in error
