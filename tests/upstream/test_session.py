"""Retries, limits and secrets of single requests."""

import gzip
import socket
import threading
from collections.abc import Callable
from typing import Any

import pycurl
import pytest

from pypisync.errors import ConfigError, Malformed, Stopped, Unreachable
from pypisync.upstream.faults import said, shown
from pypisync.upstream.manners import retry_after
from pypisync.upstream.routes import Settings, split_endpoint, user_agent
from pypisync.upstream.session import Session, as_safe, backoff
from tests.upstream.conftest import Time
from tests.upstream.raw import Raw, after_request
from tests.upstream.scripted import Answer, Asked, Scripted, page


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_fault_is_retried_after_doubling_waits(
    server: Scripted, session: Session, time: Time, status: int
) -> None:
    server.tell("/a", Answer(status), Answer(status), Answer(200, b"at last"))
    assert session.get(server.url + "/a", {}).body == b"at last"
    assert time.now == 1 + 2
    assert len(server.asked) == 3


def test_it_gives_up_and_says_where_and_why(server: Scripted, session: Session) -> None:
    server.tell("/a?token=secret", Answer(503))
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:\d+/a: HTTP 503 \(3 tries\)"):
        session.get(server.url + "/a?token=secret", {})


@pytest.mark.parametrize("status", [400, 401, 403, 404, 406, 410])
def test_what_a_retry_cannot_mend_is_the_callers(
    server: Scripted, session: Session, status: int
) -> None:
    server.tell("/a", Answer(status))
    assert session.get(server.url + "/a", {}).status == status
    assert len(server.asked) == 1


def test_retry_after_is_waited_out(server: Scripted, session: Session, time: Time) -> None:
    server.tell("/a", Answer(429, headers={"Retry-After": "17"}), Answer())
    session.get(server.url + "/a", {})
    assert time.now == 17


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "5"}, 5.0),
        ({"Retry-After": "99999"}, 300.0),
        (
            {
                "Retry-After": "Sat, 01 Jan 2028 00:01:30 GMT",
                "Date": "Sat, 01 Jan 2028 00:01:00 GMT",
            },
            30.0,
        ),
        (
            {
                "Retry-After": "Sat, 01 Jan 2028 00:00:00 GMT",
                "Date": "Sat, 01 Jan 2028 00:01:00 GMT",
            },
            0.0,
        ),
        (
            {
                "Retry-After": "Sat, 01 Jan 2028 00:01:07 -0000",
                "Date": "Sat, 01 Jan 2028 00:01:00 GMT",
            },
            7.0,
        ),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_in_its_two_forms(headers: dict[str, str], wait: float | None) -> None:
    assert retry_after(headers) == wait


def test_waits_double_up_to_a_minute() -> None:
    assert [backoff(n) for n in (1, 2, 3, 7, 100)] == [1, 2, 4, 60, 60]


def test_a_cut_document_is_asked_for_again(server: Scripted, session: Session) -> None:
    server.tell("/a", Answer(200, b"0123456789", cut=4), Answer(200, b"0123456789"))
    assert session.get(server.url + "/a", {}).body == b"0123456789"


def test_a_refused_connection_is_unreachable(time: Time) -> None:
    session = Session(Settings("http://127.0.0.1:1", retries=1), sleep=time.sleep)
    with pytest.raises(Unreachable, match="refused"):
        session.get("http://127.0.0.1:1/a", {})
    session.close()


def test_a_server_that_says_nothing_is_unreachable(server: Scripted, time: Time) -> None:
    def never(_: Asked) -> Answer:
        waiting.wait(10)
        return Answer()

    waiting = threading.Event()
    server.tell("/a", never)
    session = Session(Settings(server.url, retries=0, timeout=0.05), sleep=time.sleep)
    with pytest.raises(Unreachable, match="timed out"):
        session.get(server.url + "/a", {})
    waiting.set()
    session.close()


def test_redirects_are_followed_and_tell_the_last_address(
    server: Scripted, session: Session
) -> None:
    server.tell("/a", Answer(301, headers={"Location": "/b"}))
    server.tell("/b", Answer(302, headers={"Location": server.url + "/c/#part"}))
    server.tell("/c/", Answer(200, b"here"))
    reply = session.get(server.url + "/a", {})
    assert (reply.url, reply.body) == (server.url + "/c/", b"here")


def test_endless_redirects_end(server: Scripted, session: Session) -> None:
    server.tell("/a", Answer(302, headers={"Location": "/a"}))
    with pytest.raises(Unreachable, match="redirects"):
        session.get(server.url + "/a", {})


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a"])
def test_a_redirect_out_of_http_is_not_followed(
    server: Scripted, session: Session, target: str
) -> None:
    server.tell("/a", Answer(302, headers={"Location": target}))
    with pytest.raises(Unreachable, match="less safe"):
        session.get(server.url + "/a", {})


