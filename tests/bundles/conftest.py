"""What tests of bundles share, among themselves and with those of whole cycles."""

from pathlib import Path

import pytest

from tests.bundles.links import Link, linked
from tests.recipe.conftest import memory_path
from tests.sim.world import World

__all__ = ["memory_path"]


@pytest.fixture
def link(tmp_path: Path, world: World) -> Link:
    """An outside with one generation, and an inside with nothing."""
    world.publish("app", "1.0", requires=["lib"])
    world.publish("lib", "1.0")
    made = linked(tmp_path, world, {"app": ["latest"]})
    made.outside.sync()
    return made
