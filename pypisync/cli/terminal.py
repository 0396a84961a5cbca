"""Whether somebody watches a command at a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pypisync.cli.common import say, wait_told
from pypisync.cycle.mirror import Silent, Watch


@contextmanager
def on_terminal() -> Iterator[Watch]:
    """Returns a context with progress bars at a terminal, else with lines on whom is waited for."""
    if not sys.stderr.isatty():
        yield WaitLines()
        return
    from pypisync.cli.progress import Bars

    with Bars() as bars:
        yield bars


class WaitLines(Silent):
    """A watch that says nothing but which host is asked again, and why."""

    def retry(self, what: str, reason: str, seconds: float) -> None:
        """Print that a host is asked again."""
        say([f"retry: {wait_told(what, reason, seconds)}"])
