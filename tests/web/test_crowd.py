"""Clients that take what others need: those that never read, and those that open and wait."""

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pypisync.web import crowd, sending, sockets
from tests.web.sites import Site, small_world

ASK = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site that is to be started by the test."""
    made = Site(tmp_path, small_world())
    (made.tree / "packages").mkdir(parents=True)
    (made.tree / "packages/large").write_bytes(bytes(20_000_000))
    return made


def connected(site: Site) -> socket.socket:
    where = urlsplit(site.address)
    return socket.create_connection((str(where.hostname), where.port or 0), timeout=20)


def ended(connection: socket.socket) -> bool:
    """Whether the server ends the connection; waits until it does, or sends something."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_client_that_never_reads_is_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "STUCK_SECONDS", 1)
    large = str(site.tree / "packages/large")

    def kept() -> bool:
        return any(os.path.realpath(fd) == large for fd in Path("/proc/self/fd").iterdir())

    with site.running(), connected(site) as stuck:
        stuck.sendall(b"GET /packages/large HTTP/1.1\r\nHost: x\r\n\r\n")
        stuck.recv(1)
        assert kept()
        while kept():  # the system ends it; else the test's own limit of time does
            assert site.get("/healthz").status_code == 200


def test_what_comes_from_the_disk_is_kept_in_small_pieces(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system cannot tell what is in memory, each client keeps one piece."""
    monkeypatch.setattr(sending, "_in_memory", lambda *_: False)
    sizes: list[int] = []
    pread = os.pread

    def noted(descriptor: int, size: int, at: int) -> bytes:
        sizes.append(size)
        return pread(descriptor, size, at)

    monkeypatch.setattr(os, "pread", noted)
    with site.running():
        assert len(site.get("/packages/large").content) == 20_000_000
    assert max(sizes) <= 128 * 1024


def test_the_idlest_connection_makes_room(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "_room", lambda: 3)
    with site.running(), connected(site) as first, connected(site) as second:
        for one in (first, second):
            one.sendall(ASK)
            assert one.recv(4096).startswith(b"HTTP/1.1 200")
        first.sendall(ASK)
        assert first.recv(4096).startswith(b"HTTP/1.1 200")
        with connected(site) as third, connected(site) as fourth:
            for one in (third, fourth):
                one.sendall(ASK)
                assert one.recv(4096).startswith(b"HTTP/1.1 200")
            assert ended(second)
            first.sendall(ASK)
            assert first.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_download_is_not_ended_for_others(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "_room", lambda: 1)
    with site.running(), connected(site) as busy:
        busy.sendall(b"GET /packages/large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        busy.recv(1)
        with connected(site) as late:
            assert ended(late)
        rest = 0
        while piece := busy.recv(2**20):
            rest += len(piece)
        assert rest > 20_000_000


def test_more_files_may_be_open_than_the_soft_limit_says() -> None:
    """Asked of a process of its own, because it cannot be taken back."""
    program = (
        "import resource; from pypisync.web.crowd import Crowd, allow_open_files;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 500)); few = Crowd().most;"
        "allow_open_files(); print(few, Crowd().most, *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["18", "218", "500", "500"]
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0
