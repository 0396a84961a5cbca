"""An index whose change feed refuses for hours, and one that is read at another address."""

from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pypisync.catalog.facts import pending
from pypisync.upstream.api import FEEDS, FeedKind
from tests.recipe.closed import unmet
from tests.recipe.conftest import Wired
from tests.recipe.mirrors import Bench, tree_bytes
from tests.recipe.test_feeds import followed, only
from tests.sim.server import Server
from tests.sim.world import World

HALF_HOUR = 1800.0
Refusal = int | str
# As PyPI's XML-RPC was seen to refuse, or as what stands before it may; two hours of each.
REFUSALS: tuple[Refusal, ...] = (404, 403, 503, "html", "fault")


def refuse(world: World, how: Refusal) -> None:
    """Let every call by XML-RPC be refused so."""
    world.heal()
    if isinstance(how, int):
        world.faults.fail("/pypi", how)
    elif how == "html":
        page = b"<!DOCTYPE html><title>Maintenance</title><p>We are back soon."
        world.faults.body("/pypi", page, headers={"Content-Type": "text/html"})
    else:
        world.faults.rate_limit(times=10_000, seconds=60)


def begin(world: World) -> None:
    world.publish("app", "1.0", requires=["lib", "gone", "left<2"])
    for version in ("1.0", "1.1", "1.2"):
        world.publish("lib", version)
        world.publish("left", version)
    for name in ("gone", "stays", "hidden"):
        world.publish(name, "1.0")


def meanwhile() -> list[Callable[[World], object]]:
    """What happens upstream, one action each half hour."""
    return [
        lambda world: world.publish("lib", "1.3"),
        lambda world: world.publish("app", "1.1", requires=["lib", "new", "left<2"]),
        lambda world: world.publish("new", "1.0", requires=["newer"]),
        lambda world: world.yank("lib", "1.3", reason="broken"),
        lambda world: world.publish("newer", "1.0"),
        lambda world: world.remove_release("left", "1.2"),
        lambda world: world.quarantine("hidden"),
        lambda world: world.publish("lib", "1.4", wheels=["py3-none-any"], sdist=True),
        lambda world: world.remove_file("lib", "1.4", "lib-1.4.tar.gz"),
        lambda world: world.remove_project("gone"),
        lambda world: world.publish("stays", "1.1", requires=["lib<1.2"]),
        lambda world: world.unyank("lib", "1.3"),
        lambda world: world.yank("left", "1.1"),
        lambda world: world.publish("app", "1.2", requires=["lib<1.4", "new"]),
        lambda world: world.clear_quarantine("hidden"),
        lambda world: world.remove_release("lib", "1.0"),
        lambda world: world.publish("newer", "2.0", requires=["stays"]),
        lambda world: world.yank("newer", "2.0"),
        lambda world: world.publish("hidden", "1.1"),
        lambda world: world.remove_release("stays", "1.0"),
    ]


def same_as_new(bench: Bench, folder: Path, wired: Wired, **settings: object) -> None:
    """The mirror is what one is that begins now."""
    fresh = Bench(folder, wired(**settings), bench.packages)
    fresh.sync()
    assert tree_bytes(bench.folder, "packages") == tree_bytes(fresh.folder, "packages")
    assert bench.selection() == fresh.selection()
    assert bench.listed() == fresh.listed()


