"""Pages for people: what they show, that hostile text stays text, links, headers, and their end."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urljoin

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from pypisync.catalog.db.transactions import Catalog
from pypisync.schedule import parse
from pypisync.web.browse.site import Pages
from pypisync.web.health import Health
from pypisync.web.turns import Turns
from tests.sim.world import World
from tests.web.sites import Site, serving

EVIL = "<script>alert(1)</script>\"'&"


def peopled() -> World:
    """Some projects that need each other, one requirement that nothing meets."""
    world = World()
    world.publish("flask", "3.0", requires=["click>=8", "jinja2"])
    world.publish("click", "8.0")
    world.publish("click", "8.1")
    world.publish("jinja2", "3.1", requires=["markupsafe>=2"])
    world.publish("markupsafe", "2.1")
    world.publish("celery", "5.0", requires=["click>=8", "nothere>=1"])
    return world


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of three generations; tests do not change it."""
    site = Site(tmp_path_factory.mktemp("shown"), peopled())
    site.bench.packages = {"flask": ["latest"], "celery": ["latest"], "markupsafe": [">=2"]}
    site.bench.retention = 86400
    for version in ("", "8.2", "8.3"):
        if version:
            site.world.publish("click", version)
        site.bench.clock += 3600
        site.bench.sync()
    with site.running():
        yield site


PAGES = (
    *("/", "/search", "/search?q=cli", "/projects/click", "/projects/markupsafe"),
    *("/projects/nothere", "/roots", "/generations", "/generations/2", "/generations/3?from=1"),
    *("/problems", "/problems/unmet", "/problems/held", "/problems/failed", "/setup"),
)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            assert name != "style"
            if name in {"href", "src", "action"}:
                self.links.append(value or "")


def links(page: str) -> list[str]:
    parser = _Links()
    parser.feed(page)
    assert "script" not in parser.tags
    assert parser.tags.count("h1") == parser.tags.count("main") == 1
    return parser.links


@pytest.mark.parametrize("path", PAGES)
def test_a_page_and_its_links(shown: Site, path: str) -> None:
    page = shown.get(path)
    assert page.status_code == 200, page.text
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self'; ")
    assert "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    for link in links(page.text):
        assert not re.match(r"[a-z]+:|/", link), link
        address = urljoin(f"/below/it{path}", link)
        assert address.startswith("/below/it/"), link
        found = shown.get(address.removeprefix("/below/it").partition("#")[0])
        assert found.status_code in {200, 307}, link


def test_the_first_page_says_what_is_wrong_first(shown: Site) -> None:
    page = shown.get("/").text
    assert page.index("1 requirement is unmet") < page.index("What it holds")
    # The clock of the simulated mirror stands in the past.
    assert re.search(r"Not ready: the last completed cycle ended [\d,]+ days ago, more than", page)


def test_the_roots_say_what_was_proven_of_them(shown: Site) -> None:
    rows = re.findall(r"<tr><th.*?</tr>", shown.get("/roots").text)
    celery, flask, markupsafe = rows[-3:]
    assert '<span class="tag">refuted</span></td>' in celery
    assert "<td>proven</td>" in flask
    assert "<td>proven</td>" in markupsafe


def test_a_project_that_never_was_there_has_not_gone(shown: Site) -> None:
    page = shown.get("/projects/nothere").text
    assert '<span class="word">gone</span> upstream has no such project</p>' in page


def test_a_project_says_that_a_root_of_it_does_not_install(tmp_path: Path) -> None:
    world = World()
    world.publish("app", "1.0", requires=["nothing"])
    for name in ("app-extra", "ap"):
        world.publish(name, "1.0", requires=["app"] if name == "ap" else [])
    site = Site(tmp_path, world)
    site.bench.packages = {one: ["latest"] for one in ("app", "app-extra", "ap")}
    site.bench.sync()
    with site.running():
        for name, said in (("app", ["Refuted"]), ("app-extra", []), ("ap", ["Refuted"])):
            page = site.get(f"/projects/{name}").text
            assert re.findall(r'"word">(\w+)</span> <code>', page) == said
            assert ("nothing" in page.partition("<dl")[0]) == bool(said)


