"""Who needs whom changes while states change: a mirror that followed is as one that starts now.

The universe is small on purpose, so that few draws meet every pair of changes. The seed of each
draw is new, and in its name; ``python -m tests.recipe.test_states SEED`` plays one again.
"""

import random
import sys
import tempfile
from pathlib import Path

import pytest

from pypisync.core.values import moment
from tests.deep import scaled
from tests.recipe.mirrors import Bench
from tests.recipe.test_equality import ENVIRONMENT, decided
from tests.sim.memory import MemoryUpstream
from tests.sim.strategies import Op, Turn
from tests.sim.world import World

NEEDED = ("b", "c")
STATES = (
    "quarantine", "clear_quarantine", "quarantine_release", "clear_release_quarantine", "yank",
    "unyank",
)  # fmt: skip
STEPS = 10
SEEDS = [random.SystemRandom().getrandbits(32) for _ in range(scaled(3))]


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_states_and_needs_change_together(seed: int, memory_path: Path) -> None:
    play(SEEDS[seed], memory_path)


def play(seed: int, folder: Path) -> None:
    """Follow a drawn history, and compare after each step."""
    draw = random.Random(seed)
    world = World()
    for name in ("a", *NEEDED):
        world.publish(name, "1.0")
    followed = bench(folder / "followed", world)
    for step in range(STEPS):
        for _ in range(draw.randint(1, 2)):
            change(draw, world)
        if draw.random() < 0.2:
            followed.packages = draw.choice(({"a": ["latest"]}, {"a": ["latest"], "b": ["latest"]}))
        followed.clock = moment(world.now()) - 3600
        followed.sync()
        fresh = bench(folder / f"fresh{step}", world)
        fresh.packages, fresh.clock = followed.packages, followed.clock - 3600
        fresh.sync()
        assert decided(followed) == decided(fresh), f"seed {seed}, step {step}"


def bench(folder: Path, world: World) -> Bench:
    """A mirror of "a" with what it needs."""
    return Bench(folder, MemoryUpstream(world), {"a": ["latest"]}, environment=ENVIRONMENT)


def change(draw: random.Random, world: World) -> None:
    """A new release that needs others, or a state of one of these; mostly both."""
    needs = tuple(name for name in NEEDED if draw.random() < 0.4)
    states = tuple(
        (draw.choice(STATES), draw.choice(NEEDED), draw.randint(0, 1))
        for _ in range(draw.randint(0, 2))
    )
    name = draw.choice(("a", "a", *NEEDED))
    Turn(name, tuple(need for need in needs if need != name), states).apply(world)
    if draw.random() < 0.1:
        Op("remove_project", (draw.choice(NEEDED),)).apply(world)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        play(int(sys.argv[1]), Path(place))
