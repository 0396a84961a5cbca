"""Documents that are older than what is known of a project, as a cache may hold them for hours."""

from pathlib import Path

import pytest

from pypisync.cycle import rollback
from pypisync.cycle.maintenance import sweep
from tests.recipe.mirrors import Bench
from tests.recipe.test_feeds import only
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

DAY = 86400.0
NEW = {"app": {"1.0", "2.0"}, "lib": {"1.0"}}


@pytest.fixture
def bench(tmp_path: Path, world: World) -> Bench:
    """A mirror that has seen a new release."""
    world.publish("lib", "1.0")
    world.publish("app", "1.0", requires=["lib"])
    made = Bench(tmp_path, MemoryUpstream(world), {"app": [">=1"]})
    assert made.sync().failed == {}
    world.publish("app", "2.0", requires=["lib"])
    assert made.sync().failed == {}
    assert made.listed() == NEW
    return made


def older(world: World, *, polled: bool) -> None:
    """Let upstream show the project without the new release; no feed tells of it, if polled."""
    if polled:
        only(world, "polling")
    world.faults.stale("app")


def ask(bench: Bench, *, polled: bool) -> None:
    """Let the next cycle ask for all projects."""
    if not polled:
        catalog = bench.catalog()
        for _ in range(3):
            sweep(bench.mirror(catalog))
        catalog.close()


@pytest.mark.parametrize("polled", [True, False])
def test_an_older_document_takes_nothing_away(bench: Bench, world: World, polled: bool) -> None:
    older(world, polled=polled)
    for _ in range(5):
        ask(bench, polled=polled)
        report = bench.sync()
        assert "older than" in report.failed["app"]
        assert bench.listed() == NEW
    world.heal()
    assert bench.sync().failed == {}
    assert bench.query("SELECT * FROM pending") == []
    assert bench.listed() == NEW


@pytest.mark.parametrize("how", ["a day", "confirmed"])
def test_an_index_that_was_set_back_is_believed_in_the_end(
    bench: Bench, world: World, how: str
) -> None:
    older(world, polled=True)
    assert "app" in bench.sync().failed
    if how == "a day":
        bench.clock += DAY
    else:
        rollback.accept_removals().give(bench.folder)
    assert bench.sync().failed == {}
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}}


def test_what_a_newer_document_does_not_show_goes_at_once(bench: Bench, world: World) -> None:
    only(world, "polling")
    world.remove_release("app", "2.0")
    assert bench.sync().failed == {}
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}}


def test_an_older_document_brings_nothing_back_that_is_in_quarantine(
    bench: Bench, world: World
) -> None:
    only(world, "polling")
    world.quarantine("app")
    bench.sync()
    assert not bench.listed()["app"]
    world.faults.stale("app")
    report = bench.sync()
    assert "older than" in report.failed["app"]
    assert not bench.listed()["app"]
