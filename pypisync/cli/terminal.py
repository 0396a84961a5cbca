"""Whether somebody watches a command at a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pypisync.cycle.mirror import Silent, Watch


@contextmanager
def on_terminal() -> Iterator[Watch]:
    """Returns a context with progress bars at a terminal, else with a watch that says nothing."""
    if not sys.stderr.isatty():
        yield Silent()
        return
    from pypisync.cli.progress import Bars

    with Bars() as bars:
        yield bars
