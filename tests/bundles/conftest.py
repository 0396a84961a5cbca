"""What tests of bundles share with those of whole cycles."""

from tests.recipe.conftest import memory_path

__all__ = ["memory_path"]
