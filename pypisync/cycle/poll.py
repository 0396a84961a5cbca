"""Asks projects one by one where their index tells no changes.

Each project that matters is asked once an interval, conditionally, after a moment of the interval
that follows from its name: the daemon looks several times an interval whose moment has come, so the
requests are spread evenly, and a restart changes nothing. Whoever syncs by hand wants to know, so
then all of them are asked, as in each cycle of a cron expression. Nothing is written for a project
that did not change; one that failed is stale from then on.
"""

from collections.abc import Collection
from hashlib import sha256

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import pending
from pypisync.catalog.publication import runs
from pypisync.cycle import feeds
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.report import Report
from pypisync.upstream.api import ProjectAsk


def poll(mirror: Mirror, report: Report) -> None:
    """Ask the projects whose turn has come, and record what is new.

    The report gets how many were asked, and the failures. Raises Stopped, CatalogError.
    """
    polled = _polled(mirror)
    with mirror.catalog.begin() as connection:
        this = runs.last(connection)
        last = runs.last_completed(connection) if mirror.patient and mirror.every else None
        asks = [
            ProjectAsk(one.name, 0, one.validators, one.index, of=one.of, form=one.form)
            for one in _mattering(mirror, connection, polled)
            # From start to start of the runs: what lies between two of them is asked for once.
            if last is None or this is None or due(one.name, mirror.every, last, this.started)
        ]
    if not asks:
        return
    # Most cycles have nothing to learn, and need not wait for what opens archives.
    from pypisync.cycle.learn import learn_projects

    failed = learn_projects(mirror, asks)
    report.projects_read += len(asks)
    report.failed |= {name: str(error) for name, error in failed.items()}


def owe_begun(mirror: Mirror, connection: Transaction, asked: Collection[str] = ()) -> None:
    """Owe a document to each polled project that begins to matter: it was not polled before.

    Those ``asked`` in this cycle, and those that mattered when it began, are up to date.
    """
    if polled := _polled(mirror):
        names = {one.name for one in _mattering(mirror, connection, polled)}
        begun = names - mirror.mattered - set(asked)
        pending.mark_stale(connection, dict.fromkeys(sorted(begun), 0), mirror.now())
        mirror.mattered |= names.union(asked)


def note_mattering(mirror: Mirror, connection: Transaction) -> None:
    """Note which polled projects matter as a cycle begins."""
    polled = _polled(mirror)
    found = _mattering(mirror, connection, polled) if polled else ()
    mirror.mattered = {one.name for one in found}


def _mattering(
    mirror: Mirror, connection: Transaction, polled: Collection[str]
) -> list[pending.StaleProject]:
    """Returns the projects that matter and that come from a polled index, if not from it alone."""
    assignment = mirror.upstream.assignment

    def united(name: str) -> bool:
        return assignment.united(name) and not set(polled).isdisjoint(assignment.indexes_of(name))

    return pending.mattering(connection, polled, united if assignment.union else None)


def _polled(mirror: Mirror) -> list[str]:
    return [feed.name for feed in mirror.upstream.feeds if feed.kind == "polling"]


def someone_due(mirror: Mirror) -> bool:
    """Returns whether a cycle that begins now would poll a project. Raises CatalogError."""
    with mirror.catalog.begin() as connection:
        polled = feeds.polled(mirror, pending.all_settings(connection))
        last = runs.last_completed(connection)
        if not polled or last is None:
            return False
        now = mirror.now()
        matter = _mattering(mirror, connection, polled)
        return any(due(one.name, mirror.every, last, now) for one in matter)


def due(name: str, every: float, last: float, now: float) -> bool:
    """Returns whether the project's moment of the interval lies between ``last`` and ``now``."""
    drawn = int.from_bytes(sha256(name.encode()).digest()[:8])
    phase = drawn / 2**64 * every
    # A time to come was written by a clock that was wrong.
    return last > now or (now - phase) // every > (last - phase) // every
