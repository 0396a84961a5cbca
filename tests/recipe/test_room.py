"""A disk that lacks the room for some files: they are held, and all others go on."""

from contextlib import suppress
from pathlib import Path

import pytest

from pypisync.storage import disk
from tests.recipe.conftest import Wired
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

KB = 1000


def sized(folder: Path, total: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk have room for so many bytes of files, those that are coming included."""

    def free(_: Path) -> int:
        used = 0
        # What is moved meanwhile is seen twice: as it comes, and where it lies.
        for pattern in (".partial/*", "packages/**/*"):
            for path in folder.glob(pattern):
                with suppress(FileNotFoundError):
                    used += path.stat().st_size if path.is_file() else 0
        return total - used

    monkeypatch.setattr(disk, "free", free)


def publish(world: World, version: str, sizes: dict[str, int]) -> None:
    for name, size in sizes.items():
        world.publish(name, version, size_padding=size)


def test_one_file_that_does_not_fit_holds_its_release_alone(
    tmp_path: Path, world: World, memory: MemoryUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, memory, {"big": ["latest"], "user": ["latest"], "small": ["latest"]})
    publish(world, "1.0", {"big": 1, "small": 1})
    world.publish("user", "1.0", requires=["big"])
    bench.sync()
    sized(tmp_path, 500 * KB, monkeypatch)
    publish(world, "2.0", {"big": 900 * KB, "small": 1})
    world.publish("user", "2.0", requires=["big>=2"])
    for _ in range(2):
        report = bench.sync()
        assert report.exit_code == 1
        assert report.held.keys() == {"big==2.0", "user==2.0"}
        assert (
            "big-2.0-py3-none-any.whl does not fit the disk: it takes 879"
            in report.held["big==2.0"]
        )
        assert " KiB, and 4" in report.held["big==2.0"]
        assert report.failed["big-2.0-py3-none-any.whl"].startswith("does not fit the disk: ")
        assert bench.listed() == {"big": {"1.0"}, "user": {"1.0"}, "small": {"2.0"}}
    sized(tmp_path, 5000 * KB, monkeypatch)
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"big": {"2.0"}, "user": {"2.0"}, "small": {"2.0"}}


def test_of_many_files_that_do_not_fit_together_the_small_ones_come(
    tmp_path: Path, world: World, wired: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    # For a moment a file counts twice, as one that lies there and as one that is to come.
    sizes = {"a": 1050 * KB, "b": 300 * KB, "c": 200 * KB, "d": 100 * KB, "e": 1}
    bench = Bench(tmp_path, wired(), {name: ["latest"] for name in sizes})
    publish(world, "1.0", sizes)
    sized(tmp_path, 1250 * KB, monkeypatch)
    report = bench.sync()
    assert report.exit_code == 1
    assert report.held.keys() == {"a==1.0"}
    assert bench.listed() == {name: {"1.0"} for name in ("b", "c", "d", "e")}


def test_a_release_whose_metadata_does_not_fit_says_so_where_it_is_held(
    tmp_path: Path, world: World, memory: MemoryUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, memory, {"a": ["latest"]})
    publish(world, "1.0", {"a": 1})
    bench.sync()
    publish(world, "2.0", {"a": 1})
    sized(tmp_path, 0, monkeypatch)
    said = bench.sync().held["a==2.0"]
    what = "its requirements could not be read yet; a-2.0-py3-none-any.whl.metadata"
    assert said.startswith(f"{what} does not fit the disk: its size is not known, and 0 B is free ")


def test_what_leaves_makes_room(
    tmp_path: Path, world: World, memory: MemoryUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, memory, {"old": ["latest"], "new": ["latest"]})
    publish(world, "1.0", {"old": 300 * KB})
    sized(tmp_path, 400 * KB, monkeypatch)
    bench.sync()
    publish(world, "1.0", {"new": 300 * KB})
    assert bench.sync().held.keys() == {"new==1.0"}
    bench.packages = {"new": ["latest"]}
    bench.sync()
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"new": {"1.0"}}
