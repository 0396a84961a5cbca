"""A crash at any point, then a run, ends as if there had been no crash.

Every change to the disk and every commit is a point. What the disk holds there is what a crash at
that point leaves. Its tree must not list a file that is missing or wrong, and a cycle that begins
with it must end in the same catalog and the same tree as one that was never disturbed.
"""

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from sqlalchemy import event

from pypisync.core.standards.requirements import parse
from pypisync.core.wanted.groups import Group, Locked
from pypisync.core.wanted.roots import NamedFile
from pypisync.storage import disk
from tests.recipe.closed import unmet
from tests.recipe.mirrors import Bench, read_tree
from tests.recipe.test_equality import decided
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

pytestmark = pytest.mark.long


Picture: TypeAlias = Mapping[str, tuple[int, bytes | str]]
"""By path: the mode, and the bytes; of a link where it leads, of a further name the first one."""


class Crash(BaseException):
    """The process ends here."""


class Points:
    """Counts the points of a cycle, and crashes at one of them (0: at none)."""

    def __init__(self, crash_at: int = 0, error: BaseException | None = None) -> None:
        self.seen = 0
        self._crash_at = crash_at
        self._error = error or Crash()

    def reach(self, *_: object) -> None:
        self.seen += 1
        if self.seen == self._crash_at:
            raise self._error


class Photographs(Points):
    """Takes a picture of a folder at each point; of points with nothing new between them, one.

    With ``finished``, of points between which no more is new than what is being written in the
    place of a page or link, the last: the next run makes it anew without a look at it.
    """

    def __init__(self, folder: Path, *, finished: bool = False) -> None:
        super().__init__()
        self._folder = folder
        self._finished = finished
        self._writing = False
        self._last: Picture = {}
        self.taken: list[tuple[int, Picture]] = []  # point, picture

    def reach(self, *_: object) -> None:
        super().reach()
        picture = pictured(self._folder, self._last)
        if picture == self._last:
            return
        writing = all(map(is_being_written, changed(self._last, picture)))
        if self._finished and writing and self._writing:
            self.taken.pop()
        self.taken.append((self.seen, picture))
        self._last, self._writing = picture, writing


@contextmanager
def counted(bench: Bench, points: Points) -> Iterator[None]:
    """Let the points be reached by what the mirror does."""
    bench.folder.mkdir(parents=True, exist_ok=True)
    engine = bench.catalog().engine
    event.listen(engine, "commit", points.reach)
    before = disk.before
    disk.before = points.reach
    try:
        yield
    finally:
        disk.before = before
        event.remove(engine, "commit", points.reach)


def changed(one: Picture, other: Picture) -> set[str]:
    """The paths in which two pictures differ."""
    return {path for path in one.keys() | other.keys() if one.get(path) != other.get(path)}


def is_being_written(path: str) -> bool:
    """Whether it is the unfinished page, list or link of a path, or in it."""
    top, _, rest = path.partition("/")
    name = rest.partition("/")[0]
    return top == disk.PARTIAL and name.endswith((".new", ".write", ".link"))


def first(world: World) -> None:
    world.publish("app", "1.0", requires=["lib<2"])
    world.publish("lib", "1.0")


def again(world: World) -> None:
    world.publish("app", "2.0", requires=["new"])
    world.publish("new", "1.0", wheels=(), sdist=True, build_requires=[])
    world.remove_release("app", "1.0")


def test_a_crash_at_every_point_of_the_first_cycle(memory_path: Path) -> None:
    world = World()
    first(world)
    packages = {"app": ["latest"]}
    start = Bench(memory_path / "start", MemoryUpstream(world), packages, flat=True)
    crash_everywhere(memory_path, start, finished=False)


def test_a_crash_at_every_point_of_a_later_cycle(memory_path: Path) -> None:
    world = World()
    first(world)
    start = Bench(memory_path / "start", MemoryUpstream(world), {"app": ["latest"]})
    start.sync()
    again(world)
    crash_everywhere(memory_path, start, finished=False)


def test_a_crash_at_every_point_where_upstream_states_no_hashes(
    memory_path: Path,
) -> None:
    world = World()
    world.publish("app", "1.0", requires=["lib<2"], hashes=())
    world.publish("lib", "1.0", hashes=["md5"], metadata=False)
    start = Bench(memory_path / "start", MemoryUpstream(world), {"app": ["latest"]})
    start.sync()
    world.publish("app", "2.0", requires=["lib"], hashes=["sha512", "md5"])
    world.publish("lib", "2.0", hashes=(), sdist=True, metadata=False)
    crash_everywhere(memory_path, start)


def test_a_crash_at_every_point_while_a_proof_is_repaired(memory_path: Path) -> None:
    """The new proof reads releases that nobody wanted, and lets go of what the old one kept."""
    world = World()
    world.publish("app", "1.0", requires=["b", "c"])
    world.publish("b", "0.5")
    world.publish("b", "1.0", requires=["c!=2"])
    world.publish("c", "1.0")
    world.publish("c", "1.5", requires=["b<1"])
    world.publish("c", "2.0", requires=["b<1"])
    start = Bench(memory_path / "start", MemoryUpstream(world), {"app": ["latest"]})
    start.sync()
    assert start.listed()["c"] == {"1.0", "1.5", "2.0"}
    world.publish("b", "2.0", requires=["c!=3"])
    world.publish("c", "2.5", requires=["b>=1"])
    world.publish("c", "3.0", requires=["b<1"])
    world.publish("app", "2.0", requires=["b", "c"])
    crash_everywhere(memory_path, start)