@pytest.mark.parametrize(
    ("url", "target", "safe"),
    [
        ("http://h/a", "http://h/b", True),
        ("http://h/a", "https://h/b", True),
        ("http://h/a", "HTTPS://h/b", True),
        ("https://h/a", "https://h/b", True),
        ("https://h/a", "http://h/b", False),
        ("HTTPS://h/a", "http://h/b", False),
        ("HTTPS://h/a", "HTTP://h/b", False),
        ("http://h/a", "httpx://h/b", False),
        ("http://h/a", "javascript:x", False),
    ],
)
def test_a_redirect_never_leaves_tls(url: str, target: str, safe: bool) -> None:
    assert as_safe(url, target) == safe


def test_a_document_that_is_too_large_is_malformed_even_when_packed(
    server: Scripted, time: Time
) -> None:
    bomb = gzip.compress(bytes(4_000_000))
    server.tell("/a", Answer(200, bomb, {"Content-Encoding": "gzip"}))
    server.tell("/b", Answer(200, bytes(4_000_000)))
    server.tell("/c", Answer(200, bytes(1_000_000)))
    session = Session(Settings(server.url, max_document=1_000_000), sleep=time.sleep)
    for path in ("/a", "/b"):
        with pytest.raises(Malformed, match="larger than 1000000"):
            session.get(server.url + path, {})
    assert len(session.get(server.url + "/c", {}).body) == 1_000_000
    session.close()


def test_a_body_that_cannot_be_unpacked_is_malformed(server: Scripted, session: Session) -> None:
    server.tell("/a", Answer(200, b"no gzip", {"Content-Encoding": "gzip"}))
    with pytest.raises(Malformed, match="gzip"):
        session.get(server.url + "/a", {})


def test_it_stops_before_a_request_and_within_a_wait(server: Scripted, time: Time) -> None:
    server.tell("/a", Answer(503, headers={"Retry-After": "200"}))
    session = Session(Settings(server.url), sleep=time.sleep, stop=lambda: time.now >= 3)
    with pytest.raises(Unreachable, match="stopped"):
        session.get(server.url + "/a", {})
    assert time.now == 3
    with pytest.raises(Unreachable, match="stopped"):
        session.get(server.url + "/a", {})
    assert len(server.asked) == 1
    session.close()


def test_a_stop_amid_a_document_leaves_no_connection_open(
    server: Scripted, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.tell("/a", page("x" * 2_000_000))
    open_now: list[Any] = []

    def keep(self: Session, *rest: Any, **options: Any) -> Any:
        answer = ask(self, *rest, **options)
        open_now.append(answer)
        return answer

    ask = Session._ask
    monkeypatch.setattr(Session, "_ask", keep)
    session = Session(Settings(server.url), sleep=time.sleep, stop=lambda: bool(open_now))
    with pytest.raises(Stopped):
        session.get(server.url + "/a", {})
    assert [stream.response.closed for stream in open_now] == [True]
    session.close()


def test_credentials_are_sent_to_the_endpoint_only_and_never_shown(
    server: Scripted, time: Time
) -> None:
    with Scripted() as other:
        endpoint = server.url.replace("//", "//me:p%40ss@")
        server.tell("/a", Answer(302, headers={"Location": other.url + "/a"}))
        other.tell("/a", Answer(503))
        session = Session(Settings(endpoint, retries=0), sleep=time.sleep)
        with pytest.raises(Unreachable) as caught:
            session.open(session.endpoint + "/a", {})
        session.close()
        assert server.asked[0].headers["authorization"] == "Basic bWU6cEBzcw=="
        assert "authorization" not in other.asked[0].headers
    assert "p%40ss" not in str(caught.value)
    assert "p@ss" not in str(caught.value)


def test_every_request_names_its_sender(server: Scripted, time: Time) -> None:
    session = Session(Settings(server.url, contact="mail@host"), sleep=time.sleep)
    session.get(server.url + "/a", {"Accept": "x/y"})
    session.close()
    headers = server.asked[0].headers
    assert headers["user-agent"].startswith("pypisync/")
    assert "(+mail@host) libcurl/" in headers["user-agent"]
    assert headers["accept"] == "x/y"


def test_a_contact_cannot_break_out_of_its_header() -> None:
    assert "\n" not in user_agent("a\r\nX: y")


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("https://127.0.0.1:1/a", {"ca_file": "/missing/bundle.pem"}),
        ("http://[::1/a", {}),
        ("http://127.0.0.1:99999999/a", {}),
        ("http://a..b/x", {}),
        ("httpx://127.0.0.1:1/a", {}),
        ("javascript:alert(1)", {}),
        ("http://127.0.0.1:1/" + "a" * 9_000_000, {}),
        ("http://127.0.0.1:1/a\udcff", {}),
    ],
)
def test_what_cannot_be_asked_at_all_is_not_retried(
    time: Time, url: str, settings: dict[str, str]
) -> None:
    session = Session(Settings("http://127.0.0.1:1", **settings), sleep=time.sleep)  # type: ignore[arg-type]
    with pytest.raises(Unreachable, match="1 try"):
        session.get(url, {})
    assert time.now == 0
    session.close()


