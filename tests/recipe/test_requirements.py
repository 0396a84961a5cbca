"""Which requirements are followed: extras, what builds an sdist, what a new wheel needs."""

from pathlib import Path

import pytest

from tests.recipe.closed import unmet
from tests.recipe.mirrors import LINUX, Bench
from tests.sim import dists
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

# -- extras -------------------------------------------------------------------------------------


def optional(world: World) -> None:
    world.publish(
        "lib",
        "1.0",
        extras={"x": ["for-x"], "y": ["for-y"], "all": ["lib[x]", "lib[y]"], "Odd_Name": ["odd"]},
    )
    world.publish("app", "1.0", requires=["lib[x]"], extras={"y": ["lib[y]"]})
    for name in ("for-x", "for-y", "odd"):
        world.publish(name, "1.0")


@pytest.mark.parametrize(
    ("root", "extra", "wanted"),
    [
        ("lib", None, {"lib", "for-x", "for-y", "odd"}),
        ("lib", [], {"lib"}),
        ("lib", ["x"], {"lib", "for-x"}),
        ("lib", ["odd-name"], {"lib", "odd"}),
        ("lib[x]", [], {"lib", "for-x"}),
        ("lib[all]", [], {"lib", "for-x", "for-y"}),
        ("lib[odd.name]", [], {"lib", "odd"}),
        ("lib[never]", [], {"lib"}),
        ("app", None, {"app", "lib", "for-x", "for-y", "odd"}),
        ("app", [], {"app", "lib", "for-x"}),
        ("app[y]", [], {"app", "lib", "for-x", "for-y"}),
        ("app", ["y"], {"app", "lib", "for-x", "for-y"}),
    ],
)
def test_extras(
    root: str,
    extra: list[str] | None,
    wanted: set[str],
    tmp_path: Path,
    world: World,
    memory: MemoryUpstream,
) -> None:
    optional(world)
    bench = Bench(tmp_path, memory, {root: ["latest"]}, environment=LINUX | {"extra": extra})
    assert bench.sync().exit_code == 0
    assert bench.listed().keys() == wanted
    assert unmet(tmp_path, every_extra=extra is None) == set()


def test_an_extra_of_itself_is_of_the_same_release(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    """lib[all] of 1.0 needs lib[x] of 1.0, though 2.0 is there and needs something else."""
    for version in ("1.0", "2.0"):
        world.publish("lib", version, extras={"x": [f"for-x=={version}"], "all": ["lib[x]>=0.5"]})
        world.publish("for-x", version)
    bench = Bench(tmp_path, memory, {"lib[all]": ["1.0"]}, environment=LINUX | {"extra": []})
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"lib": {"1.0"}, "for-x": {"1.0"}}


# -- what builds --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build_requires", "wanted"),
    [
        (None, {"setuptools"}),
        ([], set()),
        (["builder[fast]>=1", 'never; sys_platform == "win32"'], {"builder", "speed"}),
    ],
)
def test_what_builds_an_sdist_is_mirrored(
    build_requires: list[str] | None,
    wanted: set[str],
    tmp_path: Path,
    world: World,
    memory: MemoryUpstream,
) -> None:
    world.publish_setuptools_like()
    world.publish("builder", "1.0", extras={"fast": ["speed"]})
    world.publish("speed", "1.0")
    world.publish("old", "1.0", wheels=(), sdist=True, build_requires=build_requires)
    bench = Bench(tmp_path, memory, {"old": ["latest"]}, environment=LINUX | {"extra": []})
    assert bench.sync().exit_code == 0
    assert bench.listed().keys() == {"old"} | wanted
    kinds = bench.query("SELECT DISTINCT kind FROM v_dependencies WHERE project = 'old'")
    assert kinds == ([("build",)] if wanted else [])
    world.publish("old", "1.0", wheels=["py3-none-any"])  # now nothing has to be built
    assert bench.sync().exit_code == 0
    assert bench.listed().keys() == {"old"}


def test_a_new_wheel_of_a_release_may_need_something_else(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("app", "1.0", requires=["lib"])
    for name in ("lib", "more", "helper"):
        world.publish(name, "1.0", requires=["helper"] if name == "more" else [])
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    bench.sync()
    assert bench.listed().keys() == {"app", "lib"}
    tag = "cp311-cp311-manylinux_2_17_x86_64"
    world.publish("app", "1.0", requires=["more"], wheels=[tag])
    assert bench.sync().exit_code == 0
    assert bench.listed().keys() == {"app", "lib", "more", "helper"}
    assert unmet(tmp_path) == set()
    world.remove_file("app", "1.0", f"app-1.0-{tag}.whl")
    assert bench.sync().exit_code == 0
    assert bench.listed().keys() == {"app", "lib"}
    counted = bench.query(
        "SELECT uses, (SELECT count(*) FROM edges WHERE class_id = id) FROM classes"
    )
    assert all(uses == edges for uses, edges in counted)


@pytest.mark.usefixtures("all_large")
def test_a_new_wheel_whose_needs_cannot_be_read_waits(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("app", "1.0", requires=["lib"])
    world.publish("lib", "1.0")
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    bench.sync()
    world.publish("more", "1.0")
    world.publish("app", "1.0", requires=["more"], wheels=["cp311-cp311-manylinux_2_17_x86_64"])
    world.faults.fail("*/app-1.0-cp311-*.metadata", 503)
    report = bench.sync()
    assert set(report.held) == {"app==1.0"}
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}}
    assert unmet(tmp_path) == set()
    world.heal()
    assert bench.sync().exit_code == 0
    assert bench.listed().keys() == {"app", "lib", "more"}


def test_a_real_wheel_says_more_than_the_json_api(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    """The API states what the first file of a release says; each wheel speaks for itself."""
    world.publish("app", "1.0", requires=["lib"], claim=["wrong"])
    world.publish("lib", "1.0")
    world.publish("wrong", "1.0")
    dist = dists.dist("plain", "1.0", ["lib"])
    made = dists.build_wheel(dist)
    content = dists.built(made.content)  # no .metadata beside it
    world.add_file("plain", "1.0", dists.wheel_filename(dist, "py3-none-any"), content)
    bench = Bench(tmp_path, memory, {"app": ["latest"], "plain": ["latest"]})
    assert bench.sync().exit_code == 0
    assert bench.listed().keys() == {"app", "plain", "lib"}
    told = dict(bench.query("SELECT project, source FROM v_releases WHERE selected = 1"))
    assert (told["app"], told["plain"]) == ("metadata", "wheel")
