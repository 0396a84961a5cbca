"""What differs inside the processes of a chaos run; Python imports it before anything else.

``STREAM_FROM``: how many open asks are worth a process of the stream. ``STREAM_SILENT``: after how
many seconds without a word it hangs.
"""

import os
import select
import sys
import time
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import SupportsIndex

_MODULE = "pypisync.cycle.far_stream"


class _Changed(MetaPathFinder):
    """Finds the one module, and sets its numbers once it has been run."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        found = PathFinder.find_spec(name, path) if name == _MODULE else None
        if found is not None and found.loader is not None:
            run = found.loader.exec_module

            def changed(module: ModuleType) -> None:
                run(module)
                changes = {
                    "_WORTH": os.environ["STREAM_FROM"],
                    "_SILENT": os.environ["STREAM_SILENT"],
                }
                assert vars(module).keys() >= changes.keys(), "they have other names now"
                vars(module).update((name, int(value)) for name, value in changes.items())

            found.loader.exec_module = changed  # type: ignore[method-assign]
        return found


def _sleep(seconds: float | SupportsIndex, /) -> None:
    select.select([], [], [], float(seconds))


if "STREAM_FROM" in os.environ:
    sys.meta_path.insert(0, _Changed())
if "FAKETIME_TIMESTAMP_FILE" in os.environ:
    time.sleep = _sleep  # libfaketime lets the system's own way end at once
