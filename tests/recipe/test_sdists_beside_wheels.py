"""Releases whose sdist is built beside wheels: pip reads the sdist, uv the nearest wheel."""

import io
import tarfile
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from pypisync.core.filters.file_rules import FilePolicy
from tests.recipe.closed import unmet
from tests.recipe.mirrors import LINUX, Bench
from tests.recipe.test_equality import decided
from tests.recipe.test_wheels_differ import COMPILED, Restated
from tests.sim import dists
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

WINDOWS, OLD, PLAIN = ("cp311-cp311-win_amd64",), ("py2-none-any",), ("py3-none-any",)
ALONE = {**LINUX, "python_version": ["3.11"], "extra": []}
OPEN = {"python_version": ["3.11"], "extra": []}


@pytest.fixture
def bench(tmp_path: Path, world: World) -> Bench:
    for name in ("by-wheel", "by-sdist", "builder"):
        world.publish(name, "1.0")
    upstream = MemoryUpstream(world)
    return Bench(tmp_path / "mirror", upstream, {"app": ["latest"]}, environment=ALONE)


def publish(world: World, wheel: dict[str, Any], sdist: dict[str, Any]) -> None:
    """Upload ``app`` with both, and an older release that needs nothing."""
    world.publish("app", "1.0")
    world.publish("app", "2.0", **{"wheels": WINDOWS, **wheel})
    world.publish("app", "2.0", wheels=(), sdist=True, **{"build_requires": [], **sdist})


def recorded(bench: Bench) -> dict[str, set[tuple[str, str]]]:
    """The pins on record, by who chose them."""
    found: dict[str, set[tuple[str, str]]] = {}
    for by, project, version in bench.query("SELECT chosen_by, project, version FROM v_pins"):
        found.setdefault(by, set()).add((project, version))
    return found


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("wheels", [WINDOWS, OLD])
def test_each_installer_has_what_it_reads(
    bench: Bench, world: World, wheels: tuple[str], *, described: bool
) -> None:
    publish(
        world,
        {"wheels": wheels, "requires": ["by-wheel"], "metadata": described},
        {"requires": ["by-sdist"]},
    )
    bench.sync()
    assert bench.listed().keys() == {"app", "by-wheel", "by-sdist"}
    assert bench.query("SELECT verdict FROM v_proofs") == [("proven",)]
    assert unmet(bench.folder) == set()
    pins = [set(one) for one in recorded(bench).values()]
    assert {("app", "2.0")} < set.union(*pins)
    assert {("by-wheel", "1.0"), ("by-sdist", "1.0")} <= set.union(*pins)


@pytest.mark.parametrize(
    ("wheel", "sdist"),
    [
        ({"requires": ["nothing"]}, {}),
        ({}, {"requires": ["nothing"]}),
        ({"inside": ">=3.12"}, {}),
        ({}, {"inside": ">=3.12"}),
    ],
)
def test_what_one_of_them_cannot_install_is_no_proof_of_it(
    bench: Bench, world: World, wheel: dict[str, Any], sdist: dict[str, Any]
) -> None:
    """The older release is there for whoever passes over the newest."""
    publish(world, wheel, sdist)
    bench.sync()
    assert bench.listed()["app"] == {"1.0", "2.0"}
    assert bench.query("SELECT verdict FROM v_proofs") == [("proven",)]
    chosen = {version for pins in recorded(bench).values() for _, version in pins}
    assert chosen == {"1.0", "2.0"}


def restate(bench: Bench, world: World, tag: str, **facts: Any) -> None:
    """Let upstream's page say other facts of the wheel with this tag."""
    upstream = Restated(world)
    upstream.of, upstream.facts = f"app-2.0-{tag}.whl", facts
    bench.upstream = upstream


def test_what_the_page_of_a_wheel_wants_is_not_asked_where_its_metadata_is_silent(
    bench: Bench, world: World
) -> None:
    publish(world, {}, {})
    restate(bench, world, WINDOWS[0], requires_python=">=3.12")
    bench.sync()
    assert bench.listed()["app"] == {"2.0"}
    assert bench.query("SELECT verdict FROM v_proofs") == [("proven",)]


@pytest.mark.parametrize("policy", [FilePolicy(), FilePolicy(sdists="fallback")])
def test_a_yanked_wheel_is_not_taken_before_a_sound_sdist(
    bench: Bench, world: World, policy: FilePolicy
) -> None:
    bench.policy = policy
    publish(world, {"wheels": PLAIN}, {"build_requires": ["builder"]})
    restate(bench, world, PLAIN[0], yanked="")
    bench.sync()
    assert bench.listed().keys() == {"app", "builder"}
    assert bench.query("SELECT verdict FROM v_proofs") == [("proven",)]
    assert set(bench.listed()["app"]) == {"2.0"}


def test_what_the_machine_of_an_open_platform_builds_is_mirrored(
    bench: Bench, world: World
) -> None:
    """Where nobody names a platform a wheel for Windows may do, but the proof is made for Linux."""
    bench.environment = OPEN
    publish(world, {}, {"build_requires": ["builder"]})
    bench.sync()
    assert bench.listed().keys() == {"app", "builder"}


def test_a_wheel_that_the_mirror_does_not_keep_tells_nothing(bench: Bench, world: World) -> None:
    bench.policy = FilePolicy(wheels="targets")
    publish(world, {"requires": ["nothing"]}, {"requires": ["by-sdist"]})
    bench.sync()
    assert bench.listed().keys() == {"app", "by-sdist"}
    assert bench.query("SELECT verdict FROM v_proofs") == [("proven",)]


