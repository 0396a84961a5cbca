"""Slow answers end, and a stop is heard wherever a connection hangs."""

import gzip
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from time import monotonic, sleep
from typing import Any

import pytest

from pypisync.errors import Stopped, Unreachable
from pypisync.upstream.api import FileAsk
from pypisync.upstream.client import HttpUpstream
from pypisync.upstream.deadline import Deadline
from pypisync.upstream.download import download
from pypisync.upstream.failures import SlowError
from pypisync.upstream.routes import Settings
from pypisync.upstream.session import Session
from tests.sim.asks import asked
from tests.upstream.conftest import Time
from tests.upstream.deposit import MemoryDeposit
from tests.upstream.raw import Handler, Raw, after_request, silent, trickle
from tests.upstream.scripted import Answer, Scripted

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SLOW: list[tuple[str, Handler]] = [
    ("too slow", trickle(HEAD, b"x", 0.02)),
    ("too slow", trickle(CHUNKED, b"1\r\nx\r\n", 0.02)),
    ("chunk hex-length", trickle(CHUNKED, b"0", 0.02)),
    ("timed out: no more", trickle(HEAD + b"x" * 200_000, b"", 0.02)),
    ("timed out: no answer", trickle(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001)),
    ("timed out: no answer", trickle(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.02)),
    ("timed out: no answer", silent),
]


