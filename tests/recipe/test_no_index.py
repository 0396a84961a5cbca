"""An endpoint that is no index: the first sync says so and ends as upstream's fault."""

from pathlib import Path

import pytest

from pypisync.errors import UpstreamError
from tests.recipe.conftest import Wired
from tests.recipe.mirrors import Bench, tree_bytes
from tests.sim.server import Server
from tests.sim.world import World

HTML = {"Content-Type": "text/html"}
SITE = b"<html><body><h1>Welcome</h1></body></html>"
LINKS = b"<html><body><a href='/about/'>About</a> <a href='shop/'>Shop</a></body></html>"
LOGIN = b"<html><title>Log in</title><body><form><input name=user></form></body></html>"
PACKAGES = {"app": ["latest"], "lib": ["latest"]}


def be(world: World, kind: str) -> None:
    """Let every address answer as this kind of server does."""
    pages = {"site": SITE, "links": LINKS, "login": LOGIN}
    if kind in pages:
        world.faults.body("*", pages[kind], headers=HTML)
    else:
        world.faults.fail("*", int(kind))


@pytest.fixture
def filled(world: World) -> World:
    world.publish("app", "1.0")
    world.publish("lib", "1.0")
    return world


@pytest.mark.parametrize("kind", ["404", "401", "403", "site", "links", "login"])
def test_the_first_sync_says_it_and_a_later_one_finds_the_index(
    kind: str, tmp_path: Path, filled: World, server: Server, wired: Wired
) -> None:
    be(filled, kind)
    bench = Bench(tmp_path, wired(), PACKAGES)
    for _ in range(2):
        with pytest.raises(UpstreamError, match="check the endpoint") as raised:
            bench.sync()
        assert raised.value.exit_code == 3
        said = str(raised.value)
        assert f"{server.url}/simple/" in said
        assert "(asked for: 2)" in said
        assert kind not in ("404", "401", "403") or f"HTTP {kind}" in said
        if kind in ("401", "403"):
            assert "credentials" in said
            assert "no list" not in said
            assert "appended" not in said
        bench.upstream = wired()
    assert not (tmp_path / "simple").exists()
    assert bench.query("SELECT DISTINCT outcome FROM runs") == [("failed",)]
    filled.heal()
    bench.upstream = wired()
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}}


def test_a_path_too_much(tmp_path: Path, filled: World, server: Server, wired: Wired) -> None:
    bench = Bench(tmp_path, wired(endpoint=f"{server.url}/simple"), PACKAGES)
    with pytest.raises(UpstreamError, match='without "/simple/"'):
        bench.sync()


@pytest.mark.parametrize("kind", ["404", "401", "site", "links", "login"])
def test_a_mirror_with_content_stays_as_it_is(
    kind: str, tmp_path: Path, filled: World, wired: Wired
) -> None:
    bench = Bench(tmp_path, wired(), PACKAGES)
    assert bench.sync().exit_code == 0
    before = tree_bytes(tmp_path)
    be(filled, kind)
    for _ in range(3):
        bench.upstream = wired()
        assert bench.sync().exit_code == 1
    assert tree_bytes(tmp_path) == before


def test_a_wrong_name_on_an_index_that_has_a_list_is_that_roots_fault(
    tmp_path: Path, filled: World, server: Server, wired: Wired
) -> None:
    filled.faults.xmlrpc = False
    page = b"<html><body><a href='app/'>app</a></body></html>"
    filled.faults.body("/simple/", page, headers=HTML)
    bench = Bench(tmp_path, wired(), {"ap": ["latest"]})
    assert "no such project" in bench.sync().failed['root ap "latest"']


def test_patterns_need_a_list_and_the_message_says_so(
    tmp_path: Path, filled: World, wired: Wired
) -> None:
    filled.faults.fail("*", 404)
    bench = Bench(tmp_path, wired(), {}, {"ap.*": ["latest"]})
    with pytest.raises(UpstreamError, match="no list of all projects"):
        bench.sync()


def test_a_list_that_is_down_is_no_need(tmp_path: Path, filled: World, wired: Wired) -> None:
    """The whole index may be down for a while, so that nothing is decided for the operator."""
    filled.faults.xmlrpc = False
    filled.faults.fail("/simple/", 503)
    bench = Bench(tmp_path, wired(), PACKAGES)
    with pytest.raises(UpstreamError, match='"feed": "polling"'):
        bench.sync()
    bench.upstream = wired(feed="polling")
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}}
