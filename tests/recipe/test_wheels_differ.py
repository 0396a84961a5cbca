"""Wheels of one release that require different things: each is heard, described or not."""

import shutil
from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from pypisync.core.filters.file_rules import FilePolicy
from pypisync.core.standards.model import ProjectDocument
from tests.recipe.closed import unmet
from tests.recipe.mirrors import LINUX, Bench
from tests.recipe.test_equality import decided
from tests.sim import dists
from tests.sim.insides import plain
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

COMPILED = ("cp311-cp311-manylinux_2_17_x86_64",)
PLAIN, WINDOWS = ("py3-none-any",), ("cp311-cp311-win_amd64",)


class Restated(MemoryUpstream):
    """States other facts of single files than the world does."""

    facts: dict[str, Any]
    of = ""  # the filename

    def answer(self, deposit: Any, ask: Any) -> Any:
        found = super().answer(deposit, ask)
        if isinstance(found, ProjectDocument) and self.of:
            files = [replace(f, **self.facts) if f.filename == self.of else f for f in found.files]
            found = replace(found, files=tuple(files))
        return found


@pytest.fixture
def bench(tmp_path: Path, world: World) -> Bench:
    for name in ("lib", "other"):
        world.publish(name, "1.0")
    return Bench(tmp_path / "mirror", MemoryUpstream(world), {"app": ["latest"]})


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("compiled", [True, False])
def test_what_each_requires_is_mirrored(
    bench: Bench, world: World, *, plain: bool, compiled: bool
) -> None:
    world.publish("app", "1.0", requires=["lib"], metadata=plain)
    world.publish("app", "1.0", wheels=COMPILED, requires=["other"], metadata=compiled)
    assert bench.sync().exit_code == 0
    assert bench.listed().keys() == {"app", "lib", "other"}
    assert unmet(bench.folder) == set()
    before = decided(bench)
    assert bench.sync().exit_code == 0
    assert decided(bench) == before


def test_a_wheel_that_comes_later_is_heard(bench: Bench, world: World, tmp_path: Path) -> None:
    world.publish("app", "1.0", requires=["lib"])
    bench.sync()
    world.publish("app", "1.0", wheels=COMPILED, requires=["other"], metadata=False)
    bench.sync()
    assert bench.listed().keys() == {"app", "lib", "other"}
    fresh = Bench(tmp_path / "fresh", MemoryUpstream(world), bench.packages)
    fresh.sync()
    assert decided(bench) == decided(fresh)


@pytest.mark.parametrize("compiled", [True, False])
def test_an_extra_that_one_of_them_does_not_declare(
    bench: Bench, world: World, *, compiled: bool
) -> None:
    """pip takes nothing of it where that is the one that it takes."""
    line = 'lib; extra == "fast"'
    declared: dict[bool, dict[str, Any]] = {
        True: {"extras": {"fast": ["lib"]}},
        False: {"requires": [line]},
    }
    world.publish("app", "1.0", **declared[not compiled])
    world.publish("app", "1.0", wheels=COMPILED, **declared[compiled])
    bench.packages = {"app[fast]": ["latest"]}
    bench.sync()
    pins = bench.query("SELECT project, chosen_by FROM v_pins ORDER BY project")
    assert pins == [("app", "solver"), ("lib", "solver" if compiled else "uv")]


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("later", [True, False])
def test_a_wheel_that_is_not_for_the_target_says_nothing(
    bench: Bench, world: World, tmp_path: Path, *, plain: bool, later: bool
) -> None:
    """Its METADATA rules it out, and goes on to do so when another wheel comes."""
    bench.environment = {
        "python_version": ["3.11"],
        "implementation_name": ["cpython"],
        "extra": [],
        "sys_platform": ["linux"],
        "platform_machine": ["x86_64"],
    }
    world.publish("app", "1.0", requires=["lib"], metadata=plain)
    world.publish(
        "app", "1.0", wheels=COMPILED, requires=["other"], metadata=False, inside=">=3.13"
    )
    bench.sync()
    newer = ("cp311-cp311-manylinux_2_28_x86_64",)
    world.publish("app", "1.0", wheels=newer, requires=["lib"], metadata=later)
    bench.sync()
    assert bench.listed().keys() == {"app", "lib"}
    fresh = Bench(tmp_path / "fresh", MemoryUpstream(world), bench.packages)
    fresh.environment = bench.environment
    fresh.sync()
    assert decided(bench) == decided(fresh)


