"""Roots that pin a release of which some files are yanked: uv takes these as the others then."""

from pathlib import Path

import pytest

from tests.recipe.mirrors import LINUX, Bench
from tests.recipe.test_wheels_differ import COMPILED, PLAIN, Restated
from tests.sim.world import World

NAMES = {PLAIN: "app-2.0-py3-none-any.whl", COMPILED: f"app-2.0-{COMPILED[0]}.whl"}


@pytest.fixture
def upstream(world: World) -> Restated:
    found = Restated(world)
    found.facts = {"yanked": "broken"}
    return found


def mirror(folder: Path, upstream: Restated, line: str) -> Bench:
    return Bench(
        folder, upstream, {"app": [line]},
        environment={**LINUX, "python_version": ["3.11"], "extra": []},
    )  # fmt: skip


def publish(world: World, *, compiled: str = "lib", inside: str | None = None) -> None:
    """Upload ``app`` as two wheels, uv prefers the compiled one."""
    world.publish("lib", "1.0")
    world.publish("app", "1.0")
    world.publish("app", "2.0", wheels=PLAIN, requires=["lib"])
    world.publish("app", "2.0", wheels=COMPILED, requires=[compiled], inside=inside)


def verdicts(bench: Bench) -> list[tuple[str, str]]:
    bench.sync()
    return bench.query("SELECT verdict, coalesce(why, '') FROM v_proofs")


def test_a_pin_to_a_file_that_nothing_serves_is_no_proof(
    tmp_path: Path, world: World, upstream: Restated
) -> None:
    """uv installs the yanked wheel, whose requirement nothing meets."""
    publish(world, compiled="nowhere")
    upstream.of = NAMES[COMPILED]
    [(verdict, why)] = verdicts(mirror(tmp_path / "pinned", upstream, "2.0"))
    assert (verdict, why.split("\n")[0]) == ("blocked", "pip finds an installation and uv does not")
    assert "nowhere" in why
    [(verdict, _)] = verdicts(mirror(tmp_path / "open", upstream, "latest"))
    assert verdict == "proven"


def test_nor_is_a_file_that_is_passed_over_a_refutation(
    tmp_path: Path, world: World, upstream: Restated
) -> None:
    """uv installs the yanked wheel, and nothing meets what the sound one requires."""
    publish(world)
    world.publish("app", "3.0", wheels=PLAIN, requires=["nowhere"])
    world.publish("app", "3.0", wheels=COMPILED, requires=["lib"])
    upstream.of = f"app-3.0-{COMPILED[0]}.whl"
    assert verdicts(mirror(tmp_path / "open", upstream, ">=3"))[0][0] == "refuted"
    [(verdict, why)] = verdicts(mirror(tmp_path / "pinned", upstream, "3.0"))
    assert (verdict, why.split("\n")[0]) == ("blocked", "uv finds an installation and pip does not")


def test_each_has_what_the_file_requires_that_it_takes(
    tmp_path: Path, world: World, upstream: Restated
) -> None:
    world.publish("other", "1.0")
    publish(world, compiled="other")
    upstream.of = NAMES[COMPILED]
    bench = mirror(tmp_path / "pinned", upstream, "2.0")
    assert verdicts(bench) == [("proven", "")]
    rows = bench.query("SELECT chosen_by, project FROM v_pins WHERE project <> 'app'")
    assert sorted(rows) == [("solver", "lib"), ("uv", "other")]


@pytest.mark.parametrize("yanked", [PLAIN, COMPILED])
def test_files_that_say_the_same_need_no_caution(
    tmp_path: Path, world: World, upstream: Restated, yanked: tuple[str]
) -> None:
    publish(world)
    upstream.of = NAMES[yanked]
    assert verdicts(mirror(tmp_path / "pinned", upstream, "2.0")) == [("proven", "")]


def test_nor_does_a_file_that_uv_takes_either_way(
    tmp_path: Path, world: World, upstream: Restated
) -> None:
    publish(world, compiled="lib>=1")
    upstream.of = NAMES[PLAIN]
    assert verdicts(mirror(tmp_path / "pinned", upstream, "2.0")) == [("proven", "")]


def test_a_pin_to_a_file_of_another_python(
    tmp_path: Path, world: World, upstream: Restated
) -> None:
    """uv stays with it although it cannot install it."""
    publish(world, inside=">=3.12")
    upstream.of = NAMES[COMPILED]
    assert verdicts(mirror(tmp_path / "pinned", upstream, "2.0"))[0][0] == "blocked"
