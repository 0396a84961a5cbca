"""Runs on record: when each began and ended, and what came of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.publication import runs
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.report import Report
from pypisync.errors import PypiSyncError, Stopped


@contextmanager
def recorded(
    mirror: Mirror, report: Report, refuse: Callable[[Transaction], None] = lambda _: None
) -> Iterator[None]:
    """Returns a context for a run, which is on record with what comes of it.

    ``refuse`` may raise before it begins.
    """
    with mirror.catalog.begin() as connection:
        refuse(connection)
        number = runs.start(connection, mirror.now())
    mirror.answers.clear()
    mirror.fetched = mirror.fetched_bytes = 0
    mirror.watch.begin(number)
    try:
        yield
    except Exception as error:
        report.answers = dict(mirror.answers)
        report.failed["run"] = reason(error)
        outcome = "stopped" if isinstance(error, Stopped) else "failed"
        with mirror.catalog.begin() as connection:
            runs.finish(connection, number, outcome, report, mirror.now())
        raise
    report.answers = dict(mirror.answers)
    outcome = "incomplete" if report.exit_code else "done"
    with mirror.catalog.begin() as connection:
        runs.finish(connection, number, outcome, report, mirror.now())


def reason(error: Exception) -> str:
    """Returns what operators are told of an error."""
    if isinstance(error, PypiSyncError):
        return str(error)
    return f"a fault of PypiSync, please report it: {type(error).__name__}: {error}"
