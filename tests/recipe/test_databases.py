"""The same history on SQLite and on PostgreSQL ends in the same mirror."""

import random
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import Postgres
from tests.recipe.mirrors import Bench
from tests.recipe.test_equality import CONFIGURATIONS, ENVIRONMENT, decided
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_both_databases_follow_alike(tmp_path: Path, postgres: Postgres, seed: int) -> None:
    draw = random.Random(seed)
    world = World()
    both = [
        Bench(tmp_path / name, MemoryUpstream(world), CONFIGURATIONS[0], environment=ENVIRONMENT)
        for name in ("sqlite", "postgresql")
    ]
    both[1].url = postgres.prepared()
    for step in range(6):
        change(world, draw, step)
        for bench in both:
            bench.packages = CONFIGURATIONS[step % 3]
            bench.sync()
        assert decided(both[0]) == decided(both[1])
    assert decided(both[0])["selected"]


def change(world: World, draw: random.Random, step: int) -> None:
    """A few uploads, a yank, a removal."""
    names = ("alpha", "beta", "gamma", "delta")
    for name in names:
        options: dict[str, Any] = {
            "requires": [f"{draw.choice(names)}{draw.choice(('', '>=1', '<3', '==1.0'))}"],
            "extras": {"fast": [draw.choice(names)]},
            "sdist": draw.random() < 0.3,
            "build_requires": ["beta"],
            "requires_python": draw.choice((None, ">=3.12", "<3.12")),
        }
        world.publish(name, f"{step}.{draw.randrange(3)}", **options)
    newest = list(world.project("beta").releases)[-1]
    world.yank("beta", newest)
    if step == 3:
        world.remove_project("gamma")
    if step == 4:
        world.quarantine("delta")
