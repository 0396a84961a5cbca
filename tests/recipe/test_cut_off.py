"""However a run ends: what it brought and nobody wants any more is gone after the next one."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from pypisync.core.filters.policy import Block, Policy
from pypisync.errors import StorageError
from pypisync.storage import disk
from tests.recipe.closed import unmet
from tests.recipe.conftest import Wired
from tests.recipe.mirrors import Bench, read_tree
from tests.recipe.test_crash import Crash, Points, counted, moved
from tests.recipe.test_outage import failing
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

# In which ways a run ends, one after the other. Each change meets every third point.
ENDS = (Crash(), KeyboardInterrupt(), RuntimeError(), OSError(errno.ENOSPC, os.strerror(28)))
Change = Callable[[Bench, World], None]


def removed(_: Bench, world: World) -> None:
    world.remove_project("new")
    world.remove_release("app", "2.0")


def blocked(bench: Bench, _: World) -> None:
    bench.bars = Policy(block=(Block("stolen", "app", "==2.0"), Block("stolen", "new")))


def unwanted(bench: Bench, _: World) -> None:
    bench.packages = {"old": ["latest"]}


def first() -> World:
    world = World()
    world.publish("old", "1.0")
    world.publish("app", "1.0", requires=["old"])
    return world


def then(world: World) -> World:
    world.publish("new", "1.0", metadata=False, hashes=())
    world.publish("app", "2.0", requires=["new"], sdist=True, build_requires=[])
    return world


def start(folder: Path, world: World) -> Bench:
    """A mirror of it, and what its next cycle is to bring."""
    bench = Bench(folder, MemoryUpstream(world), {"app": ["latest"], "old": ["latest"]})
    bench.sync()
    then(world)
    return bench


def on_disk(bench: Bench) -> set[str]:
    places = bench.folder.glob("packages/**/*")
    return {str(place.relative_to(bench.folder)) for place in places if place.is_file()}


def known(bench: Bench) -> set[str]:
    return {path for (path,) in bench.query("SELECT path FROM stored WHERE sha256 <> ''")}


@pytest.mark.long
@pytest.mark.parametrize(("shift", "change"), [(0, removed), (1, blocked), (2, unwanted)])
def test_nothing_stays_that_is_not_wanted_any_more(
    shift: int, change: Change, memory_path: Path
) -> None:
    calm = start(memory_path / "start", first())
    points = Points()
    with counted(again := moved(calm, memory_path / "calm", memory_path), points):
        again.sync()
    left = 0
    for number in range(1 + shift, points.seen + 1, 3):
        world = then(first())
        crashed = moved(calm, memory_path / "crashed", memory_path)
        bench = replace(crashed, upstream=MemoryUpstream(world))
        with counted(bench, Points(number, ENDS[number % 4])), suppress(BaseException):
            bench.sync()
        left += bool(on_disk(bench) - known(bench))
        change(bench, world)
        bench.sync()
        assert on_disk(bench) == known(bench), f"point {number}"
        assert not [path for path in on_disk(bench) if "new-" in path or "app-2" in path]
        assert bench.query("SELECT path FROM asked") == []
        read_tree(bench.folder)
        assert unmet(bench.folder) == set()
    assert left  # there were points at which something stayed behind


@pytest.mark.parametrize("number", [2, 4])
def test_what_arrived_is_recorded_though_the_disk_is_full(
    number: int, tmp_path: Path, world: World, wired: Wired
) -> None:
    bench = Bench(tmp_path, wired(workers=1), {name: ["latest"] for name in "abcdefgh"})
    for name in "abcdefgh":
        world.publish(name, "1.0", metadata=False, wheels=(), sdist=True, build_requires=[])
    with failing("write", number, errno.ENOSPC), pytest.raises(StorageError, match="free space"):
        bench.sync()
    assert on_disk(bench)
    assert on_disk(bench) == known(bench)


def interrupted(bench: Bench) -> set[str]:
    """The files of a run that ended before it recorded them."""
    steps: list[str] = []

    def stop(step: str, path: Path) -> None:
        steps.append(step)
        if step == "sync" and steps.count("rename") >= 2:
            raise Crash

    before, disk.before = disk.before, stop
    try:
        with pytest.raises(Crash):
            bench.sync()
    finally:
        disk.before = before
    there = on_disk(bench) - known(bench)
    assert there
    return there


def test_what_is_still_wanted_is_only_looked_at(tmp_path: Path) -> None:
    world = first()
    bench = start(tmp_path, world)
    there = interrupted(bench)
    bench.upstream = memory = MemoryUpstream(world)
    bench.sync()
    fetched = {path.rpartition("/")[2] for path in memory.log.paths()}
    assert not fetched & {path.rpartition("/")[2] for path in there}
    assert on_disk(bench) == known(bench)


def test_a_bad_sector_in_what_is_still_wanted_is_told_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = start(tmp_path, first())
    there = interrupted(bench)

    def bad(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("pypisync.cycle.incoming.file_digest", bad)
    with pytest.raises(StorageError, match="Input/output error: check the disk") as caught:
        bench.sync()
    assert any(path in str(caught.value) for path in there)
