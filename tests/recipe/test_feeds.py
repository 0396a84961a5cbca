"""Whole cycles on the ladder of feeds: down, up, and without any; nothing is lost on the way."""

from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from pypisync.cycle.mirror import Silent
from pypisync.cycle.sync import sync_once
from pypisync.upstream.api import FEEDS, FeedKind
from tests.recipe.conftest import Wired
from tests.recipe.mirrors import Bench, tree_bytes
from tests.recipe.test_outage import FIRST, THEN, first, then
from tests.sim.server import Server
from tests.sim.world import World

ROOT_WITHOUT_SERIALS = b"<html><body><a href='app/'>app</a></body></html>"


def only(world: World, feed: FeedKind) -> None:
    """Let the index have this feed and no better one."""
    world.heal()
    world.faults.xmlrpc = feed == "changelog"
    if feed == "polling":
        html = {"Content-Type": "text/html"}
        world.faults.body("/simple/", ROOT_WITHOUT_SERIALS, headers=html)


def followed(bench: Bench) -> str:
    [(word,)] = bench.query("SELECT value FROM settings WHERE name = 'feed:endpoint'")
    return str(word)


@pytest.mark.parametrize("before", FEEDS)
@pytest.mark.parametrize("after", FEEDS)
@pytest.mark.parametrize("restart", [True, False])
def test_each_step_of_the_ladder_loses_nothing(
    before: FeedKind,
    after: FeedKind,
    restart: bool,
    tmp_path: Path,
    world: World,
    server: Server,
    wired: Wired,
) -> None:
    only(world, before)
    first(world)
    world.publish("old", "1.0")
    upstream = wired()
    bench = Bench(tmp_path / "followed", upstream, {"app": ["latest"], "old": ["latest"]})
    assert bench.sync().failed == {}
    assert bench.listed() == FIRST | {"old": {"1.0"}}
    assert followed(bench) == before
    world.publish("old", "1.1")  # on the way
    only(world, after)
    then(world)
    bench.clock += 86400  # it is time to look for better ones
    if restart:
        bench.upstream = wired()
    for _ in range(2):
        report = bench.sync()
        assert report.failed == {}
    assert bench.listed() == THEN | {"old": {"1.1"}}
    assert followed(bench) == after
    fresh = Bench(tmp_path / "fresh", wired(), bench.packages)
    fresh.sync()
    assert tree_bytes(bench.folder, "packages") == tree_bytes(fresh.folder, "packages")
    assert bench.selection() == fresh.selection()


@pytest.mark.parametrize("every", [None, 1e9])
def test_what_matters_again_is_asked_again_though_its_turn_has_not_come(
    every: float | None, tmp_path: Path, world: World, wired: Wired
) -> None:
    only(world, "polling")
    world.publish("app", "1.0", requires=["lib"])
    world.publish("lib", "1.0")
    world.publish("other", "1.0")
    both = {"app": ["latest"], "other": ["latest"]}
    bench = Bench(tmp_path / "followed", wired(), both)
    bench.sync()
    bench.packages = {"other": ["latest"]}
    bench.sync()
    world.publish("app", "1.1", requires=["lib"])
    world.publish("lib", "1.1")
    bench.sync()
    assert "app" not in bench.listed()
    bench.packages = both
    catalog = bench.catalog()
    mirror = bench.mirror(catalog)
    if every is not None:
        mirror = replace(mirror, patient=True, every=every)
    assert sync_once(mirror).failed == {}
    catalog.close()
    fresh = Bench(tmp_path / "fresh", wired(), both)
    fresh.sync()
    assert bench.listed() == fresh.listed() == {"app": {"1.1"}, "lib": {"1.1"}, "other": {"1.0"}}
    assert bench.query("SELECT * FROM pending") == []


