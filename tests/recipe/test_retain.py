"""While something new is held, what is published stays with all it needs; other changes go on."""

from pathlib import Path

import pytest

from tests.recipe.closed import unmet
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World


def test_the_old_release_stays_with_what_it_needs_until_the_new_one_is_whole(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("app", "1.0", requires=["lib<2", "old"])
    world.publish("lib", "1.0")
    world.publish("old", "1.0")
    world.publish("other", "1.0", requires=["gone"])
    world.publish("gone", "1.0")
    bench = Bench(tmp_path, memory, {"app": ["latest"], "other": ["latest"]})
    bench.sync()

    world.publish("app", "2.0", requires=["lib>=2"])
    world.publish("lib", "2.0")
    world.publish("other", "2.0")
    world.faults.fail("*/lib-2.0-py3-none-any.whl", 404, None)
    report = bench.sync()
    assert set(report.held) == {"app==2.0", "lib==2.0"}
    # What is held keeps only its own: the other root goes on, and its old dependency goes.
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}, "old": {"1.0"}, "other": {"2.0"}}
    assert unmet(bench.folder) == set()
    assert bench.sync().generation == 0

    world.heal()
    assert bench.sync().held == {}
    assert bench.listed() == {"app": {"2.0"}, "lib": {"2.0"}, "other": {"2.0"}}
    assert bench.query("SELECT * FROM v_roots WHERE origin = 'held'") == []


@pytest.mark.usefixtures("all_large")
def test_a_release_that_gets_a_file_which_fails_stays_as_it_is(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("app", "1.0", wheels=["cp311-cp311-manylinux_2_17_x86_64"])
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    bench.sync()
    world.publish("app", "1.0", wheels=["py3-none-any"], requires=["never-there"])
    world.faults.fail("*.metadata", 503, None)
    report = bench.sync()
    assert set(report.held) == {"app==1.0"}
    assert bench.listed() == {"app": {"1.0"}}


def test_a_first_final_waits_with_what_installs_by_a_pre_release(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    """Installers take no pre-release where a final is listed, whether it installs or not."""
    world.publish("app", "1.0rc1")
    bench = Bench(tmp_path, memory, {"app": ["latest"], "other": ["latest"]})
    bench.sync()

    world.publish("app", "2.0", requires=["lib"])
    world.publish("other", "1.0", requires=["app>=2"])
    world.publish("lib", "1.0")
    world.publish("lib", "2.0", requires=["never-there"])
    world.faults.fail("*/lib-1.0-py3-none-any.whl", 404, None)
    report = bench.sync()
    assert bench.listed() == {"app": {"1.0rc1"}, "lib": {"2.0"}}
    assert report.held == {
        "lib==1.0": report.held["lib==1.0"],
        "app==2.0": "app, which installs by a pre-release, waits for lib==1.0",
        "other==1.0": "needs app==2.0, which is held",
    }
    assert bench.sync().generation == 0

    world.heal()
    assert bench.sync().held == {}
    assert bench.listed() == {"app": {"2.0"}, "lib": {"1.0", "2.0"}, "other": {"1.0"}}
