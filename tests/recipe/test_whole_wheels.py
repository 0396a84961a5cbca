"""Small wheels come whole, and tell what their ``.metadata`` files would."""

import random
from pathlib import Path
from typing import Any

import pytest

from pypisync.cycle import sync, whole_wheels
from pypisync.cycle.incoming import Incoming
from pypisync.cycle.listen import listen
from pypisync.cycle.mirror import Limits
from pypisync.cycle.report import Report
from pypisync.cycle.settle import settle
from tests.recipe.closed import unmet
from tests.recipe.mirrors import LINUX, Bench, tree_bytes
from tests.recipe.test_equality import decided
from tests.recipe.test_insides import dump
from tests.recipe.test_provers import ENVIRONMENT, ROOTS, conflicting
from tests.sim import dists
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

KIB = 1024


def wheels(folder: Path, name: str = "") -> set[str]:
    return {path.name for path in folder.glob(f"packages/*/*/*/{name}*.whl")}


def test_metadata_is_laid_beside_a_small_wheel_as_upstream_has_it(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("app", "1.0", requires=["lib"])
    world.publish("lib", "1.0", size_padding=300 * KIB)
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    assert bench.sync().exit_code == 0
    for name in ("app", "lib"):
        [place] = tmp_path.glob(f"packages/*/*/*/{name}-1.0-*.metadata")
        assert place.read_bytes() == world.files[place.name.removesuffix(".metadata")].metadata
    assert [path.rpartition("/")[2] for path in memory.log.paths("metadata")] == [
        "lib-1.0-py3-none-any.whl.metadata"  # it is large
    ]
    assert memory.log.count("file") == 2
    told = "SELECT DISTINCT source FROM v_releases WHERE selected = 1"
    assert bench.query(told) == [("metadata",)]
    assert bench.query("SELECT * FROM asked") == []


def other_metadata(world: World) -> None:
    """What the page states of METADATA, and what is served as that, is not what is in the wheel."""
    made = dists.build_wheel(dists.dist("app", "1.0", ["lib"]))
    told = dists.metadata_text(dists.dist("app", "1.0", ["other"])).encode()
    content = dists.built(made.content, told)
    world.add_file("app", "1.0", "app-1.0-py3-none-any.whl", content)


def no_wheel(world: World) -> None:
    content = dists.built(b"no zip", dists.metadata_text(dists.dist("app", "1.0")).encode())
    world.add_file("app", "1.0", "app-1.0-py3-none-any.whl", content)


def failing(world: World, effect: Any) -> None:
    world.publish("app", "1.0", requires=["lib"])
    world.faults.fail("*/app-1.0-*.whl", effect)


ODDITIES: dict[str, Any] = {
    "other METADATA": other_metadata,
    "no wheel": no_wheel,
    "gone": lambda world: failing(world, 404),
    "failing": lambda world: failing(world, 503),
    "corrupt": lambda world: failing(world, "corrupt"),
}


@pytest.mark.parametrize("oddity", ODDITIES)
def test_where_a_wheel_does_not_tell_its_metadata_file_is_asked_for(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch, oddity: str
) -> None:
    for name in ("lib", "other"):
        world.publish(name, "1.0")
    ODDITIES[oddity](world)
    benches = [Bench(tmp_path / n, MemoryUpstream(world), {"app": ["latest"]}) for n in "ab"]
    told = []
    for bench in benches:
        report = bench.sync()
        told.append((report.held, report.failed))
        monkeypatch.setattr(whole_wheels, "_SMALL", -1)
    one, other = benches
    assert any("/app-1.0-" in path for path in one.upstream.log.paths("metadata"))  # type: ignore[attr-defined]
    assert told[0] == told[1]
    assert (decided(one), tree_bytes(one.folder)) == (decided(other), tree_bytes(other.folder))


def test_a_mirror_has_the_same_bytes_whichever_wheels_come_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print("seed", seed)
    world = conflicting(seed)
    roots = {f"root-{n}": ["latest"] for n in range(ROOTS)}
    found = []
    for small in (whole_wheels._SMALL, 1_200, -1):
        monkeypatch.setattr(whole_wheels, "_SMALL", small)
        upstream = MemoryUpstream(world)
        bench = Bench(tmp_path / str(small), upstream, roots, environment=ENVIRONMENT)
        bench.disorder = random.Random(seed)
        bench.sync()
        found.append((tree_bytes(bench.folder), dump(bench)))
    assert found[0] == found[1] == found[2]


def test_what_only_a_proof_asks_for_does_not_come(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    """heavy 2.0 is looked at, and neither installed nor the newest."""
    world.publish("app", "1.0", requires=["heavy", "lib<2"])
    world.publish("heavy", "1.0", requires=["lib"])
    for version in ("2.0", "3.0"):
        world.publish("heavy", version, requires=["lib>=2"])
    for version in ("1.0", "2.0"):
        world.publish("lib", version)
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    assert bench.sync().exit_code == 0
    assert any("/heavy-2.0-" in path for path in memory.log.paths("metadata"))
    assert not wheels(tmp_path, "heavy-2.0")


def test_a_plan_fetches_no_wheel(tmp_path: Path, world: World, memory: MemoryUpstream) -> None:
    world.publish("app", "1.0", requires=["lib"])
    world.publish("lib", "1.0")
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    catalog = bench.catalog()
    mirror = bench.mirror(catalog)
    listen(mirror, Report())
    with Incoming(mirror, ahead=False) as incoming:
        settle(mirror, Report(), incoming)
    catalog.close()
    assert (memory.log.count("metadata"), memory.log.count("file")) == (2, 0)


class Crash(BaseException):
    """The process ends here."""


def growing(world: World, count: int) -> None:
    """A chain of projects of 50 KiB: each is known once the one before has come."""
    for i in range(count):
        world.publish(f"p{i}", "1.0", requires=[f"p{i + 1}"], size_padding=50 * KIB)
    world.publish(f"p{count}", "1.0", size_padding=50 * KIB)


@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.parametrize("limits", [Limits(bytes=160 * KIB), Limits(projects=5)])
def test_what_came_is_not_kept_if_a_cycle_would_add_too_much(
    tmp_path: Path,
    world: World,
    memory: MemoryUpstream,
    monkeypatch: pytest.MonkeyPatch,
    limits: Limits,
    *,
    crashes: bool,
) -> None:
    growing(world, 7)
    world.publish("small", "1.0")
    bench = Bench(tmp_path, memory, {"small": ["latest"]}, environment=LINUX)
    bench.sync()
    bench.packages = {"small": ["latest"], "p0": ["latest"]}
    bench.limits = limits
    if crashes:
        with monkeypatch.context() as patch:
            patch.setattr(sync, "fetch", lambda *_: (_ for _ in ()).throw(Crash))
            with pytest.raises(Crash):
                bench.sync()
        assert wheels(tmp_path, "p")
    for _ in range(2):
        assert bench.sync().failed.keys() == {"limits"}
        assert bench.listed() == {"small": {"1.0"}}
        assert not wheels(tmp_path, "p")
    bench.limits = Limits()
    assert bench.sync().exit_code == 0
    assert len(wheels(tmp_path, "p")) == 8
    assert unmet(tmp_path) == set()


def test_bytes_that_came_early_count_for_the_limit(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    growing(world, 3)
    bench = Bench(tmp_path, memory, {"p0": ["latest"]}, limits=Limits(bytes=150 * KIB))
    report = bench.sync()
    assert report.failed.keys() == {"limits"}
    assert sum(path.stat().st_size for path in tmp_path.glob("packages/**/*.whl")) == 0
    bench.limits = Limits(bytes=250 * KIB)
    assert bench.sync().exit_code == 0
