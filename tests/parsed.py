"""Python files, parsed for tests of what is in them."""

import ast
import gc
from collections.abc import Iterable, Mapping
from pathlib import Path


def parsed(paths: Iterable[Path]) -> Mapping[Path, ast.Module]:
    """Each of the files, parsed."""
    gc.disable()  # none of it is garbage, now or later
    try:
        return {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    finally:
        gc.freeze()
        gc.enable()
