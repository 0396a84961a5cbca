"""Writes new pages where nobody sees them yet, in a process that loads no more than that takes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pypisync.core.publish.pages import Page
from pypisync.storage.tree import Tree


def preparer(root: Path) -> Callable[[Page], bool]:
    """Returns what prepares one page of the mirror in ``root``; it raises StorageError."""
    return partial(_prepare, Tree(root))


def _prepare(tree: Tree, page: Page) -> bool:
    tree.prepare(page)
    return True
