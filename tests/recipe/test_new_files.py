"""New files of a release that a page lists already: they wait for what they need."""

from pathlib import Path

import pytest

from tests.recipe.closed import unmet
from tests.recipe.mirrors import Bench
from tests.recipe.test_equality import ENVIRONMENT, decided
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

OLD, NEW = "py3-none-any", "cp311-cp311-manylinux_2_17_x86_64"
ONE = ENVIRONMENT | {"python_version": ["3.11"]}


@pytest.mark.usefixtures("all_large")
@pytest.mark.parametrize("pattern", ["other-*.whl", "other-*.metadata", "other-*", "deep-*"])
@pytest.mark.parametrize("environment", [ONE, ENVIRONMENT], ids=["one", "two"])
def test_a_new_file_waits_for_what_it_needs_and_what_is_listed_stays(
    tmp_path: Path, world: World, pattern: str, environment: dict[str, list[str]]
) -> None:
    for name in ("lib", "deep"):
        world.publish(name, "1.0")
    world.publish("other", "1.0", requires=["deep"])
    world.publish("app", "1.0", requires=["lib"], wheels=(OLD,))
    upstream = MemoryUpstream(world)
    bench = Bench(tmp_path / "m", upstream, {"app": ["latest"]}, environment=environment)
    bench.sync()
    world.publish("app", "1.0", requires=["other"], wheels=(NEW,))
    world.faults.fail(f"/packages/*/{pattern}", 503)
    for _ in range(2):
        report = bench.sync()
        assert "its new files wait" in report.held["app==1.0"]
        assert {"app", "lib"} <= bench.listed().keys()
        assert NEW not in str(bench.query("SELECT filename FROM v_listed"))
        assert unmet(bench.folder) == set()
    world.heal()
    assert bench.sync().held == {}
    fresh = Bench(tmp_path / "fresh", upstream, bench.packages, environment=environment)
    fresh.sync()
    assert decided(bench) == decided(fresh)
    assert NEW in str(bench.query("SELECT filename FROM v_listed"))


def test_a_new_file_that_needs_nothing_held_is_listed_at_once(tmp_path: Path, world: World) -> None:
    for name in ("lib", "other"):
        world.publish(name, "1.0")
    world.publish("app", "1.0", requires=["lib"], wheels=(OLD,))
    bench = Bench(tmp_path, MemoryUpstream(world), {"app": ["latest"], "other": ["latest"]})
    world.faults.fail("/packages/*/other-*", 503)
    bench.sync()
    world.publish("app", "1.0", requires=["lib"], wheels=(NEW,))
    assert "app==1.0" not in bench.sync().held
    assert NEW in str(bench.query("SELECT filename FROM v_listed"))
