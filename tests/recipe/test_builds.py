"""What sdists need to be built is proven: each in an environment of its own, with its pins."""

from pathlib import Path

import pytest

from tests.recipe.mirrors import LINUX, Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World


@pytest.fixture
def bench(tmp_path: Path, world: World) -> Bench:
    """A mirror of ``app``. Its builds want ``a`` and ``b``, whose newest do not go together."""
    for version in ("1.0", "2.0"):
        world.publish("c", version)
    world.publish("a", "1.0", requires=["c"])
    world.publish("a", "2.0", requires=["c>=2"])
    world.publish("b", "1.0", requires=["c<2"])
    return Bench(
        tmp_path / "mirror", MemoryUpstream(world), {"app": ["latest"]},
        environment={**LINUX, "python_version": ["3.11"], "extra": []},
    )  # fmt: skip


def sdist(world: World, name: str, *build: str, version: str = "1.0") -> None:
    world.publish(name, version, wheels=(), sdist=True, build_requires=list(build))


def verdict(bench: Bench) -> tuple[str, str]:
    bench.sync()
    [found] = bench.query("SELECT verdict, coalesce(why, '') FROM v_proofs")
    return found[0], found[1]


def test_what_goes_together_is_there(bench: Bench, world: World) -> None:
    """The newest of each alone do not: pip and uv take an older ``a``."""
    sdist(world, "app", "a", "b")
    assert verdict(bench) == ("proven", "")
    assert bench.listed()["a"] == {"1.0", "2.0"}
    assert {project for project, _ in bench.query("SELECT project, version FROM v_pins")} == {"app"}


def test_a_release_that_is_built_for_a_build_is_built_as_well(bench: Bench, world: World) -> None:
    sdist(world, "app", "backend")
    sdist(world, "backend", "a", "b")
    assert verdict(bench) == ("proven", "")
    assert bench.listed()["a"] == {"1.0", "2.0"}


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (["a>=2", "b"], "what app 1.0 needs to be built cannot be installed:"),
        (["missing"], "there is no release of missing"),
        (["b @ https://example.org/b.whl"], 'app 1.0 cannot be built: "b @'),
        (["missing; os_name ~= '1.0'"], "compares what cannot be compared"),
        (["missing; python_version === '3.12'"], "uv cannot read the marker"),
        (["missing; '3' in python_version", "c; python_version ~= '3'"], "compares what cannot"),
        (["missing; python_version not in '13.11'"], "there is no release of missing"),
        (["backend"], "app 1.0 cannot be built without having been built"),
    ],
)
def test_what_cannot_be_built_is_blocked(
    bench: Bench, world: World, build: list[str], reason: str
) -> None:
    sdist(world, "app", *build)
    sdist(world, "backend", "app")
    found, why = verdict(bench)
    assert found == "blocked"
    assert reason in why


def test_a_build_is_proven_as_pip_and_as_uv_read_what_it_needs(bench: Bench, world: World) -> None:
    """To uv this is Python 3.11, and to pip no Python at all."""
    sdist(world, "app", "a<2; python_version == '3.11rc1'", "b; platform_version > '1'")
    assert verdict(bench) == ("proven", "")
    assert bench.listed()["a"] == {"1.0"}


def test_it_is_proven_when_the_build_can_be_made(bench: Bench, world: World) -> None:
    sdist(world, "app", "a>=2", "b")
    assert verdict(bench)[0] == "blocked"
    world.publish("b", "1.1", requires=["c"])
    assert verdict(bench) == ("proven", "")


def test_where_a_wheel_fits_nothing_is_built(bench: Bench, world: World) -> None:
    sdist(world, "app", "missing")
    world.publish("app", "1.0")
    assert verdict(bench) == ("proven", "")


def test_what_one_installer_alone_builds_is_proven_too(bench: Bench, world: World) -> None:
    """To uv ``Any`` is no platform."""
    world.publish("app", "1.0", wheels=["py3-none-Any"])
    sdist(world, "app", "missing")
    assert verdict(bench)[0] == "blocked"
    world.publish("missing", "1.0")
    assert verdict(bench) == ("proven", "")
    assert bench.listed()["missing"] == {"1.0"}


def test_a_fault_counts_where_its_marker_holds(bench: Bench, world: World) -> None:
    sdist(world, "app", "b @ https://example.org/b.whl ; python_version < '3'")
    assert verdict(bench) == ("proven", "")


def test_constraints_and_what_is_installed_do_not_count(bench: Bench, world: World) -> None:
    """Each build has an environment of its own."""
    world.publish("app", "1.0", wheels=(), sdist=True, build_requires=["c<2"], requires=["c>=2"])
    assert verdict(bench) == ("proven", "")
    assert bench.listed()["c"] == {"1.0", "2.0"}
