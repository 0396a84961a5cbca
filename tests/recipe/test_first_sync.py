"""From a configuration to a published index, on small worlds."""

from pathlib import Path

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