def test_a_search_shows_the_name_then_what_begins_then_what_contains_it(tmp_path: Path) -> None:
    world = World()
    for name in ("a-click", "click", "click-extra", "other", "cl_ick"):
        world.publish(name, "1.0")
    site = Site(tmp_path, world)
    site.bench.packages = {"a-click": ["latest"], "click": ["latest"], "click-extra": ["latest"],
                           "other": ["latest"]}  # fmt: skip
    site.bench.sync()
    with site.running():
        page = site.get("/search?q=Click").text
        assert re.findall(r'projects/([\w-]+)"', page) == ["click", "click-extra", "a-click"]
        assert re.findall(r'projects/([\w-]+)"', site.get("/search?q=%25").text) == []
        assert re.findall(r'projects/([\w-]+)"', site.get("/search?q=c%5Fick").text) == []
        assert len(re.findall(r'projects/([\w-]+)"', site.get("/search").text)) == 4


def test_a_project_says_what_it_is_and_why(shown: Site) -> None:
    page = shown.get("/projects/click").text
    [file] = shown.tree.glob("packages/*/*/*/click-8.3-py3-none-any.whl")
    assert shown.url(file)[1:] in page
    assert "celery" in page
    assert "flask" in page
    assert "Why 8.3 is here" in page
    assert '<svg class="graph"' in page
    assert "<code>click&gt;=8</code>" in page
    assert '<a href="../generations/3">3</a>' in page
    needs = shown.get("/projects/celery").text
    assert "nothere&gt;=1" in needs
    assert '<span class="tag">unmet</span>' in needs
    for answer in (shown.get("/projects/Click"), shown.get("/projects/c.lick")):
        assert (answer.status_code, answer.headers["Location"]) in {(307, "click"), (307, "c-lick")}
    assert "<p>A simulated project</p>" in page


def test_a_generation_says_how_it_differs(shown: Site) -> None:
    page = shown.get("/generations/3?from=1").text
    assert "Differences from generation 1" in page
    assert "click</a> 8.3" in page
    assert '../generations/2"' in page
    assert shown.get("/generations").text.count("<svg viewBox") == 2
    first = shown.get("/generations/1").text
    assert "It is the first generation" in first
    assert "not kept any more" not in first


def test_what_is_not_there(shown: Site) -> None:
    for path in ("/projects/none", "/generations/99", "/generations/none", "/problems/none"):
        page = shown.get(path)
        assert page.status_code == 404
        assert "<h1>Not here</h1>" in page.text
        links(page.text)
    for path in ("/none", "/static/", "/static/none", "/static/../site.py", "/static/style.css/",
                 "/projects/a/b", "/roots/", "/setup/x", "/generations/1/"):  # fmt: skip
        page = shown.get(path)
        assert (page.status_code, page.text) == (404, "404 Not Found\n"), path
    for path in ("/projects/%00", "/projects/-", "/search?q=%00%ff", "/search?page=x",
                 "/search?page=99999999", "/roots?page=-1", "/generations/1?from=x'",
                 f"/search?{'&' * 1000}", "/projects/click?release=<b>&page=7"):  # fmt: skip
        assert shown.get(path).status_code in {200, 404}, path


@pytest.mark.parametrize(("path", "to"), [("/projects", "search"), ("/projects/", "../search")])
def test_where_projects_are_found(shown: Site, path: str, to: str) -> None:
    page = shown.get(path)
    assert (page.status_code, page.headers["Location"]) == (307, to)