@pytest.mark.parametrize(
    ("facts", "found"),
    [({"yanked": ""}, "proven"), ({"requires_python": ">=3.13"}, "blocked")],
)
@pytest.mark.parametrize("taken", [COMPILED[0], "py3-none-any"])
def test_another_wheel_is_taken_since_one_is_stated_otherwise(
    tmp_path: Path, world: World, taken: str, facts: dict[str, Any], found: str
) -> None:
    """The release serves the same machines as before, by a wheel that needs something else.

    uv passes over a release whose best wheel wants another Python.
    """
    for tag in (COMPILED[0], "py3-none-any"):
        needs = ["nowhere"] if tag == taken else []
        world.publish("app", "1.0", wheels=(tag,), requires=needs)
    upstream = Restated(world)
    bench = Bench(tmp_path / "mirror", upstream, {"app": ["latest"]})
    bench.sync()
    first = "refuted" if taken == COMPILED[0] else "proven"
    assert bench.query("SELECT verdict FROM v_proofs") == [(first,)]
    upstream.of, upstream.facts = f"app-1.0-{COMPILED[0]}.whl", facts
    world.role_change("app")
    bench.sync()
    second = found if taken == COMPILED[0] else "refuted"
    assert bench.query("SELECT verdict FROM v_proofs") == [(second,)]


@pytest.mark.parametrize(
    ("says", "tag", "verdict", "others"),
    [
        ("Name: other\nVersion: 2.0", "1-py3-none-any", "blocked", []),  # uv stops at it
        ("Name: !\nVersion: 2.0", "1-py3-none-any", "proven", [("app", "1.0")]),
        ("Name: app\nVersion: 3.0", "py3-none-any", "proven", []),  # uv takes the other one
    ],
)
def test_pip_goes_on_to_the_wheel_that_is_of_the_release(
    tmp_path: Path, world: World, says: str, tag: str, verdict: str, others: list[tuple[str, str]]
) -> None:
    metadata = f"Metadata-Version: 2.1\n{says}\n".encode()
    made = dists.built(plain("app", "2.0", metadata).bytes(), metadata)
    world.add_file("app", "2.0", f"app-2.0-{tag}.whl", made)
    world.publish("app", "2.0", wheels=("py2.py3-none-any",), requires=["lib"])
    for one in ("app", "lib"):
        world.publish(one, "1.0")
    bench = Bench(tmp_path / "mirror", MemoryUpstream(world), {"app": ["latest"]})
    bench.environment = LINUX
    for _ in range(2):
        bench.sync()
        pins = bench.query("SELECT project, version FROM v_pins ORDER BY project, version")
        assert pins == [*others, ("app", "2.0"), ("lib", "1.0")]
        assert bench.query("SELECT verdict FROM v_proofs") == [(verdict,)]
        world.role_change("app")


@pytest.mark.parametrize("kinds", [(PLAIN, COMPILED), (COMPILED, PLAIN), (WINDOWS, COMPILED)])
@pytest.mark.parametrize("wheels", ["all", "targets"])
def test_a_python_that_one_wheel_asks_for_is_not_that_of_the_others(
    tmp_path: Path,
    world: World,
    kinds: tuple[tuple[str], tuple[str]],
    wheels: Literal["all", "targets"],
) -> None:
    """The smallest is read first; only its METADATA says which Python it wants."""
    small, large = kinds
    world.publish("app", "1.0", wheels=small, metadata=False, inside=">=3.13")
    world.publish("app", "1.0", wheels=large, metadata=False, size_padding=3_000)
    policy = FilePolicy(wheels=wheels)
    bench = Bench(tmp_path, MemoryUpstream(world), {"app": ["latest"]}, policy=policy)
    bench.sync()
    assert bench.listed() == {"app": {"1.0"}}


