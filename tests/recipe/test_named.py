"""Projects that are only named cost nothing, and are read as soon as they begin to matter."""

from pathlib import Path

import pytest

from tests.recipe.conftest import Wired
from tests.recipe.mirrors import Bench
from tests.sim.server import Server
from tests.sim.world import World

NAMED = ["extra-only", "elsewhere"]


@pytest.fixture
def bench(tmp_path: Path, world: World, wired: Wired) -> Bench:
    """A mirror of "app", which names two projects that it does not need here."""
    world.publish(
        "app",
        "1.0",
        requires=["lib", "elsewhere; sys_platform == 'win32'"],
        extras={"more": ["extra-only"]},
    )
    for name in ("lib", *NAMED, "stranger"):
        world.publish(name, "1.0")
    bench = Bench(tmp_path, wired(), {"app": ["latest"]})
    bench.environment = {**bench.environment, "extra": []}
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}}
    return bench


def test_a_change_of_what_is_only_named_costs_no_request(
    bench: Bench, world: World, server: Server
) -> None:
    for name in (*NAMED, "stranger"):
        world.publish(name, "1.1")
    server.log.clear()
    bench.sync()
    assert server.log.paths("simple") == []
    assert server.requests(None) == 1


def test_what_changes_and_begins_to_matter_in_one_cycle_is_read_as_it_is_now(
    bench: Bench, world: World, server: Server
) -> None:
    """A CDN that lags sends the document from before the change: it does not settle the project."""
    world.publish("extra-only", "1.1")
    world.publish("app", "1.1", requires=["lib", "extra-only"])
    world.faults.stale("extra-only", times=3)
    report = bench.sync()
    assert "asked again later" in report.failed["extra-only"]
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}}
    assert bench.sync().failed == {}
    assert bench.listed() == {"app": {"1.1"}, "lib": {"1.0"}, "extra-only": {"1.1"}}


def test_what_changed_before_it_mattered_is_read_when_it_does(
    bench: Bench, world: World, server: Server
) -> None:
    world.publish("elsewhere", "1.1")
    bench.sync()
    bench.environment = {**bench.environment, "sys_platform": ["linux", "win32"]}
    bench.environment = {**bench.environment, "platform_machine": None}
    assert bench.sync().exit_code == 0
    assert bench.listed()["elsewhere"] == {"1.1"}
    world.publish("elsewhere", "1.2")
    assert bench.sync().exit_code == 0
    assert bench.listed()["elsewhere"] == {"1.2"}