def test_a_target_without_a_path_has_no_page(shown: Site) -> None:
    said = shown.raw(b"GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert said.split(b" ", 2)[1] in (b"404", b"400"), said


def test_a_page_that_is_known_is_not_sent_again(shown: Site) -> None:
    for path in ("/projects/click", "/static/style.css"):
        first = shown.get(path)
        again = shown.get(path, If_None_Match=first.headers["ETag"])
        assert (again.status_code, again.content) == (304, b"")
    assert shown.ask("HEAD", "/roots").content == b""
    assert shown.ask("POST", "/roots").status_code == 405
    assert 'kind="page"' in shown.get("/metrics").text


FORWARDED = {
    "X_Forwarded_Proto": "https",
    "X_Forwarded_Host": "mirror.example.org:8443",
    "X_Forwarded_Prefix": "/pypi/mirror/",
}


def test_the_address_is_the_one_that_the_client_sees(shown: Site) -> None:
    page = shown.get("/setup").text
    assert f"pip config set global.index-url {shown.address}/simple/" in page
    assert "trusted-host" not in page
    page = shown.get("/setup", **FORWARDED).text
    assert "https://mirror.example.org:8443/pypi/mirror/simple/" in page
    assert "trusted-host" not in page
    page = shown.get("/setup", X_Forwarded_Host="mirror:8080").text
    assert "http://mirror:8080/simple/" in page
    assert "pip config set global.trusted-host mirror\n" in page.replace("</code>", "\n")
    page = shown.get("/projects/click", X_Forwarded_Host="mirror:8080").text
    command = "pip install --index-url http://mirror:8080/simple/ --trusted-host mirror click<"
    assert command in page
    assert "trusted-host" not in shown.get("/projects/click").text


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Forwarded_Host": EVIL},
        {"X_Forwarded_Proto": "javascript"},
        {"X_Forwarded_Prefix": f"/{EVIL}"},
        {"X_Forwarded_Prefix": "//evil.example"},
        {"X_Forwarded_Prefix": "/../x"},
        {"Host": "a b; rm -rf /"},
    ],
)
def test_an_address_that_is_none_is_not_shown(shown: Site, headers: Mapping[str, str]) -> None:
    page = shown.get("/setup", **headers).text
    assert re.search(r"global.index-url http://[\w.:]+/simple/", page)
    for value in headers.values():
        assert value not in page


def test_what_comes_from_upstream_stays_text(tmp_path: Path) -> None:
    """As a hostile index would have it, in every column that a page shows."""
    site = Site(tmp_path, peopled())
    site.bench.packages = {"flask": ["latest"], "celery": ["latest"]}
    site.bench.sync()
    catalog = Catalog(site.bench.database)
    with catalog.begin() as connection:
        connection.execute(text("UPDATE roots SET origin = 'pattern'"))  # its text is shown
        for table, column in (
            ("projects", "display"), ("projects", "status_reason"), ("projects", "index_name"),
            ("published", "yanked"), ("published", "requires_python"), ("published", "uploaded"),
            ("published", "filename"), ("published", "sha256"), ("requirements", "text"),
            ("requirements", "fault"), ("roots", "source"),
            ("subjects", "text"), ("proofs", "why"), ("proofs", "targets"),
        ):  # fmt: skip
            change = ":evil" if column in NULLED else f"{column} || :evil || id"
            connection.execute(text(f"UPDATE {table} SET {column} = {change}"), {"evil": EVIL})
        connection.execute(text("UPDATE projects SET status = :evil WHERE name = 'click'"),
                           {"evil": EVIL})  # fmt: skip
        connection.execute(text("INSERT INTO held VALUES (:release, :evil, 1e300)"),
                           {"release": f"click=={EVIL}", "evil": EVIL})  # fmt: skip
        connection.execute(text("INSERT INTO quarantines VALUES (:evil, :evil, 0, 1)"),
                           {"evil": EVIL})  # fmt: skip
        for number, link in enumerate(
            ("javascript:alert(1)", "https://ok.example/x", "//x", "http:")
        ):
            connection.execute(
                text("INSERT INTO vulnerabilities SELECT id, :id, '', :evil, :evil, :link"
                     " FROM releases"),
                {"id": f"{EVIL}{number}", "evil": EVIL, "link": link})  # fmt: skip
    catalog.close()
    with site.running():
        for path in (*PAGES[:8], "/problems", *(f"/problems/{kind}" for kind in KINDS)):
            page = site.get(path)
            assert page.status_code == 200, page.text
            assert "<script" not in page.text
            assert "javascript:" not in re.sub(r">[^<]*<", "><", page.text)
            parser = _Links()
            parser.feed(page.text)
            outside = {link for link in parser.links if re.match(r"[a-z]+:|//|http", link)}
            assert outside <= {"https://ok.example/x"}
        assert "https://ok.example/x" in site.get("/projects/click").text


