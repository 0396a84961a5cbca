"""A cycle that outgrows the limits fetches nothing, and loses nothing."""

from pathlib import Path

import pytest

from pypisync.cycle import rollback, sync
from pypisync.cycle.mirror import Limits
from tests.recipe.mirrors import LINUX, Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

KIB = 1024


def published(tmp_path: Path, memory: MemoryUpstream, database: str) -> Bench:
    """A mirror of "small", which has one dependency."""
    memory.world.publish("small", "1.0", requires=["shared"])
    memory.world.publish("shared", "1.0")
    bench = Bench(tmp_path, memory, {"small": ["latest"]}, url=database)
    assert bench.sync().exit_code == 0
    return bench


def tree_of_projects(world: World, count: int) -> None:
    """Project "root", and beneath it a chain of pairs, so that each round asks for two."""
    world.publish("root", "1.0", requires=["p0", "q0"])
    for i in range(count):
        world.publish(f"p{i}", "1.0", requires=[f"p{i + 1}", f"q{i + 1}"])
        world.publish(f"q{i}", "1.0")
    world.publish(f"p{count}", "1.0")
    world.publish(f"q{count}", "1.0")


def test_more_bytes_than_allowed(
    tmp_path: Path, memory: MemoryUpstream, world: World, database: str
) -> None:
    bench = published(tmp_path, memory, database)
    world.publish("large", "1.0", requires=["shared"], size_padding=500 * KIB)
    bench.packages = {"small": ["latest"], "large": ["latest"]}
    bench.limits = Limits(bytes=100 * KIB)
    report = bench.sync()
    assert report.exit_code == 1
    assert (report.files, report.held) == (0, {})
    reason = report.failed["limits"]
    assert reason.startswith("1 project and 50")
    assert "limits allow 100 KiB a cycle" in reason
    assert "large: 1 project, 50" in reason
    assert "--no-limits" in reason
    assert bench.listed() == {"small": {"1.0"}, "shared": {"1.0"}}
    assert bench.selection() >= {("large", "1.0")}  # what was learned stays
    memory.log.clear()
    assert bench.sync().failed.keys() == {"limits"}
    assert memory.log.paths("simple") == []
    bench.limits = Limits(bytes=1000 * KIB)
    assert bench.sync().exit_code == 0
    assert bench.listed().keys() == {"small", "shared", "large"}


def test_documents_are_not_read_without_end(
    tmp_path: Path, memory: MemoryUpstream, world: World, database: str
) -> None:
    bench = published(tmp_path, memory, database)
    tree_of_projects(world, 40)
    bench.packages = {"small": ["latest"], "root": ["latest"]}
    bench.limits = Limits(projects=10)
    memory.log.clear()
    report = bench.sync()
    asked = set(memory.log.paths("simple"))
    assert 9 <= len(asked) <= 10
    assert report.failed["limits"].startswith("at least 11 projects")
    assert "environment.extra is null" in report.failed["limits"]
    assert bench.listed().keys() == {"small", "shared"}
    memory.log.clear()
    assert bench.sync().failed.keys() == {"limits"}
    assert memory.log.paths("simple") == []


def test_what_is_mirrored_already_is_kept_up_to_date(
    tmp_path: Path, memory: MemoryUpstream, world: World, database: str
) -> None:
    bench = published(tmp_path, memory, database)
    world.publish("shared", "2.0")
    assert bench.sync().exit_code == 0
    tree_of_projects(world, 10)
    bench.packages = {"small": ["latest"], "root": ["latest"]}
    bench.limits = Limits(projects=5)
    world.remove_release("shared", "2.0")
    world.publish("small", "2.0", requires=["shared", "another"])
    world.publish("another", "1.0")
    assert bench.sync().failed["limits"].startswith("at least 6 projects")
    assert bench.listed() == {"small": {"1.0"}, "shared": {"1.0"}}
    bench.packages = {"small": ["latest"]}
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"small": {"2.0"}, "shared": {"1.0"}, "another": {"1.0"}}


def test_the_limits_can_be_lifted_for_one_cycle(
    tmp_path: Path, memory: MemoryUpstream, world: World, database: str
) -> None:
    bench = published(tmp_path, memory, database)
    bench.environment = {**LINUX, "extra": []}
    tree_of_projects(world, 10)
    bench.packages = {"small": ["latest"], "root": ["latest"]}
    bench.limits = Limits(projects=5, bytes=KIB)
    assert "environment.extra" not in bench.sync().failed["limits"]
    rollback.no_limits().give(bench.folder)
    assert bench.sync().exit_code == 0
    assert bench.listed().keys() >= {"root", "p10", "q10"}
    world.publish("p10", "2.0", size_padding=10 * KIB)
    report = bench.sync()
    assert report.failed.keys() == {"limits"}
    assert report.failed["limits"].startswith("0 projects and 1")


def test_files_that_are_there_do_not_count(
    tmp_path: Path, memory: MemoryUpstream, world: World
) -> None:
    """A lost database is recovered from the pool."""
    world.publish("large", "1.0", size_padding=500 * KIB)
    bench = Bench(tmp_path, memory, {"large": ["latest"]})
    assert bench.sync().exit_code == 0
    (tmp_path / "catalog.sqlite").unlink()
    bench.limits = Limits(bytes=100 * KIB)
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"large": {"1.0"}}


def test_bytes_count_as_they_come_where_no_size_is_stated(
    tmp_path: Path, memory: MemoryUpstream, world: World
) -> None:
    world.faults.simple_json = world.faults.xmlrpc = world.faults.json_api = False
    names = [f"p{number}" for number in range(8)]
    for name in names:
        world.publish(name, "1.0", size_padding=50 * KIB)
    memory.follow("polling", [])
    bench = Bench(tmp_path, memory, {}, limits=Limits(bytes=99 * KIB))
    bench.packages = {name: ["latest"] for name in names}
    report = bench.sync()
    assert report.failed.keys() == {"limits"}
    assert report.failed["limits"].startswith("6 files of unknown size are left for the next cycle")
    assert len(bench.listed()) == 2
    assert bench.sync().failed.keys() == {"limits"}
    assert len(bench.listed()) == 4
    rollback.no_limits().give(bench.folder)
    assert bench.sync().exit_code == 0
    assert len(bench.listed()) == 8


@pytest.mark.parametrize("during", ["publish", "prune"])
def test_limits_lifted_during_a_cycle_are_lifted_for_the_next_one(
    tmp_path: Path,
    memory: MemoryUpstream,
    world: World,
    during: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tree_of_projects(world, 3)
    bench = Bench(tmp_path, memory, {"root": ["latest"]}, limits=Limits(projects=2))
    step = getattr(sync, during)

    def ordered(*arguments: object) -> object:
        rollback.no_limits().give(bench.folder)
        return step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(sync, during, ordered)
        assert bench.sync().failed.keys() == {"limits"}
    assert bench.sync().exit_code == 0
    for name in ("x", "y", "z"):
        world.publish(name, "1.0")
    bench.packages = {name: ["latest"] for name in ("root", "x", "y", "z")}
    assert bench.sync().failed.keys() == {"limits"}
