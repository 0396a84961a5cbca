"""What the operator changes between two syncs, and what the keys of the configuration mean."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pypisync.core.filters.file_rules import FilePolicy
from pypisync.core.filters.policy import Policy
from tests.recipe.mirrors import LINUX, Bench, tree_bytes
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

EVERY = {"app": ["latest"]}


def platforms(world: World) -> None:
    """An application whose needs differ by environment."""
    world.publish(
        "app",
        "1.0",
        requires=[
            "everywhere",
            'windows; sys_platform == "win32"',
            'old; python_version < "3.10"',
        ],
        extras={"fast": ["speed"]},
    )
    for name in ("everywhere", "windows", "old", "speed"):
        world.publish(name, "1.0")


ENVIRONMENTS: dict[str, tuple[Mapping[str, Sequence[str] | None], set[str]]] = {
    "linux": (LINUX, {"app", "everywhere", "speed"}),
    "no extras": (LINUX | {"extra": []}, {"app", "everywhere"}),
    "windows": (
        {**LINUX, "sys_platform": ["win32"], "platform_machine": ["AMD64"]},
        {"app", "everywhere", "speed", "windows"},
    ),
    "old": ({**LINUX, "python_version": ["3.9"]}, {"app", "everywhere", "speed", "old"}),
    "any": ({}, {"app", "everywhere", "windows", "old", "speed"}),
}


def test_another_environment_is_decided_from_what_is_known(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    """No document is fetched twice, and each state is that of a mirror made for it."""
    platforms(world)
    bench = Bench(tmp_path / "changed", memory, EVERY)
    for name in (*ENVIRONMENTS, *reversed(ENVIRONMENTS)):
        bench.environment, wanted = ENVIRONMENTS[name]
        assert bench.sync().exit_code == 0
        assert bench.listed().keys() == wanted, name
        fresh = Bench(tmp_path / name, MemoryUpstream(world), EVERY, environment=bench.environment)
        fresh.sync()
        assert tree_bytes(bench.folder, "simple") == tree_bytes(fresh.folder, "simple")
    asked = memory.log.paths("simple")
    assert sorted(asked) == sorted(set(asked))
    assert len(asked) == 5


def test_the_same_environment_costs_one_request(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    platforms(world)
    bench = Bench(tmp_path, memory, EVERY)
    bench.sync()
    before, pages = memory.requests(), stamps(tmp_path)
    report = bench.sync()
    assert memory.requests() - before == memory.requests("xmlrpc") - 1 <= 2
    assert (report.projects_read, report.releases_read) == (0, 0)
    assert (report.pages, report.generation) == (0, 0)
    assert stamps(tmp_path) == pages


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.glob("simple/**/*")
        if path.is_file()
    }


def test_a_new_root_asks_only_for_its_closure(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    platforms(world)
    world.publish("other", "1.0", requires=["everywhere", "deep"])
    world.publish("deep", "1.0")
    bench = Bench(tmp_path, memory, EVERY)
    bench.sync()
    memory.log.clear()
    bench.packages = {**EVERY, "other": ["latest"]}
    assert bench.sync().exit_code == 0
    assert sorted(memory.log.paths("simple")) == ["/simple/deep/", "/simple/other/"]
    assert memory.requests("file") == 2
    assert bench.listed().keys() == {"app", "everywhere", "speed", "other", "deep"}


def test_a_root_that_goes_is_pruned_after_the_grace(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    platforms(world)
    world.publish("other", "1.0", requires=["everywhere", "deep"])
    world.publish("deep", "1.0")
    bench = Bench(tmp_path, memory, {**EVERY, "other": ["latest"]}, grace=3 * 3600)
    bench.sync()
    bench.packages = EVERY
    memory.log.clear()
    bench.sync()  # an hour passes with each
    assert bench.listed().keys() == {"app", "everywhere", "speed"}
    assert memory.requests("simple") == memory.requests("file") == 0
    assert not (tmp_path / "simple" / "other").exists()
    assert "other-1.0-py3-none-any.whl" in stored(tmp_path)
    bench.sync()
    assert "deep-1.0-py3-none-any.whl" in stored(tmp_path)
    pruned = sum(bench.sync().pruned for _ in range(3))
    assert pruned == 2
    assert stored(tmp_path) == {f"{name}-1.0-py3-none-any.whl" for name in bench.listed()}
    bench.packages = {**EVERY, "other": ["latest"]}
    assert bench.sync().exit_code == 0
    assert memory.requests("simple") == 0
    assert {"other", "deep"} <= bench.listed().keys()


def stored(folder: Path) -> set[str]:
    """The names of the distribution files on the disk."""
    files = (path.name for path in folder.glob("packages/**/*") if path.is_file())
    return {name for name in files if not name.endswith(".metadata")}


# -- patterns -----------------------------------------------------------------------------------


def test_patterns_follow_the_names_that_match(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    for name in ("flask-a", "Flask_B", "flask", "unflask-c", "flask-taken"):
        world.publish(name, "1.0")
        world.publish(name, "2.0")
    bench = Bench(tmp_path, memory, {"flask-taken": ["1.0"]}, {"flask-.*": ["latest"]})
    bench.sync()
    wanted = {"flask-a": {"2.0"}, "flask-b": {"2.0"}, "flask-taken": {"1.0"}}
    assert bench.listed() == wanted
    world.publish("flask-new", "1.0", requires=["helper"])
    world.publish("helper", "1.0")
    world.publish("unrelated", "1.0")
    before = memory.requests("xmlrpc")
    bench.sync()
    assert "list_packages_with_serial" not in [e.call for e in memory.log.entries[before:]]
    wanted |= {"flask-new": {"1.0"}, "helper": {"1.0"}}
    assert bench.listed() == wanted
    world.remove_project("flask-a")
    bench.sync()
    del wanted["flask-a"]
    assert bench.listed() == wanted
    bench.sync()
    world.publish("flask-a", "3.0")
    bench.sync()
    wanted["flask-a"] = {"3.0"}
    assert bench.listed() == wanted
    bench.patterns = {"flask-.*": ["latest"], "un.*": ["1.0"]}
    bench.sync()
    wanted |= {"unflask-c": {"1.0"}, "unrelated": {"1.0"}}
    assert bench.listed() == wanted
    bench.packages = {"flask-taken": ["1.0"], "flask-b": []}
    bench.sync()
    del wanted["flask-b"]
    assert bench.listed() == wanted
    bench.patterns = {}
    bench.sync()
    assert bench.listed() == {"flask-taken": {"1.0"}}
    bench.patterns = {"flask-.*": ["latest"]}
    world.publish("flask-last", "1.0")
    bench.sync()
    assert bench.listed().keys() == {"flask-taken", "flask-a", "flask-new", "helper", "flask-last"}


# -- files --------------------------------------------------------------------------------------

WHEELS = {
    "py3-none-any",
    "cp311-cp311-manylinux_2_17_x86_64",
    "cp311-cp311-win_amd64",
    "cp313-cp313-manylinux_2_17_x86_64",
}


def names_on(folder: Path, project: str) -> set[str]:
    """What a page lists, without name and version."""
    page = json.loads((folder / "simple" / project / "index.v1_json").read_bytes())
    return {file["filename"].removeprefix("lib-1.0") for file in page["files"]}


def as_files(tags: set[str]) -> set[str]:
    return {f"-{tag}.whl" for tag in tags}


POLICIES: dict[str, tuple[FilePolicy, set[str]]] = {
    "all": (FilePolicy(), as_files(WHEELS) | {".tar.gz"}),
    "targets": (
        FilePolicy(wheels="targets"),
        as_files({"py3-none-any", "cp311-cp311-manylinux_2_17_x86_64"}) | {".tar.gz"},
    ),
    "no sdists": (FilePolicy(sdists="never"), as_files(WHEELS)),
    "fallback": (FilePolicy(sdists="fallback"), as_files(WHEELS)),
    "needed": (
        FilePolicy(("-py3-none-any", "manylinux_2_17"), wheels="targets", sdists="fallback"),
        {".tar.gz"},
    ),
    "excluded": (
        FilePolicy(("win_amd64", ".tar.gz")),
        as_files(WHEELS - {"cp311-cp311-win_amd64"}),
    ),
}


def test_which_files_are_kept(tmp_path: Path, world: World, memory: MemoryUpstream) -> None:
    world.publish("lib", "1.0", wheels=sorted(WHEELS), sdist=True, build_requires=["builder"])
    world.publish("builder", "1.0", wheels=["py2.py3-none-any"])
    bench = Bench(tmp_path, memory, {"lib": ["latest"]})
    for name in (*POLICIES, *reversed(POLICIES)):
        bench.policy, wanted = POLICIES[name]
        assert bench.sync().exit_code == 0
        assert names_on(tmp_path, "lib") == wanted, name
        assert ("builder" in bench.listed()) == (name == "needed"), name
        assert stored(tmp_path) >= {f"lib-1.0{rest}" for rest in wanted}
    assert memory.log.paths("simple").count("/simple/lib/") == 1


def test_nothing_is_left_of_a_release_without_kept_files(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    """The newest that can be used counts; what needs the other is told."""
    world.publish("lib", "1.0")
    world.publish("lib", "2.0", wheels=(), sdist=True)
    world.publish("app", "1.0", requires=["lib>=2"])
    bench = Bench(tmp_path, memory, {"lib": ["latest"], "app": ["latest"]})
    bench.policy = FilePolicy(sdists="never")
    bench.sync()
    assert bench.listed() == {"lib": {"1.0"}, "app": {"1.0"}}
    assert bench.unmet() == {("app", "1.0", "lib>=2")}


def test_a_flat_folder_follows_the_pages(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    bench = Bench(tmp_path, memory, {"app": ["latest"]}, flat=True)
    world.publish("app", "1.0", requires=["lib"])
    world.publish("lib", "1.0")
    bench.sync()
    assert flat(tmp_path) == {"app-1.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl"}
    world.publish("app", "2.0")
    bench.sync()
    assert flat(tmp_path) == {"app-2.0-py3-none-any.whl"}


def flat(folder: Path) -> set[str]:
    for path in (folder / "flat").iterdir():
        assert path.read_bytes()
    return {path.name for path in (folder / "flat").iterdir()}


def test_what_is_left_out_stays_shown_under_other_rules(tmp_path: Path, world: World) -> None:
    world.publish("a", "1.0")
    world.add_file("a", "1.0", "a-1.0.exe")
    bench = Bench(tmp_path, MemoryUpstream(world), {"a": ["latest"]})
    bench.sync()
    before = bench.query("SELECT * FROM v_skipped")
    assert len(before) == 1
    bench.bars = Policy(min_age=1)
    bench.sync()
    assert bench.query("SELECT * FROM v_skipped") == before


def test_a_pattern_may_be_spelt_like_an_origin(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    """ "held" and "proof" match projects of these names, and are no roots of PypiSync's own."""
    for name in ("held", "proof", "pattern", "other"):
        world.publish(name, "1.0")
    patterns = {name: ["latest"] for name in ("held", "proof", "pattern", "group:x")}
    bench = Bench(tmp_path, memory, {}, patterns=patterns)
    for version in ("1.1", "1.2"):
        assert bench.sync().exit_code == 0
        assert bench.listed() == {name: {"1.0"} for name in ("held", "proof", "pattern")}
        world.publish("other", version)
    bench.patterns = {"held": ["latest"], "other": ["latest"]}
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"held": {"1.0"}, "other": {"1.2"}}