def test_a_crash_at_every_point_while_wheels_are_read_that_differ(memory_path: Path) -> None:
    """One of a release that was listed, and of one that only a proof asks for, then its pin."""
    world = World()
    compiled = ["cp311-cp311-manylinux_2_17_x86_64"]
    for name, version in (("base", "1.0"), ("base", "2.0"), ("other", "1.0")):
        world.publish(name, version)
    world.publish("app", "1.0", requires=["lib", "base==2.0"])
    world.publish("lib", "1.0", requires=["base==1.0"], metadata=False)
    start = Bench(memory_path / "start", MemoryUpstream(world), {"app": ["latest"]})
    start.sync()
    wheel: dict[str, Any] = {"wheels": compiled, "metadata": False}
    world.publish("app", "1.0", requires=["lib", "other", "base==2.0"], **wheel)
    world.publish("lib", "1.0", **wheel, size_padding=3_000)
    world.publish("lib", "2.0", requires=["base==1.0"], metadata=False)
    crash_everywhere(memory_path, start)


@pytest.mark.parametrize("plain", [True, False])
def test_a_crash_at_every_point_while_what_upstream_removed_goes(
    memory_path: Path, *, plain: bool
) -> None:
    """What the first wheel, or the second, requires of its own is known by the wheels alone."""
    world = World()
    for name in ("lib", "more"):
        world.publish(name, "1.0")
    compiled = ["cp311-cp311-manylinux_2_17_x86_64"]
    # Both may hold without the extra.
    lib, more = 'lib ; extra != "fast"', 'more ; os_name == "posix" or extra == "fast"'
    world.publish("app", "1.0", requires=[lib], metadata=plain)
    world.publish("app", "1.0", wheels=compiled, requires=[more], metadata=not plain)
    start = Bench(memory_path / "start", MemoryUpstream(world), {"app": ["latest"]})
    start.sync()
    for name in ("app", "lib", "more"):
        world.remove_release(name, "1.0")
    crash_everywhere(memory_path, start)


def test_a_crash_at_every_point_while_other_groups_take_effect(
    memory_path: Path,
) -> None:
    world = World()
    for version in ("1.0", "2.0"):
        world.publish("app", version, requires=["lib"], sdist=True)
        world.publish("lib", version)
    start = Bench(memory_path / "start", MemoryUpstream(world), {})
    start.groups = groups("lib<2", pin("app-1.0.tar.gz"))
    start.sync()
    pins = pin("app-1.0-py3-none-any.whl"), pin("app-2.0.tar.gz")
    start.groups = groups("lib<3 ; os_name == 'posix'", *pins)
    crash_everywhere(memory_path, start)


def groups(requirement: str, *pins: Locked) -> tuple[Group, Group]:
    """A requirements file and a lock file."""
    asked = Group("team.txt", resolve=True, requirements=(parse(requirement),))
    return asked, Group("uv.lock", resolve=False, locked=pins)


def pin(filename: str) -> Locked:
    """The release of a file, and of its files this one."""
    name, version = filename.removesuffix(".tar.gz").split("-")[:2]
    return Locked(name, version, (NamedFile(filename),))


def crash_everywhere(memory_path: Path, start: Bench, *, finished: bool = True) -> None:
    """Run the mirror's next cycle; then one from what the disk held at each of its points."""
    calm = moved(start, memory_path / "calm", memory_path)
    points = Photographs(calm.folder, finished=finished)
    with counted(calm, points):
        calm.sync()
    wanted = decided(calm)
    assert points.seen > 40
    assert len(points.taken) > 25
    for number, picture in points.taken:
        bench = replace(calm, folder=memory_path / "crashed")
        restore(picture, bench.folder)
        read_tree(bench.folder)
        assert unmet(bench.folder) == set(), f"point {number}"
        bench.sync()
        assert decided(bench) == wanted, f"point {number}"
        bench.listed()


def pictured(folder: Path, last: Picture) -> Picture:
    """A folder with its links and modes, but without times; what is as before is kept once.

    Without what SQLite shares between processes: the first that opens the database makes it anew.
    """
    found: dict[str, tuple[int, bytes | str]] = {}
    names: dict[int, str] = {}  # the first one, by inode
    waiting = [""]
    while waiting:
        top = waiting.pop()
        with os.scandir(folder / top) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
        for entry in inside:
            if entry.name.endswith("-shm"):
                continue
            seen, path = entry.stat(follow_symlinks=False), top + entry.name
            content: bytes | str = b""
            if stat.S_ISDIR(seen.st_mode):
                waiting.append(f"{path}/")
            elif stat.S_ISLNK(seen.st_mode):
                content = os.readlink(entry)  # noqa: PTH115 - thousands in a test
            elif (content := names.setdefault(seen.st_ino, path)) == path:
                with open(entry, "rb", buffering=0) as file:  # noqa: PTH123
                    content = file.read()
            before = last.get(path)
            found[path] = before if before == (seen.st_mode, content) else (seen.st_mode, content)
    return found


def restore(picture: Picture, folder: Path) -> None:
    """Make such a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path, (mode, content) in picture.items():
        place = folder / path
        if stat.S_ISLNK(mode):
            os.symlink(content, place)  # noqa: PTH211
        elif stat.S_ISDIR(mode):
            place.mkdir(mode=stat.S_IMODE(mode))
        elif isinstance(content, str):
            place.hardlink_to(folder / content)
        else:
            place.write_bytes(content)
            place.chmod(stat.S_IMODE(mode))


def moved(start: Bench, folder: Path, top: Path) -> Bench:
    """A copy of the mirror."""
    shutil.rmtree(folder, ignore_errors=True)
    if start.folder.exists():
        shutil.copytree(start.folder, folder)
    return replace(start, folder=folder)
