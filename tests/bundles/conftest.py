"""What tests of bundles share, among themselves and with those of whole cycles."""

from pathlib import Path

import pytest

from tests.bundles.copies import copied
from tests.bundles.links import Link, one_generation
from tests.recipe.conftest import memory_path
from tests.sim.world import World

__all__ = ["memory_path"]


@pytest.fixture
def link(tmp_path: Path, world: World) -> Link:
    """An outside with one generation, and an inside with nothing."""
    return copied(one_generation, tmp_path, world)
