"""Requests and answers that are handled with less ado: against what urllib3 makes of them."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from pypisync.upstream.exchange import PlainConnection

USUAL = {"User-Agent": "pypisync/1", "Accept-Encoding": "identity"}

HEADS = (
    *("HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found", "HTTP/1.1 304 Not Modified", "HTTP/1.1 204 "),
    *("HTTP/1.0 200 OK", "HTTP/1.1 200", "HTTP/2 200 OK", "HTTP/1.1 20 OK", "ICY 200 OK", ""),
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK",
)
LINES = (
    *("Content-Length: 5", "content-length:5", "Content-Length: 3", "Content-Length: 5, 5"),
    *("Content-Length: -5", "Content-Length: \u0665", "Content-Length:", "Content-Length: 0"),
    *("Content-Length: 9", "Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
    *("Connection: close", "Connection: keep-alive", "Connection: x", "Upgrade: h2c", "X-A: b \t"),
    *(
        "X-A: \xe9",
        "X-A:b",
        "X-A: b\r\n c",
        " X-A: b",
        "X-A",
        "X A: b",
        ": b",
        "X-A: b\x01c",
        "X-A : b",
    ),
)
BODIES = ("", "hello", "hel", "hello, world", "5\r\nhello\r\n0\r\n\r\n")


@contextmanager
def connected(kind: type[HTTPConnection], said: bytes) -> Iterator[HTTPConnection]:
    """A connection to what has said something already, and has ended."""
    here, there = socket.socketpair()
    connection = kind("index.test", 80, timeout=5)
    connection.sock = here

    def say() -> None:
        there.sendall(said)
        there.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=say)
    thread.start()
    try:
        yield connection
    finally:
        thread.join()
        connection.close()
        there.close()


def ask(connection: HTTPConnection, headers: dict[str, str] = USUAL) -> HTTPResponse:
    connection.request(
        "GET", "/simple/a/", None, headers, preload_content=False, decode_content=False
    )
    return connection.getresponse()


def outcome(kind: type[HTTPConnection], said: bytes) -> object:
    """What an answer says, its body, and whether the connection can be used again; or the error."""
    with connected(kind, said) as connection:
        try:
            answer = ask(connection)
            headers = [(name, value.strip()) for name, value in answer.headers.items()]
            kept = connection.sock is not None
            body = b"".join(iter(lambda: answer.read1(7), b""))
        except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            return type(error)
        return answer.status, answer.reason, headers, body, kept, answer.closed


@given(
    st.sampled_from(HEADS),
    st.lists(st.sampled_from(LINES), max_size=4),
    st.sampled_from(("\r\n", "\r\n", "\n")),
    st.sampled_from(BODIES),
    st.integers(0, 400),
)
def test_answers_say_what_they_say_by_urllib3(
    head: str, lines: list[str], end: str, body: str, cut: int
) -> None:
    """Whatever their head is, and wherever they are cut short."""
    text = end.join([head, *lines, "", ""]) + body
    said = text.encode("utf-8")[:cut]
    assert outcome(PlainConnection, said) == outcome(HTTPConnection, said)


@pytest.mark.parametrize(
    "headers",
    [
        USUAL,
        {},
        {**USUAL, "Authorization": "Basic YTpi", "If-None-Match": '"x"'},
        {**USUAL, "Host": "other.test"},
        {**USUAL, "Connection": "close"},
        {**USUAL, "X-A": "\xe9"},
    ],
)
@pytest.mark.parametrize("body", [None, b"", b"<call/>"])
def test_the_same_is_asked(headers: dict[str, str], body: bytes | None) -> None:
    asked = []
    for kind in (PlainConnection, HTTPConnection):
        here, there = socket.socketpair()
        connection = kind("index.test", 8080, timeout=5)
        connection.sock = here
        with here, there:
            method = "GET" if body is None else "POST"
            connection.request(method, "/a?b=%20", body, headers, preload_content=False)
            here.shutdown(socket.SHUT_WR)
            asked.append(there.makefile("rb").read())
    assert asked[0] == asked[1]


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("/a b", USUAL),
        ("/a\r\nX: y", USUAL),
        ("/a", {**USUAL, "X": "y\r\nZ: z"}),
        ("/a", {**USUAL, "X\r\nZ": "y"}),
    ],
)
def test_nothing_is_smuggled_into_a_request(url: str, headers: dict[str, str]) -> None:
    with (
        connected(PlainConnection, b"") as connection,
        pytest.raises((ValueError, http.client.InvalidURL)),
    ):
        connection.request("GET", url, None, headers, preload_content=False)


def test_an_answer_that_was_not_read_is_not_taken_for_the_next() -> None:
    one = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    with connected(PlainConnection, one * 2) as connection:
        first = ask(connection)
        with pytest.raises(http.client.CannotSendRequest):
            ask(connection)
        assert not first.closed


def test_a_long_odd_head_takes_no_time() -> None:
    """No text of a head can be read in two ways, else reading would take for ever."""
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %b\r\n" % (i, b" " * 60) for i in range(90))
    assert outcome(PlainConnection, head + b"\x00\r\n") == outcome(
        HTTPConnection, head + b"\x00\r\n"
    )


@pytest.mark.parametrize(
    "line", ["Content-Length: 5", "content-length: 5\r\nConnection: keep-alive"]
)
def test_a_plain_head_needs_no_parser_for_mail(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr(http.client, "parse_headers", lambda _: pytest.fail("it was parsed"))
    with connected(
        PlainConnection, f"HTTP/1.1 200 OK\r\n{line}\r\n\r\nhello".encode()
    ) as connection:
        assert ask(connection).read1(7) == b"hello"