@pytest.mark.parametrize("late", [True, False])
def test_a_wheel_whose_announced_metadata_is_not_there_is_heard(
    bench: Bench, world: World, *, late: bool
) -> None:
    """Installers read the wheel itself, for the page announces nothing."""
    world.publish("app", "1.0", requires=["lib"])
    if late:
        bench.sync()
    world.publish("app", "1.0", wheels=COMPILED, requires=["other"])
    world.faults.fail(f"/packages/*/app-1.0-{COMPILED[0]}.whl.metadata", 404)
    bench.sync()
    assert bench.listed().keys() == {"app", "lib", "other"}
    assert unmet(bench.folder) == set()


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("needs", [([], ["nowhere"]), (["nowhere"], [])])
@pytest.mark.parametrize("first", [PLAIN, WINDOWS])
def test_of_a_release_that_only_a_proof_asks_for_the_wheel_counts_that_is_taken(
    tmp_path: Path,
    world: World,
    first: tuple[str],
    needs: tuple[list[str], list[str]],
    *,
    described: bool,
    ranges: bool,
) -> None:
    """A mirror that has selected it before comes to the same as one that begins now.

    A host without ranges may have an API that makes one claim for the whole release: here that of
    the first wheel.
    """
    world.faults.ranges = ranges
    world.publish("lib", "1.0", requires=needs[0], wheels=first, metadata=described)
    world.publish(
        "lib", "1.0", requires=needs[1], wheels=COMPILED, metadata=False, size_padding=3_000
    )
    world.publish("app", "1.0", requires=["lib"])
    bench = Bench(tmp_path / "followed", MemoryUpstream(world), {"app": ["latest"]})
    verdict = [("refuted" if needs[1] else "proven",)]
    bench.sync()
    assert bench.query("SELECT verdict FROM v_proofs") == verdict
    world.publish("lib", "2.0", requires=["nowhere"])
    bench.sync()
    fresh = Bench(tmp_path / "fresh", MemoryUpstream(world), bench.packages)
    fresh.sync()
    assert fresh.query("SELECT verdict FROM v_proofs") == verdict
    assert decided(bench) == decided(fresh)


@pytest.mark.parametrize("wheels", ["all", "targets"])
def test_a_claim_of_one_wheel_is_not_believed_of_another(
    tmp_path: Path, world: World, wheels: Literal["all", "targets"]
) -> None:
    """Also of one that the mirror does not keep: the newest release of ``lib`` is impossible."""
    world.faults.ranges = False
    for needs, tag in ((["nowhere"], WINDOWS), ([], COMPILED)):
        world.publish("lib", "1.0", requires=needs, wheels=tag, metadata=False)
    world.publish("lib", "2.0", requires=["nowhere"])
    world.publish("app", "1.0", requires=["lib"])
    policy = FilePolicy(wheels=wheels)
    bench = Bench(tmp_path, MemoryUpstream(world), {"app": ["latest"]}, policy=policy)
    bench.sync()
    assert bench.query("SELECT verdict FROM v_proofs") == [("proven",)]
    assert "1.0" in bench.listed()["lib"]


def test_a_claim_is_believed_of_a_release_that_has_one_wheel(tmp_path: Path, world: World) -> None:
    """The wheel itself, which only a proof asks for, is not fetched."""
    world.faults.ranges = False
    world.publish("lib", "1.0", requires=["nowhere"], metadata=False)
    world.publish("lib", "2.0", requires=["nowhere"])
    world.publish("app", "1.0", requires=["lib"])
    bench = Bench(tmp_path, MemoryUpstream(world), {"app": ["latest"]})
    bench.sync()
    read = "SELECT source FROM releases WHERE version = '1.0' AND knowledge = 'known'"
    assert ("json",) in bench.query(read)
    assert bench.query("SELECT path FROM stored WHERE path LIKE '%/lib-1.0-%'") == []


@pytest.mark.parametrize("described", [True, False])
def test_a_wheel_counts_once_the_only_other_one_is_not_kept(
    tmp_path: Path, world: World, *, described: bool
) -> None:
    """What was read first says itself that it is not for the target, and leaves the mirror."""
    for name in ("lib", "other"):
        world.publish(name, "1.0")
    first: dict[str, Any] = {"wheels": COMPILED, "inside": ">=3.13", "metadata": described}
    world.publish("app", "1.0", requires=["lib"], **first)
    world.publish("app", "1.0", requires=["other"], metadata=False, size_padding=3_000)
    policy = FilePolicy(wheels="targets")
    bench = Bench(tmp_path, MemoryUpstream(world), {"app": ["latest"]}, policy=policy)
    for _ in range(2):
        bench.sync()
        assert bench.listed().keys() == {"app", "other"}
        world.role_change("app")


def test_what_a_file_said_of_itself_holds_while_others_are_read(
    tmp_path: Path, world: World
) -> None:
    """It is not kept for what it said, and so it is not read with the others."""
    world.publish("app", "1.0", wheels=COMPILED, inside=">=3.13")
    world.publish("app", "1.0", metadata=False)
    policy = FilePolicy(wheels="targets")
    bench = Bench(tmp_path, MemoryUpstream(world), {"app": ["latest"]}, policy=policy)
    bench.sync()
    world.publish("app", "1.0", wheels=(), sdist=True)
    bench.sync()
    bench.sync()
    kept = "SELECT filename FROM files WHERE kept ORDER BY id"
    assert bench.query(kept) == [("app-1.0-py3-none-any.whl",), ("app-1.0.tar.gz",)]


