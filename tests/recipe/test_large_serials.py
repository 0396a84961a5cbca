"""Serials beyond 32 bits, and beyond what a float holds exactly, through whole cycles."""

from pathlib import Path

import pytest

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries.status import read_status
from tests.recipe.conftest import Wired
from tests.recipe.mirrors import Bench, tree_bytes
from tests.recipe.test_outage import FIRST, THEN, first, then
from tests.sim.world import World


@pytest.fixture(params=[2**31 - 3, 2**53 - 3, 2**62 + 1])
def world(request: pytest.FixtureRequest) -> World:
    """An index whose serials pass this number."""
    return World(serial=request.param)


@pytest.mark.parametrize("feed", ["changelog", "serials"])
def test_large_serials_through_whole_cycles(
    feed: str, world: World, database: str, tmp_path: Path, wired: Wired
) -> None:
    world.faults.xmlrpc = feed == "changelog"
    first(world)
    bench = Bench(tmp_path / "mirror", wired(), {"app": ["latest"]}, url=database)
    assert bench.sync().failed == {}
    exact(bench, world)
    assert bench.listed() == FIRST
    world.faults.stale("app", times=3)  # one that lags is told from one that does not by one
    then(world)
    assert "asked again later" in bench.sync().failed["app"]
    assert bench.query("SELECT serial FROM pending") == [(world.project("app").serial,)]
    bench.upstream = wired()
    assert bench.sync().failed == {}
    exact(bench, world)
    assert bench.listed() == THEN
    fresh = Bench(tmp_path / "fresh", wired(), bench.packages)
    fresh.sync()
    assert tree_bytes(bench.folder) == tree_bytes(fresh.folder)
    world.faults.xmlrpc = not world.faults.xmlrpc  # the other feed goes on from there
    world.publish("app", "3.0")
    bench.clock += 86400
    assert bench.sync().failed == {}
    exact(bench, world)
    assert bench.listed() == {"app": {"3.0"}}


def exact(bench: Bench, world: World) -> None:
    """Serials are kept to the last digit, in the catalog and in its views."""
    assert bench.query("SELECT value FROM settings WHERE name = 'serial'") == [(str(world.serial),)]
    for name, serial in bench.query("SELECT name, serial FROM v_projects WHERE status = 'active'"):
        assert serial == world.project(name).serial
    with Reader(bench.database) as reader:
        assert read_status(reader).serial == world.serial
