"""The product's own server, nginx and Caddy: the same answers, and real clients before each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.acceptance import worlds
from tests.acceptance.clients import CLIENTS, Client, install
from tests.acceptance.fronts import FRONTS
from tests.acceptance.product import Mirror
from tests.acceptance.serving import JSON
from tests.acceptance.test_lock import HERE, lock, locked, synced, write_project

HTML = "application/vnd.pypi.simple.v1+html"
PIP = f"{JSON}, {HTML}; q=0.1, text/html; q=0.01"


@pytest.fixture(scope="module", params=FRONTS)
def front(
    request: pytest.FixtureRequest, mirror: Mirror, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of each server, over the team's mirror."""
    folder = tmp_path_factory.mktemp(request.param)
    with FRONTS[request.param](mirror, folder) as address:
        yield address


def get(address: str, accept: str = PIP, encoding: str = "gzip", **more: str) -> requests.Response:
    headers = {"Accept": accept, "Accept-Encoding": encoding}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    return requests.get(address, headers=headers, allow_redirects=False, timeout=10)


@pytest.mark.parametrize("client", CLIENTS)
def test_clients_install(client: Client, front: str, tmp_path: Path) -> None:
    cooldown = {"pip": "--uploaded-prior-to", "uv": "--exclude-newer"}[client]
    options = [cooldown, "2025-07-01T00:00:00Z"]  # so it is the JSON page that they read
    found = install(client, f"{front}/simple/", tmp_path, "aged", *options)
    assert found == {"aged": "2.0", "ages": "0.2"}


def test_a_lock_file(front: str, tmp_path: Path) -> None:
    project = write_project(tmp_path / "p", worlds.UV_ENVIRONMENT, worlds.UV_PYTHONS)
    done = lock(project, f"{front}/simple/")
    assert done.returncode == 0, done.stderr
    assert locked(project).items() >= HERE.items()
    assert synced(project, f"{front}/simple/") == HERE


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        *((PIP, JSON), ("text/html", "text/html"), (f"{HTML}, text/html;q=0.1", HTML)),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("*/*", "text/html"),
    ],
)
@pytest.mark.parametrize("encoding", ["gzip, deflate", "identity"])
@pytest.mark.parametrize("path", ["/simple/", "/simple/core/"])
def test_pages(front: str, path: str, accept: str, encoding: str, expected: str) -> None:
    page = get(front + path, accept, encoding)
    assert page.status_code == 200
    assert page.headers["Content-Type"] == expected
    packed = "gzip" if encoding.startswith("gzip") else None
    assert page.headers.get("Content-Encoding") == packed
    varies = {name.strip() for name in page.headers["Vary"].split(",")}
    assert varies >= {"Accept", "Accept-Encoding"}
    assert page.headers["Cache-Control"] == "max-age=600"
    assert ('"api-version":"1.4"' if expected == JSON else "<!DOCTYPE html>") in page.text
    again = get(front + path, accept, encoding, If_None_Match=page.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    head = requests.head(
        front + path, headers={"Accept": accept, "Accept-Encoding": encoding}, timeout=10
    )
    assert head.headers["Content-Type"] == expected
    # Caddy does not say how long a packed page is.
    assert head.headers.get("Content-Length") in (None, page.headers.get("Content-Length"))


def test_what_is_not_there_is_404(front: str, mirror: Mirror) -> None:
    assert get(f"{front}/simple/").status_code == 200
    inside = [
        f"/{path.relative_to(mirror.tree)}/" for path in mirror.tree.glob("packages/*")
    ]  # no listing
    for path in (
        *("/simple/stranger/", "/packages/none.whl", "/pypisync.sqlite", "/.lock"),
        *("/packages/", "/packages/..%2fpypisync.sqlite", "/.partial/", "/packages/.x", inside[0]),
    ):
        answer = get(front + path)
        assert answer.status_code == 404, path
        assert "Cache-Control" not in answer.headers, path


def test_a_missing_slash(front: str) -> None:
    answer = get(f"{front}/simple/core")
    assert answer.is_redirect
    assert requests.get(f"{front}/simple/core", timeout=10).url == f"{front}/simple/core/"


def test_files_are_for_ever_and_never_repacked(front: str) -> None:
    page = get(f"{front}/simple/legacy/").json()
    [file] = page["files"]
    address = f"{front}/simple/legacy/{file['url']}"
    answer = get(address)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert "Content-Encoding" not in answer.headers
    assert "immutable" in answer.headers["Cache-Control"]
    assert len(answer.content) == file["size"]
    assert worlds.TOGETHER["legacy"] in file["filename"]
    part = get(address, Range="bytes=2-5")
    assert (part.status_code, part.content) == (206, answer.content[2:6])
    assert get(address, If_None_Match=answer.headers["ETag"]).status_code == 304
    beside = get(f"{front}/simple/leaf/").json()["files"][0]["url"]
    metadata = get(f"{front}/simple/leaf/{beside}.metadata")
    assert metadata.content.startswith(b"Metadata-Version")
    assert "immutable" in metadata.headers["Cache-Control"]
