"""Files over HTTP: whole, in parts, never repacked; and no way out of the tree."""

import os
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pypisync.web import protocol
from tests.web.sites import Site, small_world


def test_a_file_is_sent_as_it_is(site: Site) -> None:
    for ending in ("a_b-1.0-py3-none-any.whl", ".tar.gz", ".metadata"):
        file = site.file(ending)
        answer = site.get(site.url(file), encoding="gzip, deflate")
        assert (answer.status_code, answer.content) == (200, file.read_bytes())
        assert "Content-Encoding" not in answer.headers
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Length"] == str(file.stat().st_size)
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["Cache-Control"] == "max-age=365000000, immutable, public"
        etag = answer.headers["ETag"]
        assert site.get(site.url(file), If_None_Match=etag).status_code == 304
        head = site.ask("HEAD", site.url(file), Range="bytes=0-1")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == answer.headers["Content-Length"]


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-", 10, None),
        ("bytes=-5", -5, None),
        ("bytes=-99999999", 0, None),
        ("bytes=300000-300009", 300_000, 300_010),
        ("bytes=5-99999999", 5, None),
    ],
)
def test_a_part(site: Site, asked: str, start: int, stop: int | None) -> None:
    file = site.file(".tar.gz")
    data = file.read_bytes()
    answer = site.get(site.url(file), Range=asked)
    expected = data[start:stop]
    assert (answer.status_code, answer.content) == (206, expected)
    first = start if start >= 0 else len(data) + start
    last = first + len(expected) - 1
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(data)}"
    assert answer.headers["Content-Length"] == str(len(expected))


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "bytes=5-2", "bytes=-", "lines=1-2", "bytes=a-"]
)
def test_what_is_no_single_part_is_the_whole(site: Site, asked: str) -> None:
    file = site.file(".tar.gz")
    answer = site.get(site.url(file), Range=asked)
    assert (answer.status_code, answer.content) == (200, file.read_bytes())


def test_a_part_that_is_not_there(site: Site) -> None:
    file = site.file(".tar.gz")
    size = file.stat().st_size
    for asked in (f"bytes={size}-", "bytes=-0", "bytes=999999999999-"):
        answer = site.get(site.url(file), Range=asked)
        assert answer.status_code == 416
        assert answer.headers["Content-Range"] == f"bytes */{size}"


def test_a_part_only_of_the_state_that_is_known(site: Site) -> None:
    url = site.url(site.file(".tar.gz"))
    etag = site.get(url).headers["ETag"]
    assert site.get(url, Range="bytes=1-2", If_Range=etag).status_code == 206
    for other in ('"other"', f"W/{etag}", "Sun, 22 Nov 2026 12:00:00 GMT"):
        assert site.get(url, Range="bytes=1-2", If_Range=other).status_code == 200


ESCAPES = [
    "/packages/../catalog.sqlite",
    "/packages/%2e%2e/catalog.sqlite",
    "/packages/..%2fcatalog.sqlite",
    "/packages/%2e%2e%2f%2e%2e%2fpypisync.json5",
    "/packages/..\\catalog.sqlite",
    "/packages//etc/passwd",
    "/packages/%2fetc%2fpasswd",
    "//etc/passwd",
    "/simple/../catalog.sqlite",
    "/simple/%2e%2e/",
    "/simple/..%2f..%2f/",
    "/packages/../.lock",
    "/packages/./../.lock",
    "/packages/%00/x",
    "/packages/x%0d%0aX: y",
    "/packages/\udc80",
    "/.partial/x",
    "/packages/",
    "/packages/.",
    "http://other/packages/../catalog.sqlite",
]


