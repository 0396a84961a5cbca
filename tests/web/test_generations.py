"""Older generations over HTTP: the index as it was, with links to the same files."""

import asyncio
import gzip
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest

from pypisync.cycle import rollback
from pypisync.web.generations import Generations, RenderedPage
from tests.web.sites import HTML, JSON, Site, small_world

PIP = f"{JSON}, {HTML}; q=0.1, text/html; q=0.01"
PATHS = ("/simple/", "/simple/a-b/", "/simple/s/")


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, dict[str, bytes]]]:
    """A site with three generations, the first called "stable"; and what the first served."""
    site = Site(tmp_path_factory.mktemp("moved"), small_world())
    site.bench.retention = 86400
    site.bench.sync()
    with site.running():
        was = {
            f"{path} {accept}": site.get(path, accept).content
            for path in PATHS
            for accept in (JSON, "text/html")
        }
        site.world.publish("a-b", "2.0")
        site.bench.sync()
        site.world.remove_release("a-b", "1.0")
        rollback.named("stable", 1).give(site.bench.folder)
        site.bench.sync()
        yield site, was


Moved = tuple[Site, dict[str, bytes]]


@pytest.mark.parametrize("which", ["1", "stable"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("accept", [JSON, "text/html"])
def test_a_generation_is_served_as_it_was(moved: Moved, which: str, path: str, accept: str) -> None:
    site, was = moved
    for _ in range(2):  # made, and kept
        answer = site.get(f"/generations/{which}{path}", accept)
        assert answer.status_code == 200
        assert answer.content.replace(b"../../../../", b"../../") == was[f"{path} {accept}"]
    now = site.get("/simple/", accept)
    for header in ("Content-Type", "Cache-Control", "Vary", "X-Content-Type-Options"):
        assert answer.headers[header] == now.headers[header]
    etag = answer.headers["ETag"]
    known = site.get(f"/generations/{which}{path}", accept, If_None_Match=etag)
    assert (known.status_code, known.content) == (304, b"")
    packed = site.get(f"/generations/{which}{path}", accept, "gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.content == answer.content
    assert packed.headers["ETag"] != etag


def test_its_links_lead_to_the_files(moved: Moved) -> None:
    site, _ = moved
    page = "/generations/1/simple/a-b/"
    [file] = site.get(page, JSON).json()["files"]
    assert file["filename"] == "a_b-1.0-py3-none-any.whl"
    address = urljoin(page, file["url"])
    assert address.startswith("/packages/")
    assert len(site.get(address).content) == file["size"]
    assert site.get("/generations/3/simple/a-b/", JSON).json()["versions"] == ["2.0"]


@pytest.mark.parametrize(
    ("path", "location"),
    [("simple", "simple/"), ("simple/a-b", "a-b/"), ("simple/A.-_B/", "../a-b/")],
)
def test_other_spellings_lead_to_the_page(moved: Moved, path: str, location: str) -> None:
    answer = moved[0].get(f"/generations/1/{path}")
    assert (answer.status_code, answer.headers["Location"]) == (307, location)


@pytest.mark.parametrize(
    "path",
    [
        *("/generations/4/simple/", "/generations/0/simple/", "/generations/none/simple/"),
        *("/generations/1/simple/none/", "/generations/1/simple/None"),
        *(
            "/generations/1/",
            "/generations/",
            "/generations/1/packages/",
            "/generations/-1/simple/",
        ),
        *("/generations/..%2f/simple/", "/generations/%C3%A4/simple/", "/generations//simple/"),
        *("/generations/1/simple/-/", "/generations/1/simple/a-b/x/"),
        *(f"/generations/{'9' * 99}/simple/", "/generations/1'--/simple/"),
        *("/generations/1/simple/a-b/index.html", "/generations/1/simple/a-b//"),
    ],
)
def test_what_is_not_there_is_404(moved: Moved, path: str) -> None:
    assert moved[0].get(path, PIP).status_code == 404


def test_a_generation_that_is_no_longer_kept_is_gone(tmp_path: Path) -> None:
    site = Site(tmp_path, small_world())
    site.bench.sync()
    site.world.publish("a-b", "2.0")
    site.bench.sync()
    with site.running():
        assert site.get("/generations/1/simple/a-b/").status_code == 404
        assert site.get("/generations/2/simple/a-b/").status_code == 200
        assert b"generation" in site.get("/metrics").content


def test_without_a_database_it_says_so(tmp_path: Path) -> None:
    site = Site(tmp_path, small_world())
    site.bench.sync()
    (site.tree / "catalog.sqlite").unlink()
    with site.running():
        assert site.get("/generations/1/simple/").status_code == 503
        raw = site.get("/simple/", PIP, "gzip").content
        assert raw == gzip.decompress((site.tree / "simple/index.v1_json.gz").read_bytes())


def test_clients_that_wait_for_one_page_share_one_rendering(
    moved: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, _ = moved
    made: list[str] = []
    make = Generations._make

    def counted(self: Generations, which: str, name: str, **forms: bool) -> object:
        made.append(name)
        return make(self, which, name, **forms)

    monkeypatch.setattr(Generations, "_make", counted)

    async def ask() -> list[RenderedPage | BaseException | None]:
        pages = Generations(site.bench.database)
        asks = [asyncio.create_task(pages.page("1", "a-b", "v1_json", packed=False)) for _ in "123"]
        await asyncio.sleep(0)
        asks[0].cancel()  # the one who asked first goes away
        return await asyncio.gather(*asks, return_exceptions=True)

    first, *others = asyncio.run(ask())
    assert isinstance(first, asyncio.CancelledError)
    assert others[0] is others[1]
    assert isinstance(others[0], RenderedPage)
    assert made == ["a-b"]
