"""Answers that break HTTP: which are faults and asked for again, what of others is believed."""

import socket
import threading
from collections.abc import Callable

import pytest

from pypisync.errors import Unreachable
from pypisync.upstream.routes import Settings
from pypisync.upstream.session import Session
from tests.upstream.conftest import Time
from tests.upstream.raw import Raw, after_request

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ONE = b"Content-Length: 1\r\n\r\na"


def sends(data: bytes) -> Raw:
    """A server that answers every request on a new connection with these bytes, and ends it."""
    return Raw(after_request(lambda connection, _: connection.sendall(data)))


@pytest.mark.parametrize(
    "told",
    [
        b"hello",
        b"\0\0\4\0\0\0\0\0\0",
        b"ICY 200 OK\r\n" + ONE,
        b"HTTP/9.9 200 OK\r\n" + ONE,
        b"HTTP/1.1 20 OK\r\n" + ONE,
        b"HTTP/1.1 100 Continue\r\n\r\n",
        OK + b"Content-Len",
        OK + b"X: y\r\n",
        OK + b"X: " + b"a" * 1_000_000 + b"\r\n" + ONE,
        OK + b"X: y\r\n" * 10_000 + ONE,
        OK + b"X: a\0b\r\n" + ONE,
        OK + b"Content-Length: -1\r\n\r\na",
        OK + b"Content-Length: 2\r\n" + ONE,
        OK + b"Transfer-Encoding: gzip\r\n\r\na",
        CHUNKED + b"-1\r\na\r\n",
        CHUNKED + b"ffffffffffffffff\r\na\r\n",
        CHUNKED + b"1\r\na\r\n0\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
        CHUNKED + b"5\r\nab",
        CHUNKED + b"1\r\na\r\n",
        b"",
    ],
    ids=lambda told: repr(told[:60]),
)
def test_an_answer_that_is_none_is_asked_for_again(
    time: Time, capfd: pytest.CaptureFixture[str], told: bytes
) -> None:
    with sends(told) as server:
        session = Session(Settings(server.url, retries=2), sleep=time.sleep)
        with pytest.raises(Unreachable, match=r": \S+ .* .3 tries.;"):
            session.get(server.url + "/a", {})
        session.close()
        assert server.connections == 3
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("told", "status", "body", "headers"),
    [
        (b"http/1.1 200 OK\r\n" + ONE, 200, b"a", {"Content-Length": "1"}),
        (b"HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\nabc", 101, b"abc", {"Upgrade": "x"}),
        (b"HTTP/1.1 199 X\r\nY: z\r\n\r\n" + OK + ONE, 200, b"a", {"Content-Length": "1"}),
        (OK + b"HTTP/1.1: x\r\n" + ONE, 200, b"a", {"HTTP/1.1": "x", "Content-Length": "1"}),
        (OK + b"X: a\r\n b\r\n" + ONE, 200, b"a", {"X": "a b", "Content-Length": "1"}),
        (
            CHUNKED + b"1\r\na\r\n0\r\nHTTP/1.1 404: x\r\nContent-Encoding: gzip\r\n\r\n",
            200,
            b"a",
            {"Transfer-Encoding": "chunked"},
        ),
    ],
    ids=range(6),
)
def test_an_odd_answer_is_read_as_it_is_meant(
    session: Session, told: bytes, status: int, body: bytes, headers: dict[str, str]
) -> None:
    with sends(told) as server:
        reply = session.get(server.url + "/a", {})
    assert (reply.status, reply.body) == (status, body)
    assert dict(reply.headers) == {name.lower(): value for name, value in headers.items()}


def over(answers: Callable[[int], bytes]) -> Raw:
    """A server that answers the requests on a connection one after the other, and stays."""

    def handle(connection: socket.socket, _: object) -> None:
        count, asked = 0, b""
        while data := connection.recv(65536):
            asked += data
            if asked.endswith(b"\r\n\r\n"):
                count, asked = count + 1, b""
                connection.sendall(answers(count))

    return Raw(handle)


@pytest.mark.parametrize(
    "head",
    [
        OK + b"Content-Length: 1\r\n\r\na",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n",
        CHUNKED + b"1\r\na\r\n0\r\n\r\n",
    ],
    ids=["length", "204", "304", "chunked"],
)
def test_what_follows_an_answer_is_not_the_next_one(session: Session, head: bytes) -> None:
    smuggled = OK + b"Content-Length: 4\r\n\r\nevil"
    with over(lambda count: head + smuggled if count == 1 else OK + ONE) as server:
        session.get(server.url + "/a", {})
        for _ in range(3):
            assert session.get(server.url + "/b", {}).body != b"evil"


@pytest.mark.parametrize("later", [b"H", b"HTTP/1.1 408 Late\r\n" + ONE, OK + ONE])
def test_what_comes_between_two_requests_is_no_answer(session: Session, later: bytes) -> None:
    read, told = threading.Event(), threading.Event()

    def handle(connection: socket.socket, over: threading.Event) -> None:
        while connection.recv(65536):
            connection.sendall(OK + b"Content-Length: 2\r\n\r\nme")
            read.wait(10)
            connection.sendall(later)
            told.set()
            over.wait(10)

    with Raw(handle) as server:
        for _ in range(3):
            read.clear()
            told.clear()
            assert session.get(server.url + "/a", {}).body == b"me"
            read.set()
            assert told.wait(10)
        assert server.connections == 3
