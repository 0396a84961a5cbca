"""Index pages over HTTP: formats, packing, validation, redirects, and what is not there."""

import gzip
import os
import time
from pathlib import Path

import pytest

from tests.web.sites import HTML, JSON, Site, small_world

PIP = f"{JSON}, {HTML}; q=0.1, text/html; q=0.01"
LATEST = "application/vnd.pypi.simple.latest"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (PIP, JSON),
        (None, "text/html"),
        ("*/*", "text/html"),
        (f"{LATEST}+json", JSON),
        (f"{LATEST}+html", HTML),
        ("text/html", "text/html"),
        ("application/json", "text/html"),
        (f"{JSON};q=0.2, text/html;q=0.3", "text/html"),
    ],
)
def test_the_format_is_what_the_client_prefers(
    site: Site, accept: str | None, expected: str
) -> None:
    for path, title in (("/simple/", "Simple index"), ("/simple/a-b/", "Links for a-b")):
        answer = site.get(path, accept)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == expected
        assert {"Accept", "Accept-Encoding"} == set(answer.headers["Vary"].split(", "))
        assert answer.headers["Cache-Control"] == "max-age=600"
        assert "Last-Modified" not in answer.headers
        if expected == JSON:
            assert answer.json()["meta"]["api-version"] == "1.4"
        else:
            assert title in answer.text


def test_pages_are_sent_packed_to_who_takes_it(site: Site) -> None:
    plain = site.get("/simple/a-b/", PIP)
    assert "Content-Encoding" not in plain.headers
    packed = site.get("/simple/a-b/", PIP, "gzip, deflate, zstd")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.content == plain.content  # requests has unpacked it
    raw = (site.tree / "simple/a-b/index.v1_json.gz").read_bytes()
    assert int(packed.headers["Content-Length"]) == len(raw)
    assert gzip.decompress(raw) == plain.content
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert "Content-Encoding" not in site.get("/simple/a-b/", PIP, "gzip;q=0, *").headers


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_what_is_known_is_not_sent_again(site: Site, encoding: str) -> None:
    first = site.get("/simple/a-b/", PIP, encoding)
    etag = first.headers["ETag"]
    assert etag.startswith('"')  # strong
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        answer = site.get("/simple/a-b/", PIP, encoding, If_None_Match=known)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["ETag"] == etag
        assert answer.headers["Vary"] == first.headers["Vary"]
        assert answer.headers["Cache-Control"] == "max-age=600"
    for other in ('"other"', etag.strip('"')):
        assert site.get("/simple/a-b/", PIP, encoding, If_None_Match=other).status_code == 200
    as_html = site.get("/simple/a-b/", "text/html", encoding, If_None_Match=etag)
    assert as_html.status_code == 200


def test_head_says_the_same_without_a_body(site: Site) -> None:
    for path in ("/simple/", "/simple/a-b/", "/simple/none/", "/healthz"):
        full, head = site.get(path, PIP), site.ask("HEAD", path, PIP)
        assert head.status_code == full.status_code
        assert head.content == b""
        ignored = {"date"}
        assert {k: v for k, v in head.headers.items() if k not in ignored} == {
            k: v for k, v in full.headers.items() if k not in ignored
        }


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/simple", "simple/"),
        ("/simple/a-b", "a-b/"),
        ("/simple/A_b", "a-b/"),
        ("/simple/A.-_B/", "../a-b/"),
    ],
)
def test_other_spellings_lead_to_the_page_for_now(site: Site, path: str, location: str) -> None:
    answer = site.get(path)
    # A permanent redirect would stay in pip's cache for ever.
    assert (answer.status_code, answer.headers["Location"]) == (307, location)
    assert site.get(path + "?x=1").status_code == 307


@pytest.mark.parametrize(
    "path",
    [
        *("/simple//", "/simple/none/", "/simple/none", "/simple/No_Ne/"),
        *("/simple/a-b/index.html", "/simple/a-b/index.v1_json", "/simple/a-b//", "/simple/-/"),
        *("/simple/a b/", "/simple/%C3%A4/", "/simple/..%2f", "/simple/" + 300 * "a" + "/"),
        *("/catalog.sqlite", "/.lock", "/.partial/", "/favicon.ico", "/metrics/", "/packages"),
    ],
)
def test_what_is_not_there_is_404(site: Site, path: str) -> None:
    assert site.get(path).status_code == 404


def test_a_slash_more_is_another_path(site: Site) -> None:
    """As it is sent: older versions of requests leave it out."""
    sent = b"GET //simple/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert site.raw(sent).startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_reading_is_allowed(site: Site, method: str) -> None:
    for path in ("/simple/", "/nothing", "/metrics"):
        answer = site.ask(method, path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_a_method_that_does_not_exist_is_no_request(site: Site) -> None:
    assert site.ask("BREW", "/simple/").status_code == 400


def test_pages_follow_the_disk_and_the_etag_follows_the_content(tmp_path: Path) -> None:
    site = Site(tmp_path, small_world())
    site.bench.sync()
    with site.running():
        page = tmp_path / "data/simple/a-b/index.v1_json"
        old = site.get("/simple/a-b/", PIP)
        assert site.get("/simple/a-b/", PIP).headers["ETag"] == old.headers["ETag"]
        moment = time.time_ns()
        seen = {old.headers["ETag"]}
        for digit in b"12345":  # the same size and the same time each, as within one tick
            _replace(page, old.content[:-1] + bytes([digit]), moment)
            answer = site.get("/simple/a-b/", PIP)
            assert answer.content[-1] == digit
            seen.add(answer.headers["ETag"])
        assert len(seen) == 6
        _replace(page, old.content, moment + 10**9)  # published again unchanged
        assert site.get("/simple/a-b/", PIP).headers["ETag"] == old.headers["ETag"]
        page.with_name("index.v1_json.gz").unlink()
        assert site.get("/simple/a-b/", PIP, "gzip").content == old.content
        site.world.remove_project("a-b")
        site.bench.sync()
        assert site.get("/simple/a-b/", PIP).status_code == 404


def _replace(page: Path, data: bytes, moment: int) -> None:
    fresh = page.with_name(".new")
    fresh.write_bytes(data)
    os.utime(fresh, ns=(moment, moment))
    fresh.rename(page)