class Passing(Time):
    """Time that passes with what happens on the sockets, however busy the machine is.

    If a request is to be too slow, each byte of a body takes a fiftieth of a second. If it is to
    time out, each look whether it is over its time takes a twentieth: from the beginning, or where
    an answer is to come, from the beginning of its body.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
        super().__init__()
        slow, answered = not why.startswith("timed out"), why != "timed out: no answer"
        got, check = Deadline.got, Deadline.check

        def passing_got(deadline: Deadline, count: int) -> None:
            self.now += count / 50 if slow and deadline._body else 0
            got(deadline, count)

        def passing_check(deadline: Deadline) -> None:
            self.now += 0.05 if not slow and (deadline._body or not answered) else 0
            check(deadline)

        monkeypatch.setattr(Deadline, "got", passing_got)
        monkeypatch.setattr(Deadline, "check", passing_check)


def quick(url: str, **changes: object) -> Settings:
    known = {"endpoint": url, "timeout": 0.2, "least_rate": 1000.0, "retries": 0, **changes}
    return Settings(**known)  # type: ignore[arg-type]


@pytest.mark.parametrize(("why", "handler"), SLOW)
def test_a_slow_document_is_given_up(
    why: str, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Passing(monkeypatch, why)
    with Raw(handler) as server:
        session = Session(quick(server.url), sleep=time.sleep)
        session.timer = time.clock
        with pytest.raises(Unreachable, match=why):
            session.get(server.url + "/a", {})
        with pytest.raises(Unreachable, match=why):
            session.post(server.url + "/a", {}, b"x")
        session.close()


def test_a_document_that_keeps_the_rate_ends_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Passing(monkeypatch, "too slow")
    with Raw(trickle(HEAD, b"x" * 1000, 0.01)) as server:
        settings = quick(server.url, longest=300, least_rate=1, timeout=1000)
        session = Session(settings, sleep=time.sleep)
        session.timer = time.clock
        with pytest.raises(Unreachable, match="still not at its end"):
            session.get(server.url + "/a", {})
        session.close()


@pytest.mark.parametrize(("why", "handler"), SLOW)
def test_a_slow_file_is_given_up_and_keeps_what_arrived(
    why: str, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Passing(monkeypatch, why)
    with Raw(handler) as server:
        upstream = HttpUpstream(quick(server.url), sleep=time.sleep, clock=time.clock)
        upstream._session.timer = time.clock
        deposit = MemoryDeposit()
        ask = FileAsk(server.url + "/f", "f", "0" * 64, 1_000_000)
        error = asked(upstream, ask, deposit)
        assert isinstance(error, Unreachable)
        assert why in str(error)
        if handler is SLOW[3][1]:
            assert len(deposit.partial["f"]) == 200_000
        upstream.close()


def test_a_file_that_breaks_off_for_ever_ends_although_it_gets_on(time: Time) -> None:
    """Each try brings a megabyte, which renews the patience; the file's own time does not."""

    def megabyte(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(4096)
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 90000000000\r\n\r\n"
        connection.sendall(head + bytes(1_100_000))

    with Raw(megabyte) as server:
        settings = quick(server.url, longest=0.2, least_rate=1e12, timeout=5)
        upstream = HttpUpstream(settings, sleep=lambda _: sleep(0.02), clock=time.clock)
        ask = FileAsk(server.url + "/f", "f", "0" * 64, 90_000_000_000)
        error = asked(upstream, ask, MemoryDeposit())
        assert isinstance(error, Unreachable)
        upstream.close()


def crowded() -> socket.socket:
    """A listener whose queue is full: who connects now waits."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    for _ in range(8):
        waiting = socket.socket()
        waiting.setblocking(False)
        waiting.connect_ex(listener.getsockname())
        KEPT.append(waiting)
    return listener


KEPT: list[socket.socket] = []


def stopped_after(url: str, act: Callable[[Session], object]) -> float:
    """The seconds from the wish to stop until it is heard, though nothing comes for a minute."""
    stop = threading.Event()
    heard: list[float] = []
    session = Session(Settings(url, timeout=60, retries=0), stop=stop.is_set)

    def work() -> None:
        with pytest.raises(Stopped):
            act(session)
        heard.append(monotonic())

    thread = threading.Thread(target=work)
    thread.start()
    sleep(0.1)
    assert thread.is_alive()
    begun = monotonic()
    stop.set()
    thread.join()
    session.close()
    return heard[0] - begun


@pytest.mark.parametrize(
    ("handler", "scheme"),
    [
        (silent, "http"),
        (silent, "https"),
        (trickle(HEAD, b"x", 0.05), "http"),
        (trickle(HEAD, b"", 0.05), "http"),
        (trickle(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001), "http"),
    ],
    ids=["no head", "no handshake", "slow body", "silent body", "continue"],
)
def test_a_stop_is_heard_within_a_second(handler: Handler, scheme: str) -> None:
    with Raw(handler) as server:
        url = server.url.replace("http", scheme)
        assert stopped_after(url, lambda session: session.get(url + "/a", {})) < 1


def test_a_stop_is_heard_while_connecting() -> None:
    with crowded() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert stopped_after(url, lambda session: session.get(url + "/a", {})) < 1
    while KEPT:
        KEPT.pop().close()


def test_a_stop_is_heard_while_a_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(*_: object) -> list[object]:
        over.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    url = "http://index.invalid"
    assert stopped_after(url, lambda session: session.get(url + "/a", {})) < 1
    over.set()


def test_what_an_answer_may_take_grows_with_what_comes(time: Time) -> None:
    deadline = Deadline(lambda: None, time.clock, timeout=30, least_rate=1000, end=500)
    time.now = 29
    deadline.check()
    deadline.body()
    for _ in range(40):  # 10 kB each ten seconds
        time.now += 10
        deadline.got(10_000)
        deadline.check()
    time.now += 29
    deadline.check()
    time.now += 2
    with pytest.raises(SlowError, match="no more came within 30 seconds"):
        deadline.check()
    deadline.got(1_000_000)
    deadline.check()
    time.now = 501
    deadline.got(1)
    with pytest.raises(SlowError, match="still not at its end"):
        deadline.check()


@pytest.mark.parametrize("sent", [b"", HEAD, HEAD + b"x", CHUNKED], ids=len)
@pytest.mark.parametrize("what", ["document", "file"])
def test_a_stop_leaves_no_connection_open(sent: bytes, what: str) -> None:
    came, ended, stop = threading.Event(), threading.Event(), threading.Event()

    def hang(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(sent)
        came.set()
        with suppress(ConnectionResetError):  # closed before all was read
            assert connection.recv(1) == b""  # closed
        ended.set()

    with Raw(after_request(hang)) as server:
        session = Session(Settings(server.url, timeout=60, retries=0), stop=stop.is_set)
        url = server.url + "/f"

        ask = FileAsk(url, "f", "0" * 64, 1_000_000)
        whole = partial(session.get, url, {})
        fetch = partial(download, session, ask, MemoryDeposit())

        def work() -> None:
            with pytest.raises(Stopped):
                (whole if what == "document" else fetch)()

        thread = threading.Thread(target=work)
        thread.start()
        assert came.wait(10)
        stop.set()
        thread.join()
        assert ended.wait(10)
        session.close()


def test_a_name_that_is_looked_up_to_judge_another_is_given_up_on_a_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whether a file's host may be near depends on where the index is, which hangs here."""
    over, usual = threading.Event(), socket.getaddrinfo

    def hang(host: str, *rest: Any) -> list[Any]:
        if host == "127.0.0.1":
            return list(usual(host, *rest))
        over.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    url = "http://index.invalid"
    act = partial(Session.open, url="http://127.0.0.1:1/f", headers={})
    assert stopped_after(url, act) < 1
    over.set()


def test_what_is_packed_and_is_nothing_ends_as_well(server: Scripted, time: Time) -> None:
    """A few kilobytes unpack to fifty thousand members of gzip in which there is not a byte."""
    nothing = gzip.compress(gzip.compress(b"") * 50_000)
    server.tell("/a", Answer(200, nothing, {"Content-Encoding": "gzip, gzip"}))
    settings = quick(server.url, longest=1000, least_rate=1, timeout=1_000_000)
    session = Session(settings, sleep=time.sleep)
    session.timer = partial(next, count())
    with pytest.raises(Unreachable, match="still not at its end"):
        session.get(server.url + "/a", {})
    session.close()


@pytest.mark.parametrize("timeout", [3_000_000.0, float("inf")])
def test_a_silence_may_be_allowed_for_ever(server: Scripted, timeout: float) -> None:
    server.tell("/a", Answer(200, b"x"))
    session = Session(quick(server.url, timeout=timeout))
    assert session.get(server.url + "/a", {}).body == b"x"
    session.close()
