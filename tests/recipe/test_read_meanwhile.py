"""Facts that change while requirements are read: what counts is what the files say that are there.

A release whose requirements could not be read in one cycle is asked for again at the beginning of
the next, beside the document that says what has become of it; a file of which no hash is stated may
turn out to be barred when it has come.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pytest

from pypisync.core.filters.policy import Block, Policy
from tests.recipe.mirrors import Bench
from tests.recipe.test_equality import ENVIRONMENT, decided
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

SPECIAL = ("cp311-cp311-manylinux_2_17_x86_64",)
NEWER = ("cp313-cp313-manylinux_2_17_x86_64",)
REQUIREMENTS = """
    SELECT r.version, q.kind, q.text, q.targets FROM requirements q
    JOIN releases r ON r.id = q.release_id ORDER BY 1, 2, 3
"""


def add_a_wheel(world: World) -> None:
    world.publish("app", "1.0", requires=["other"], wheels=SPECIAL)


def add_a_wheel_that_is_read_whole(world: World) -> None:
    world.publish("app", "1.0", requires=["other"], wheels=SPECIAL, metadata=False)


def add_an_sdist(world: World) -> None:
    world.publish("app", "1.0", wheels=(), sdist=True, build_requires=["other"])


def remove_a_wheel(world: World) -> None:
    world.remove_file("app", "1.0", "app-1.0-cp313-cp313-manylinux_2_17_x86_64.whl")


def remove_the_release(world: World) -> None:
    world.remove_release("app", "1.0")
    world.publish("app", "0.9", requires=["lib"])


def mirror(folder: Path, world: World) -> Bench:
    return Bench(folder, MemoryUpstream(world), {"app": ["latest"]}, environment=ENVIRONMENT)


@pytest.mark.parametrize(
    "change",
    [
        add_a_wheel,
        add_a_wheel_that_is_read_whole,
        add_an_sdist,
        remove_a_wheel,
        remove_the_release,
    ],
)
@pytest.mark.parametrize("source", ["metadata", "whole"])
@pytest.mark.parametrize("order", [None, 1, 2, 3])
def test_a_release_is_read_from_the_files_that_it_has_by_then(
    tmp_path: Path, world: World, change: Callable[[World], None], source: str, order: int | None
) -> None:
    for name in ("lib", "other"):
        world.publish(name, "1.0")
    publish = partial(world.publish, "app", "1.0", metadata=source == "metadata")
    publish(requires=["lib"])
    publish(requires=["third"], wheels=NEWER)
    world.publish("third", "1.0")
    bench = mirror(tmp_path / "followed", world)
    bench.disorder = None if order is None else Random(order)
    world.faults.fail("/packages/*/app-1.0*", 503)
    bench.sync()
    world.heal()
    change(world)
    bench.sync()
    fresh = mirror(tmp_path / "fresh", world)
    fresh.sync()
    assert decided(bench) == decided(fresh)
    assert bench.query(REQUIREMENTS) == fresh.query(REQUIREMENTS)


def test_a_file_that_turns_out_to_be_barred_says_nothing_of_its_release(
    tmp_path: Path, world: World
) -> None:
    for name in ("lib", "bad"):
        world.publish(name, "1.0")
    publish = partial(world.publish, "app", "1.0", hashes=("md5",), metadata=False)
    publish(requires=["bad"], wheels=("py2.py3-none-any",))
    publish(requires=["lib"], size_padding=9_000)
    stolen = world.projects["app"].releases["1.0"].files[0].built.sha256
    bench = mirror(tmp_path / "followed", world)
    bench.bars = Policy(block=(Block("stolen", sha256=stolen),))
    bench.sync()
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}}
    assert [text for _, _, text, _ in bench.query(REQUIREMENTS)] == ["lib"]


def test_a_hash_that_becomes_known_is_no_change(tmp_path: Path, world: World) -> None:
    world.publish("app", "1.0", hashes=("md5",), metadata=False)
    assert mirror(tmp_path, world).sync().releases_read == 1