def test_patterns_see_new_projects_where_projects_are_polled(
    tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    def lists(*names: str) -> None:
        rows = "".join(f"<a href='{name}/'>{name}</a>" for name in names)
        html = {"Content-Type": "text/html"}
        world.heal()
        world.faults.xmlrpc = False
        world.faults.body("/simple/", f"<html><body>{rows}</body></html>".encode(), headers=html)

    def scheduled() -> bool:
        """Returns whether the list was asked for."""
        server.log.clear()
        catalog = bench.catalog()
        mirror = replace(bench.mirror(catalog), patient=True, every=3600.0)
        assert sync_once(mirror).failed == {}
        catalog.close()
        return "/simple/" in server.log.paths()

    lists("app-a")
    world.publish("app-a", "1.0")
    bench = Bench(tmp_path, wired(), {}, patterns={"app-.*": ["latest"]})
    bench.sync()
    assert followed(bench) == "polling"
    world.publish("app-b", "1.0")
    lists("app-a", "app-b")
    assert bench.sync().failed == {}  # who syncs by hand wants to know
    assert bench.listed().keys() == {"app-a", "app-b"}
    world.publish("app-c", "1.0")
    lists("app-a", "app-b", "app-c")
    bench.clock += 3600
    assert not scheduled()
    assert bench.listed().keys() == {"app-a", "app-b"}
    bench.clock += 86400  # a list may be long: once a day is enough
    assert scheduled()
    assert bench.listed().keys() == {"app-a", "app-b", "app-c"}
    world.heal()
    world.faults.xmlrpc = False
    world.faults.fail("/simple/", 503)
    bench.clock += 86400
    assert scheduled()  # a list that is away costs nothing else
    assert bench.listed().keys() == {"app-a", "app-b", "app-c"}


def test_polling_asks_each_project_once_and_writes_nothing_but_the_run(
    tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    only(world, "polling")
    first(world)
    world.publish("stranger", "1.0")
    bench = Bench(tmp_path, wired(), {"app": ["latest"]})
    bench.sync()
    before, rows = tree_bytes(tmp_path), everything(bench)
    server.log.clear()
    bench.upstream = wired()
    assert bench.sync().exit_code == 0
    assert sorted(server.log.paths("simple")) == ["/simple/app/", "/simple/gone/", "/simple/lib/"]
    assert {entry.status for entry in server.log.entries if entry.kind == "simple"} == {304}
    assert tree_bytes(tmp_path) == before
    assert everything(bench) == rows


def everything(bench: Bench) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables but the record of runs."""
    tables = bench.query("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {
        name: sorted(bench.query(f"SELECT * FROM {name}"), key=repr)
        for (name,) in tables
        if name != "runs"
    }


def test_polling_a_mirror_of_300_projects_asks_300_conditional_questions(
    memory_path: Path, world: World, server: Server, wired: Wired
) -> None:
    names = [f"p{number}" for number in range(300)]
    only(world, "polling")
    for name in names:
        world.publish(name, "1.0")
    bench = Bench(memory_path, wired(), {key: ["latest"] for key in names})
    bench.sync()
    assert bench.listed() == {key: {"1.0"} for key in names}
    rows = everything(bench)
    server.log.clear()
    report = bench.sync()
    assert (report.exit_code, report.answers) == (0, {"project unchanged": 300})
    asked = Counter((one.path, one.status) for one in server.log.entries)
    assert asked.pop(("/pypi", 404)) == 1  # the hourly look for a better feed
    assert asked == Counter((f"/simple/{name}/", 304) for name in names)
    assert everything(bench) == rows
    assert bench.query("SELECT count(*) FROM runs") == [(2,)]


class Told(Silent):
    """What a cycle tells of feeds and of faults."""

    def __init__(self) -> None:
        self.feeds: list[tuple[str, str, str]] = []
        self.faults: list[str] = []

    def feed(self, index: str, kind: str, reason: str) -> None:
        self.feeds.append((index, kind, reason))

    def fault(self, what: str, reason: str) -> None:
        self.faults.append(what)


def test_another_feed_is_told_once_and_is_no_fault(
    tmp_path: Path, world: World, wired: Wired
) -> None:
    first(world)
    bench = Bench(tmp_path, wired(), {"app": ["latest"]})

    def told() -> Told:
        watch = Told()
        catalog = bench.catalog()
        assert sync_once(replace(bench.mirror(catalog), watch=watch)).failed == {}
        catalog.close()
        return watch

    only(world, "polling")
    watch = told()
    [(index, kind, reason)] = watch.feeds
    assert (index, kind, watch.faults) == ("endpoint", "polling", [])
    assert "HTML" in reason
    assert told().feeds == []
    only(world, "changelog")
    bench.clock += 86400
    assert told().feeds == [("endpoint", "changelog", "")]
