"""Answers that are given at once: large files to slow clients, many requests in one go, ends."""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from pypisync.web import sending, worker
from pypisync.web.response import FilePart
from tests.web.sites import Site, small_world

HEAD = b" HTTP/1.1\r\nHost: x\r\n"
SIZE = 9_000_001


@pytest.fixture(scope="module", params=["in memory", "as the disk tells"])
def large(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, bytes]]:
    """A site with a file that no buffer of the system takes whole, and its bytes.

    A folder that is in memory cannot tell so, and then no file of it is sent at once.
    """
    site = Site(tmp_path_factory.mktemp("large"), small_world())
    data = os.urandom(SIZE)
    (site.tree / "packages").mkdir(parents=True)
    (site.tree / "packages/large").write_bytes(data)
    (site.tree / "packages/small").write_bytes(data[:16_384])
    with pytest.MonkeyPatch.context() as patched, site.running():
        if request.param == "in memory":
            patched.setattr(sending, "_in_memory", lambda *_: True)
        yield site, data


def connected(site: Site) -> socket.socket:
    where = urlsplit(site.address)
    assert where.hostname is not None
    assert where.port is not None
    return socket.create_connection((where.hostname, where.port), timeout=20)


def received(connection: socket.socket, until: int) -> bytes:
    said = bytearray()
    while len(said) < until and (piece := connection.recv(65536)):
        said += piece
    return bytes(said)


def test_a_large_file_and_what_is_asked_for_behind_it(large: tuple[Site, bytes]) -> None:
    site, data = large
    said = site.raw(
        b"GET /packages/large" + HEAD + b"\r\n",
        b"GET /healthz" + HEAD + b"\r\n",
        b"GET /packages/large" + HEAD + b"Range: bytes=5-\r\n\r\n",
        b"GET /packages/none" + HEAD + b"Connection: close\r\n\r\n",
    )
    first, second, third, last = re.split(rb"HTTP/1\.1 (?=\d+ \w)", said)[1:]
    assert first.partition(b"\r\n\r\n")[2] == data
    assert second.startswith(b"200 ")
    assert b'"alive": true' in second
    assert third.partition(b"\r\n\r\n")[2] == data[5:]
    assert last.startswith(b"404 ")


def test_small_files_one_behind_the_other(large: tuple[Site, bytes]) -> None:
    site, data = large
    ask = b"GET /packages/small" + HEAD
    said = site.raw(ask + b"\r\n", ask + b"Range: bytes=-7\r\n\r\n", CLOSING)
    first, second, _ = re.split(rb"HTTP/1\.1 (?=\d+ \w)", said)[1:]
    assert first.partition(b"\r\n\r\n")[2] == data[:16_384]
    assert second.partition(b"\r\n\r\n")[2] == data[16_377:16_384]


@pytest.mark.parametrize("size", [1000, 100_000])
def test_a_file_that_ends_before_it_is_sent(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was longer when it was opened: what is sent must not look whole."""
    monkeypatch.setattr(sending, "_in_memory", lambda *_: True)
    (tmp_path / "short").write_bytes(bytes(size - 1))
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "short").open("rb") as file:
        transport: Any = SimpleNamespace(get_extra_info=lambda _: NoCork(ours), write=ours.sendall)
        with pytest.raises(sending.CutError):
            sending.begin(transport, b"", FilePart(file.fileno(), 0, size))


class NoCork:
    """A socket that is none of TCP's."""

    def __init__(self, of: socket.socket) -> None:
        self.fileno = of.fileno

    def setsockopt(self, *_: int) -> None:
        """Does nothing."""


def test_a_client_that_reads_slowly_keeps_nobody_waiting(large: tuple[Site, bytes]) -> None:
    site, data = large
    with connected(site) as connection:
        connection.sendall(b"GET /packages/large" + HEAD + b"\r\n")
        head, _, begun = received(connection, 1000).partition(b"\r\n\r\n")
        assert head.endswith(b"content-length: %d" % SIZE)
        for _ in range(10):
            assert site.get("/healthz").status_code == 200
        assert begun + received(connection, SIZE - len(begun)) == data


def test_what_the_disk_has_to_be_waited_for(
    large: tuple[Site, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if memory never had anything of it; and as if it had every other piece."""
    site, data = large
    monkeypatch.setattr(sending, "_in_memory", lambda *_: False)
    assert site.get("/packages/large").content == data
    turns = iter([False, True] * 1000)
    monkeypatch.setattr(sending, "_in_memory", lambda *_: next(turns))
    assert site.get("/packages/large").content == data


def test_a_file_that_ends_early_ends_the_connection(large: tuple[Site, bytes]) -> None:
    site, data = large
    file = site.tree / "packages/short"
    file.write_bytes(data)
    with connected(site) as connection:
        connection.sendall(b"GET /packages/short" + HEAD + b"\r\n")
        said = connection.recv(100)
        os.truncate(file, 1000)
        try:
            said += received(connection, SIZE + 1000)
        except ConnectionResetError:
            return
        assert len(said) < SIZE


@pytest.mark.parametrize("client_first", [True, False])
def test_the_end_in_the_middle_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, client_first: bool
) -> None:
    """The client goes away, or the server ends and a client that does not read is cut off."""
    monkeypatch.setattr(worker, "STOP_SECONDS", 0)
    site = Site(tmp_path, small_world())
    (site.tree / "packages").mkdir(parents=True)
    file = site.tree / "packages/large"
    with file.open("wb") as made:
        made.truncate(200_000_000)
    with site.running():
        connection = connected(site)
        connection.sendall(b"GET /packages/large" + HEAD + b"\r\n")
        assert connection.recv(10)
        if client_first:
            connection.close()
    assert file not in [link.resolve() for link in Path("/proc/self/fd").iterdir()]
    connection.close()


@pytest.mark.parametrize(
    "more", [b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"Upgrade: x\r\n"]
)
def test_what_is_unusual_is_answered_all_the_same(large: tuple[Site, bytes], more: bytes) -> None:
    site, data = large
    ask = b"GET /packages/large" + HEAD
    said = site.raw(ask + more + b"\r\n", *([] if b"close" in more else [CLOSING]))
    assert data in said


CLOSING = b"GET /simple/" + HEAD + b"Connection: close\r\n\r\n"


def test_an_old_client(large: tuple[Site, bytes]) -> None:
    site, data = large
    said = site.raw(b"GET /packages/large HTTP/1.0\r\n\r\n")
    assert said.endswith(data)


def test_an_answer_is_the_same_whichever_way_it_takes(large: tuple[Site, bytes]) -> None:
    site, _ = large
    for path in (b"/packages/large", b"/packages/none"):
        both = [
            site.raw(b"HEAD " + path + HEAD + b"\r\n" + CLOSING),
            site.raw(b"HEAD " + path + b"?x" + HEAD + b"\r\n" + CLOSING),
        ]
        answers = [re.sub(rb"date: [^\r]*", b"", said.partition(b"\r\n\r\n")[0]) for said in both]
        assert answers[0] == answers[1]
        assert b"content-length" in answers[0]