@pytest.mark.parametrize(("turn", "restart"), [(0, False), (2, True)])
def test_a_change_feed_that_refuses_for_hours_loses_nothing(
    turn: int, restart: bool, tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    begin(world)
    packages = {name: ["latest"] for name in ("app", "stays", "hidden")}
    bench = Bench(tmp_path / "followed", wired(), packages)
    assert bench.sync().failed == {}
    assert followed(bench) == "changelog"
    actions = meanwhile()
    seen = []
    for number, act in enumerate(actions):
        if number % 4 == 0:
            refuse(world, REFUSALS[(turn + number // 4) % len(REFUSALS)])
        act(world)
        if restart:
            bench.upstream = wired()
        bench.clock -= 3600 - HALF_HOUR
        bench.sync()
        seen.append(followed(bench))
        # Nothing lacks what upstream has.
        assert all(Requirement(need).name not in world.projects for _, need in unmet(bench.folder))
    assert set(seen) == {"serials"}
    world.heal()
    for _ in range(4):
        bench.clock -= 3600 - HALF_HOUR
        report = bench.sync()
    assert report.failed == {}
    assert followed(bench) == "changelog"
    same_as_new(bench, tmp_path / "fresh", wired)
    world.publish("app", "2.0", requires=["lib"])
    assert bench.sync().changes == 2  # the rows of the release and of its file, and no others
    assert "2.0" in bench.listed()["app"]


@pytest.mark.parametrize(
    ("before", "after", "serial"),
    [
        *((before, after, 3) for before in FEEDS for after in FEEDS),
        *((feed, feed, 1_000_000) for feed in FEEDS[:2]),
    ],
)
def test_another_address_of_the_index_has_other_serials(
    before: FeedKind,
    after: FeedKind,
    serial: int,
    tmp_path: Path,
    world: World,
    server: Server,
    wired: Wired,
) -> None:
    """Nothing is removed, and everything is compared, whichever serials are the greater ones."""
    other = World(serial=serial)
    for one in (world, other):
        begin(one)
    only(world, before)
    only(other, after)
    packages = {name: ["latest"] for name in ("app", "stays", "hidden")}
    bench = Bench(tmp_path / "followed", wired(), packages)
    bench.sync()
    assert followed(bench) == before
    mirrored = set(bench.listed())
    kept = tree_bytes(bench.folder, "packages")
    with Server(other) as elsewhere:
        bench.upstream = wired(endpoint=elsewhere.url)
        report = bench.sync()
        assert (report.failed, report.pruned) == ({}, 0)
        assert {f"/simple/{name}/" for name in mirrored} <= set(elsewhere.log.paths("simple"))
        assert tree_bytes(bench.folder, "packages") == kept
        assert followed(bench) == after
        # What only one of the two has is found at the next change of address, too.
        other.publish("lib", "1.3")
        world.publish("stays", "1.1")
        bench.sync()
        assert bench.listed()["lib"] == {"1.3"}
        same_as_new(bench, tmp_path / "fresh", wired, endpoint=elsewhere.url)
    bench.upstream = wired()
    report = bench.sync()
    assert report.failed == {}
    assert (bench.listed()["lib"], bench.listed()["stays"]) == ({"1.2"}, {"1.1"})
    same_as_new(bench, tmp_path / "back", wired)


@pytest.mark.parametrize("form", ["html", "legacy"])
def test_another_address_may_have_pages_of_a_poorer_form(
    form: str, tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    """And what is denied there, and since when, is counted anew."""
    other = World(serial=3)
    for one in (world, other):
        begin(one)
    other.faults.simple_json = other.faults.xmlrpc = False
    other.faults.simple, other.faults.json_api = form == "html", form == "legacy"
    packages = {name: ["latest"] for name in ("app", "stays", "hidden")}
    bench = Bench(tmp_path / "followed", wired(), packages)
    bench.sync()
    world.archive("stays", reason="done with it")
    world.faults.fail("/*/app/*", 404)
    with bench.catalog().begin() as connection:
        pending.mark_stale(connection, {"app": 0, "stays": 0}, bench.clock)
    assert bench.sync().failed.keys() == {"app"}
    assert ("json", "archived") in bench.query("SELECT form, status FROM projects")
    with Server(other) as elsewhere:
        bench.upstream = wired(endpoint=elsewhere.url)
        assert bench.sync().failed == {}
        query = "SELECT DISTINCT form, status FROM projects WHERE status <> 'gone'"
        assert bench.query(query) == [(form, "active")]
        same_as_new(bench, tmp_path / "fresh", wired, endpoint=elsewhere.url)