NULLED = {"yanked", "requires_python", "uploaded", "status_reason"}
KINDS = ("held", "pending", "unmet", "unproven", "vulnerable", "quarantined", "skipped")


def test_without_a_database_the_page_says_so(tmp_path: Path) -> None:
    site = Site(tmp_path, peopled())
    site.bench.packages = {"flask": ["latest"]}
    site.bench.sync()
    (site.tree / "catalog.sqlite").unlink()
    with site.running():
        assert site.get("/simple/flask/").status_code == 200
        assert "Not ready" in site.get("/").text
        page = site.get("/roots")
        assert page.status_code == 503
        assert "there is no database yet" in page.text


def test_turned_off(tmp_path: Path) -> None:
    site = Site(tmp_path, peopled())
    site.bench.packages = {"flask": ["latest"]}
    site.bench.sync()
    with serving(replace(site.config, status_pages=False)) as site.address:
        for path in (*PAGES, "/static/style.css"):
            assert site.get(path).status_code == 404
        assert site.get("/simple/flask/").status_code == 200


def test_files_are_served_while_a_page_is_made(
    shown: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, begun, go_on = Pages._made, Event(), Event()

    def waits(self: Pages, *request: Any) -> object:
        begun.set()
        go_on.wait(20)
        return made(self, *request)

    monkeypatch.setattr(Pages, "_made", waits)
    with ThreadPoolExecutor() as clients:
        asked = clients.submit(shown.get, "/roots")
        try:
            assert begun.wait(20)
            [file] = shown.tree.glob("packages/*/*/*/flask-3.0-py3-none-any.whl")
            for path in (shown.url(file), "/simple/", "/simple/flask/", "/healthz", "/readyz"):
                assert shown.get(path).content
            assert not asked.done()
        finally:
            go_on.set()
        assert asked.result().status_code == 200


def test_many_who_ask_at_once_are_sent_away(shown: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pypisync.web.browse.site.Turns", partial(Turns, 3))

    async def ask() -> list[int]:
        pages = Pages(shown.bench.database, Health(shown.tree, shown.bench.database, parse("1 h")))
        asked = (pages.answer("/roots", b"", {}) for _ in range(5))
        return [found.status for found in await asyncio.gather(*asked) if found]

    assert sorted(asyncio.run(ask())) == [200, 200, 200, 503, 503]


def test_every_page_from_either_database(tmp_path: Path, database: str) -> None:
    site = Site(tmp_path, peopled())
    site.bench.packages = {"flask": ["latest"], "celery": ["latest"]}
    site.bench.url = database
    site.bench.retention = 86400
    for version in ("8.2", "8.3"):
        site.world.publish("click", version)
        site.bench.clock += 3600
        site.bench.sync()
    pages = Pages(database, Health(site.tree, database, parse("1 h")))
    for path in (*PAGES, *(f"/problems/{kind}" for kind in KINDS)):
        where, _, query = path.partition("?")
        if where == "/generations/3":
            where, query = "/generations/2", "from=1"
        page = asyncio.run(pages.answer(where, query.encode(), {}))
        assert page is not None
        assert page.status == 200, (path, page.body)
