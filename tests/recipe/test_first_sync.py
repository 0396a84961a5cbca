"""From a configuration to a published index, on small worlds."""

from pathlib import Path

from pypisync.cycle.sync import sync_once
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World


def test_one_root_with_its_dependency(tmp_path: Path, world: World, memory: MemoryUpstream) -> None:
    world.publish("a", "1.0", requires=["b>=1"])
    world.publish("b", "1.0")
    world.publish("unrelated", "1.0")
    bench = Bench(tmp_path, memory, {"a": ["latest"]})
    report = bench.sync()
    assert report.exit_code == 0, report
    assert bench.listed() == {"a": {"1.0"}, "b": {"1.0"}}
    assert report.answers == {"project ok": 2, "file ok": 2}


def test_a_mirror_that_stays_open_counts_each_cycle_by_itself(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("a", "1.0")
    bench = Bench(tmp_path, memory, {"a": ["latest"]})
    catalog = bench.catalog()
    mirror = bench.mirror(catalog)
    assert sync_once(mirror).answers == {"project ok": 1, "file ok": 1}
    assert sync_once(mirror).answers == {"changelog ok": 1}
    catalog.close()


def test_a_root_without_a_release_is_said_every_time(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("a", "1.0")
    bench = Bench(tmp_path, memory, {"a": ["latest", ">=9"], "mistyped": ["latest"]})
    for _ in range(2):
        report = bench.sync()
        assert report.exit_code == 1
        assert report.failed == {
            'root a ">=9"': "no release matches it on any target",
            'root mistyped "latest"': "upstream has no such project",
        }
    assert bench.listed() == {"a": {"1.0"}}
    world.publish("mistyped", "1.0")
    world.publish("a", "9.0")
    assert bench.sync().exit_code == 0