def test_no_descriptor_is_left(
    server: Scripted, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which libcurl says in its own kind of error."""

    def none() -> None:
        raise pycurl.error("initializing curl-multi failed")

    monkeypatch.setattr(pycurl, "CurlMulti", none)
    with pytest.raises(Unreachable, match=r"libcurl cannot begin.*3 tries"):
        session.get(server.url + "/a", {})


def test_no_socket_is_to_be_had(
    server: Scripted,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def none(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socket", none)
    with pytest.raises(Unreachable, match=r"no socket: Too many open files .3 tries"):
        session.get(server.url + "/a", {})
    assert capfd.readouterr().err == ""


def test_connections_that_are_not_to_be_used_any_more_are_closed_at_once(session: Session) -> None:
    ended = threading.Event()

    def answer(connection: socket.socket, _: object) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert connection.recv(1) == b""
        ended.set()

    with Raw(after_request(answer)) as server:
        session.get(server.url + "/a", {})
        session.renew(server.url + "/b")
        assert ended.wait(10)


def test_a_header_of_several_lines_is_not_sent(server: Scripted, session: Session) -> None:
    for value in ("a\r\nX: y", "a\nX: y", "a\0"):
        with pytest.raises(Unreachable, match=r"several lines .1 try"):
            session.get(server.url + "/a", {"If-None-Match": value})
    assert server.asked == []


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/a/../b", "/a/../b"),
        ("/ä b", "/%C3%A4%20b"),
        ("/%7Eb%2F?q=%20#part", "/%7Eb%2F?q=%20"),
        ("/a[1]{2}", "/a[1]%7B2%7D"),
        ("/a\\b|c", "/a%5Cb%7Cc"),
        ("?q=/b", "/?q=/b"),
        ("#part/b", "/"),
    ],
)
def test_a_path_is_asked_for_as_it_is_written(
    server: Scripted, session: Session, path: str, sent: str
) -> None:
    session.get(server.url + path, {})
    assert server.paths() == [sent]


def test_headers_that_come_twice_are_joined_and_trailers_are_none(session: Session) -> None:
    told = (
        b"HTTP/1.1 103 Early Hints\r\nX: 0\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nX: 1\r\nx: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\na\r\n0\r\nX: 3\r\n\r\n"
    )
    with Raw(after_request(lambda connection, _: connection.sendall(told))) as server:
        reply = session.get(server.url + "/a", {})
    assert (reply.status, reply.body, reply.headers["X"]) == (200, b"a", "1, 2")


def test_a_connection_is_used_again(server: Scripted, session: Session) -> None:
    accept = server._server.process_request
    seen: list[object] = []

    def counted(request: object, address: object) -> None:
        seen.append(address)
        accept(request, address)  # type: ignore[arg-type]

    server._server.process_request = counted  # type: ignore[method-assign, assignment]
    server.tell("/a", Answer(200, b"x" * 300_000))
    server.tell("/b", Answer(304))
    server.tell("/c", Answer(200, gzip.compress(b"x" * 300_000), {"Content-Encoding": "gzip"}))
    for path in ("/a", "/b", "/c", "/d", "/a"):
        session.get(server.url + path, {})
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("endpoint", "bare", "auth"),
    [
        ("https://host", "https://host", None),
        ("https://host/", "https://host", None),
        ("http://host:81/top/", "http://host:81/top", None),
        ("https://me:a%2Fb@host/x", "https://host/x", ("me", "a/b")),
        ("https://token@host", "https://host", ("token", "")),
        ("http://[::1]:8080", "http://[::1]:8080", None),
    ],
)
def test_an_endpoint_is_taken_apart(endpoint: str, bare: str, auth: tuple[str, str] | None) -> None:
    assert split_endpoint(endpoint) == (bare, auth)


@pytest.mark.parametrize(
    "wrong", ["", "host", "ftp://host", "https://", "https://h?x", "http://[a"]
)
def test_an_endpoint_that_is_no_address_is_the_operators_to_mend(wrong: str) -> None:
    with pytest.raises(ConfigError, match="endpoint"):
        split_endpoint(wrong)


@pytest.mark.parametrize(
    ("clean", "text", "bare"),
    [
        (shown, "https://me:pw@host/a?token=1#x", "https://host/a"),
        (shown, "https://me:p@w@host/a", "https://host/a"),
        (lambda text: said(ValueError(text)), "at http://u:p@w@h/x: no", "at http://h/x: no"),
        (shown, "https://host/login;jsessionid=1?back=/", "https://host/login"),
        (shown, "https://host/a\nb\x1b[31m", "https://host/a?b?[31m"),
        (lambda text: said(ValueError(text)), "at http://u:pw@h/x: no", "at http://h/x: no"),
        (lambda text: said(ValueError(text)), "", "ValueError"),
    ],
)
def test_messages_are_clean(clean: Callable[[str], str], text: str, bare: str) -> None:
    assert clean(text) == bare
