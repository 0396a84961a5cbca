"""Groups that are resolved: requirements and constraints become roots, markers limit them."""

from pathlib import Path

import pytest

from pypisync.core.wanted.groups import Group, Locked
from tests.recipe.grouped import asks, bench, lock, pin, rich
from tests.recipe.mirrors import Bench
from tests.recipe.test_equality import decided
from tests.sim.world import World


@pytest.mark.parametrize(
    ("group", "selected"),
    [
        (asks("app"), {("app", "3.0"), ("dep", "3.0")}),
        (asks("app<3"), {("app", "2.0"), ("dep", "2.0")}),
        (asks("app", constraints=("app<3", "other")), {("app", "2.0"), ("dep", "2.0")}),
        (asks("app<3", "app!=2.0"), {("app", "1.0"), ("dep", "1.0")}),
        (asks("app", constraints=("app<2 ; os_name == 'nt'",)), {("app", "3.0"), ("dep", "3.0")}),
        (asks("app==1.0"), {("app", "1.0"), ("dep", "1.0")}),
        (asks("other ; sys_platform == 'win32'"), set()),
        (asks("other ; sys_platform == 'linux'"), {("other", "1.0")}),
        (asks("other==1.0 ; python_version < '3.9'"), set()),
        (
            asks("app<2 ; sys_platform == 'win32'", "app>2 ; sys_platform == 'linux'"),
            {("app", "3.0"), ("dep", "3.0")},
        ),
        (asks("tool[fast]"), {("tool", "1.0"), ("dep", "3.0")}),
        (asks("tool"), {("tool", "1.0")}),
        (asks("other", "other>=1"), {("other", "1.0")}),
    ],
)
def test_requirements_become_roots(
    tmp_path: Path, group: Group, selected: set[tuple[str, str]]
) -> None:
    world = rich()
    world.publish("tool", "1.0", extras={"fast": ["dep"]})
    mirror = bench(tmp_path, world, group)
    mirror.environment = {**mirror.environment, "extra": []}
    report = mirror.sync()
    assert (report.failed, report.held) == ({}, {})
    assert mirror.selection() == selected


def test_a_yanked_release_counts_if_it_is_pinned(tmp_path: Path) -> None:
    world = rich()
    world.yank("other", "1.0")
    assert bench(tmp_path / "a", world, asks("other")).sync().failed == {
        'group:team.txt other "latest"': "no release matches it on any target"
    }
    pinned = bench(tmp_path / "b", world, asks("other==1.0"))
    assert pinned.sync().failed == {}
    assert pinned.selection() == {("other", "1.0")}


def test_a_marker_counts_for_each_target_by_itself(tmp_path: Path) -> None:
    world = World()
    world.publish("a", "1.0", requires_python="<3.13")
    world.publish("a", "2.0")
    mirror = bench(tmp_path, world, asks("a ; python_version >= '3.13'"))
    mirror.environment = {"python_version": ["3.11", "3.13"]}
    mirror.sync()
    assert mirror.selection() == {("a", "2.0")}
    mirror.environment = {"python_version": ["3.11"]}
    mirror.sync()
    assert mirror.selection() == set()


def test_a_changed_file_changes_the_roots(tmp_path: Path, database: str) -> None:
    mirror = bench(tmp_path, rich(), asks("app<3"), url=database)
    mirror.sync()
    mirror.groups = [asks("app<3", constraints=("app<2",))]
    mirror.sync()
    assert mirror.listed() == {"app": {"1.0"}, "dep": {"1.0"}}
    assert mirror.query("SELECT origin FROM v_roots") == [("group:team.txt",)]
    mirror.groups = []
    mirror.sync()
    assert mirror.listed() == {}


def test_what_cannot_be_met_is_a_failure(tmp_path: Path) -> None:
    report = bench(tmp_path, rich(), asks("app>3", "nowhere", "other")).sync()
    assert report.failed == {
        'group:team.txt app "latest>3"': "no release matches it on any target",
        'group:team.txt nowhere "latest"': "upstream has no such project",
    }
    assert report.exit_code == 1


def test_step_by_step_as_from_nothing(tmp_path: Path, database: str) -> None:
    world = rich()
    mirror = bench(tmp_path, world, url=database)
    steps: list[list[Group]] = [
        [lock(pin(world, "app", "1.0", ".tar.gz"))],
        [lock(pin(world, "app", "1.0", "win_amd64.whl")), asks("app<3")],
        [asks("app"), lock(pin(world, "app", "2.0"), pin(world, "dep", "1.0"))],
        [asks("app ; os_name == 'nt'"), lock(pin(world, "dep", "1.0"), Locked("app", "2.0"))],
        [asks("app ; os_name == 'posix'", "other", constraints=("app!=3.0",))],
        [],
    ]
    for number, groups in enumerate(steps):
        mirror.groups = groups
        mirror.sync()
        fresh = Bench(tmp_path / f"fresh{number}", mirror.upstream, {}, groups=groups)
        fresh.sync()
        assert decided(mirror) == decided(fresh), number