def test_what_is_read_of_one_release_leaves_what_is_known_of_others(
    tmp_path: Path, world: World
) -> None:
    """A proof that looks at one after the other has its verdict in one cycle."""
    world.publish("app", "1.0", metadata=False, inside=">=3.8")
    for tag, needs in ((COMPILED, ["nowhere"]), (PLAIN, ["nowhere", "lost"])):
        world.publish("app", "2.0", wheels=tag, requires=needs)
    world.publish("app", "3.0", requires=["nowhere"])
    bench = Bench(tmp_path, MemoryUpstream(world), {"app": ["latest"]})
    bench.sync()
    assert bench.query("SELECT verdict FROM v_proofs") == [("proven",)]


@pytest.mark.parametrize(
    ("described", "sdists"), [(True, "always"), (False, "always"), (True, "fallback")]
)
def test_an_sdist_that_has_to_be_built_after_all_says_what_that_needs(
    bench: Bench,
    world: World,
    tmp_path: Path,
    *,
    described: bool,
    sdists: Literal["always", "fallback"],
) -> None:
    """It lies in the pool already when METADATA rules out the wheel, or an environment comes."""
    bench.policy = FilePolicy(sdists=sdists)
    bench.environment = {**LINUX, "python_version": ["3.13"]}
    world.publish("app", "1.0", wheels=(), sdist=True, build_requires=["lib"])
    bench.sync()
    assert bench.listed().keys() == {"app", "lib"}
    world.publish("app", "1.0", inside=">=3.12", requires=["other"], metadata=described)
    bench.sync()
    assert bench.listed().keys() == {"app", "other"}
    for pythons in (["3.11", "3.13"], ["3.13"]):
        bench.environment = {**LINUX, "python_version": pythons}
        bench.sync()
        fresh = Bench(tmp_path / f"fresh {len(pythons)}", MemoryUpstream(world), bench.packages)
        fresh.policy, fresh.environment = bench.policy, bench.environment
        fresh.sync()
        assert decided(bench) == decided(fresh)
        assert ("lib" in bench.listed()) is ("3.11" in pythons)
        shutil.rmtree(fresh.folder)


def test_an_sdist_that_metadata_of_a_new_wheel_lets_be_built_says_what_that_needs(
    bench: Bench, world: World
) -> None:
    bench.environment = {**LINUX, "python_version": ["3.11"]}
    world.publish("app", "1.0", wheels=(), sdist=True, build_requires=["lib"])
    bench.sync()
    world.publish("app", "1.0", inside=">=3.12", requires=["other"])
    bench.sync()
    assert "lib" in bench.listed()
    assert decided(bench)["unmet"] == []


def test_a_wheel_that_would_have_come_is_read_where_only_a_proof_asks_now(
    bench: Bench, world: World, tmp_path: Path
) -> None:
    """The release was selected, so that the wheel was to be read when it is here."""
    bench.environment = LINUX
    world.publish("app", "1.0", requires=["lib>9"])
    world.publish("app", "1.0", wheels=COMPILED, requires=["other"], metadata=False)
    world.faults.fail("*/app-1.0-cp311*", 503)
    bench.sync()
    world.heal()
    world.publish("app", "2.0", requires=["nowhere"])
    assert bench.sync().held == {}
    assert ("app", "app", "1.0") in bench.query("SELECT subject, project, version FROM v_pins")
    fresh = Bench(tmp_path / "fresh", MemoryUpstream(world), bench.packages)
    fresh.environment = LINUX
    fresh.sync()
    assert decided(bench) == decided(fresh)


def test_metadata_that_comes_beside_its_wheel_at_last_is_read(
    bench: Bench, world: World, tmp_path: Path
) -> None:
    """It was damaged when the release was read, and what the others say was believed of it."""
    bench.environment = LINUX
    world.faults.ranges = False
    world.publish("app", "1.0", requires=["lib"])
    world.publish("app", "1.0", wheels=COMPILED, requires=["other"])
    world.faults.corrupt("*/app-1.0-cp311*.metadata", 1)
    bench.sync()
    world.heal()
    assert bench.sync().exit_code == 0
    assert bench.listed().keys() == {"app", "other", "lib"}
    fresh = Bench(tmp_path / "fresh", MemoryUpstream(world), bench.packages)
    fresh.environment = LINUX
    fresh.sync()
    assert decided(bench) == decided(fresh)