@pytest.mark.parametrize("late", [False, True])
def test_of_two_sdists_each_installer_has_what_it_builds(
    bench: Bench, world: World, *, late: bool
) -> None:
    """pip takes the last one on the page, and uv the first."""
    world.publish("app", "2.0", wheels=(), sdist=True, build_requires=[], requires=["by-wheel"])
    if late:
        bench.sync()
    world.add_file("app", "2.0", "app-2.0.zip", zipped("app", "2.0", ["by-sdist"], ["builder"]))
    bench.sync()
    assert bench.listed().keys() == {"app", "by-wheel", "by-sdist", "builder"}
    assert bench.query("SELECT verdict FROM v_proofs") == [("proven",)]
    pins = set.union(*recorded(bench).values())
    assert pins == {("app", "2.0"), ("by-wheel", "1.0"), ("by-sdist", "1.0")}


def zipped(
    name: str,
    version: str,
    requires: list[str],
    build_requires: list[str],
    kind: dists.SdistMetadata = "static",
    summary: bytes = b"Summary: ",
) -> bytes:
    """An sdist as a zip file."""
    made = dists.build_sdist(dists.dist(name, version, requires), kind, tuple(build_requires))
    packed = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(made.content)) as tar, ZipFile(packed, "w") as archive:
        for member in tar:
            stream = tar.extractfile(member)
            data = b"" if stream is None else stream.read()
            archive.writestr(member.name, data.replace(b"Summary: ", summary))
    return packed.getvalue()


@pytest.mark.parametrize("kind", ["static", "none"])
def test_an_old_sdist_may_describe_itself_in_another_encoding(
    bench: Bench, world: World, kind: Any
) -> None:
    """What is built from it has METADATA of its own; that of a static one is what pip reads."""
    world.publish("app", "2.0", wheels=WINDOWS)
    latin = zipped("app", "2.0", [], [], kind, b"Summary: \xe9")
    world.add_file("app", "2.0", "app-2.0.zip", latin)
    bench.sync()
    verdict = "proven" if kind == "none" else "blocked"
    assert bench.query("SELECT verdict FROM v_proofs") == [(verdict,)]


@pytest.mark.parametrize("fits", [True, False])
def test_a_wheel_that_comes_later_is_heard(
    bench: Bench, world: World, tmp_path: Path, *, fits: bool
) -> None:
    publish(world, {"requires": ["by-wheel"]}, {"requires": ["by-sdist"]})
    bench.sync()
    newer = PLAIN if fits else ("cp311-cp311-macosx_11_0_arm64",)
    world.publish("app", "2.0", wheels=newer, requires=["builder"])
    bench.sync()
    fresh = Bench(tmp_path / "fresh", MemoryUpstream(world), bench.packages, environment=ALONE)
    fresh.sync()
    assert decided(bench) == decided(fresh)
    expected = {"app", "builder"} if fits else {"app", "builder", "by-sdist"}
    assert expected <= bench.listed().keys()


def test_a_wheel_that_is_kept_no_more_has_no_say_in_what_the_sdist_requires(
    bench: Bench, world: World, tmp_path: Path
) -> None:
    """It is known of it only when it was read that it fits nowhere, whatever came first."""
    bench.policy = FilePolicy(wheels="targets")
    fitting = {"wheels": COMPILED, "requires": ["by-wheel"], "inside": ">=3.13"}
    publish(world, fitting, {})
    bench.sync()
    world.publish("app", "2.0", wheels=PLAIN, requires=["builder"])
    bench.sync()
    keys: dict[str, Any] = {"environment": ALONE, "policy": bench.policy}
    fresh = Bench(tmp_path / "fresh", MemoryUpstream(world), bench.packages, **keys)
    fresh.sync()
    assert decided(bench) == decided(fresh)


@pytest.mark.parametrize("kind", ["static", "none"])
@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize(("name", "version"), [("other", "2.0"), ("app", "3.0"), ("a b", "2.0")])
def test_an_sdist_of_something_else_is_part_of_no_proof(
    bench: Bench, world: World, name: str, version: str, kind: Any, *, beside: bool
) -> None:
    world.publish("app", "1.0")
    if beside:
        world.publish("app", "2.0", wheels=WINDOWS)
    made = dists.build_sdist(dists.Dist("app", "2.0", called=name, says=version), kind, ())
    world.add_file("app", "2.0", "app-2.0.tar.gz", made.content)
    bench.sync()
    [(verdict, why)] = bench.query("SELECT verdict, why FROM v_proofs")
    assert verdict == "blocked"
    assert (kind == "none" and not beside) or "app-2.0.tar.gz: its METADATA is of " in why


@pytest.mark.parametrize("silent", [True, False])
def test_uv_stops_at_an_sdist_whose_python_it_cannot_read_if_the_page_is_silent(
    bench: Bench, world: World, *, silent: bool
) -> None:
    """Where the page has the text uv passes over the file, and pip takes it."""
    world.publish("app", "1.0")
    made = dists.build_sdist(dists.Dist("app", "2.0", requires_python="3.x"), "static", ())
    world.add_file("app", "2.0", "app-2.0.tar.gz", made.content)
    bench.upstream = upstream = Restated(world)
    upstream.of = "app-2.0.tar.gz"
    upstream.facts = {"requires_python": None if silent else "3.x"}
    bench.sync()
    [(verdict, why)] = bench.query("SELECT verdict, coalesce(why, '') FROM v_proofs")
    assert (verdict == "blocked") == silent
    assert ("app-2.0.tar.gz: its Requires-Python cannot be read" in why) == silent