@pytest.mark.parametrize("path", ESCAPES)
def test_no_path_leaves_the_tree(site: Site, path: str) -> None:
    target = path.encode("utf-8", "surrogateescape")
    said = site.raw(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert said.split(b" ", 2)[1] in (b"404", b"400"), said
    assert b"SQLite" not in said


def test_links_and_hidden_files_are_not_followed(tmp_path: Path) -> None:
    site = Site(tmp_path, small_world())
    site.bench.sync()
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "index.html").write_text("secret")
    (secret / "file").write_text("secret")
    packages, simple = site.tree / "packages", site.tree / "simple"
    (packages / "out").symlink_to(secret)
    (packages / "file").symlink_to(secret / "file")
    (packages / "inside").symlink_to(site.file(".tar.gz"))
    (packages / ".hidden").write_text("hidden")
    (packages / ".folder").mkdir()
    (packages / ".folder" / "file").write_text("hidden")
    os.mkfifo(packages / "pipe")
    (simple / "out").symlink_to(secret)
    (simple / "in").mkdir()
    (simple / "in" / "index.html").symlink_to(secret / "index.html")
    with site.running():
        for path in ("out/file", "file", "inside", ".hidden", ".folder/file", "pipe", "out", "aa"):
            assert site.get(f"/packages/{path}").status_code == 404, path
        for folder in {file.parent.parent for file in packages.glob("*/*/*/*")}:
            assert site.get(f"{site.url(folder)}/").status_code == 404  # no listing
        for path in ("out/", "in/", "out/file"):
            assert site.get(f"/simple/{path}").status_code == 404, path
        file = site.file(".tar.gz")
        assert site.get(site.url(file)).status_code == 200


def test_many_requests_on_one_connection(site: Site) -> None:
    url = site.url(site.file(".tar.gz")).encode()
    size = site.file(".tar.gz").stat().st_size
    head = b" HTTP/1.1\r\nHost: x\r\n"
    said = site.raw(
        b"GET /simple/none/" + head + b"\r\n",
        b"GET " + url + head + b"Range: bytes=0-3\r\n\r\n",
        b"HEAD " + url + head + b"\r\n",
        b"GET " + url + head + b"\r\n",
        b"GET /healthz" + head + b"Connection: close\r\n\r\n",
    )
    statuses = re.findall(rb"HTTP/1\.1 (\d+) ", said)
    assert statuses == [b"404", b"206", b"200", b"200", b"200"]
    assert site.file(".tar.gz").read_bytes() in said
    assert said.count(b"content-length: %d\r\n" % size) == 2
    assert said.endswith(b'"alive": true\n}\n')


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_client_that_goes_away_costs_no_more(site: Site) -> None:
    host, port = site.address.removeprefix("http://").split(":")
    before = open_files()
    for _ in range(5):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            url = site.url(site.file(".tar.gz")).encode()
            connection.sendall(b"GET " + url + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(10)
    for _ in range(1000):  # each answer lets the server get on
        assert site.get("/healthz").status_code == 200
        if open_files() <= before:
            return
    raise AssertionError("files stay open")


HEAD = b"GET /simple/ HTTP/1.1\r\nHost: x\r\n"
BROKEN = [
    b"nonsense\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET /simple/ HTTP/1.1\r\n\r\n",  # no Host
    HEAD + b"Host: y\r\n\r\n",
    HEAD + b"X: " + b"x" * 17_000 + b"\r\n\r\n",
    HEAD + b"X: " + b"x" * 200_000 + b"\r\n\r\n",
    HEAD + b"Xxx: x\r\n" * 5_000 + b"\r\n",
    b"GET /" + b"x" * 17_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
]


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_requests_are_refused(site: Site, broken: bytes) -> None:
    assert site.raw(broken)[:13] in (b"HTTP/1.1 400 ", b"")
    assert site.get("/healthz").status_code == 200


def test_a_head_that_does_not_end_is_refused(site: Site) -> None:
    where = urlsplit(site.address)
    with socket.create_connection((where.hostname, where.port), timeout=20) as connection:
        connection.sendall(HEAD + b"X: ")
        with pytest.raises(OSError, match=r"reset|pipe"):
            connection.sendall(b"x" * 10_000_000)


@pytest.mark.parametrize(
    "begun", [b"", b"GET /simple/ HT", HEAD, HEAD + b"Content-Length: 9\r\n\r\n"]
)
def test_a_client_that_does_not_go_on_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(protocol, "_SECONDS", 0.05)
    site = Site(tmp_path, small_world())
    with site.running():
        assert site.raw(begun)[:13] in (b"HTTP/1.1 404 ", b"")


def test_one_after_the_other_is_no_long_head(site: Site) -> None:
    ask = HEAD + b"X: " + b"x" * 1000 + b"\r\n"
    said = site.raw((ask + b"\r\n") * 100 + ask + b"Connection: close\r\n\r\n")
    assert said.count(b"HTTP/1.1 200 ") == 101
