"""What runs and what comes: what the catalog alone does not know, beside what it does.

Shared by ``pypisync status`` and the web server's ``/status.json`` and ``/metrics``. Times are
seconds since 1970.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pypisync.catalog.queries.status import Status
from pypisync.core.standards.model import LastRun
from pypisync.schedule import Schedule, due
from pypisync.storage.lock import holder


@dataclass(frozen=True, slots=True)
class Outlook:
    """Who works on the mirror, when the next run is, and how far behind upstream it may be."""

    daemon: int | None  # its pid
    next_run: float | None  # None: nobody will start one
    read_serial: int | None  # up to which the changelog was read
    read_at: float | None
    lag_serials: int | None  # from the oldest change that is owed to the newest that was read
    lag_minutes: float | None  # since the changelog was last read


def outlook(destination: Path, schedule: Schedule, found: Status, now: float) -> Outlook:
    """Returns the outlook of the mirror in ``destination`` whose catalog says ``found``."""
    who = holder(destination)
    daemon = who.pid if who and who.daemon else None
    run = found.last
    last = None if run is None else LastRun(run.started, run.finished, run.outcome)
    read = found.completed
    owed = found.pending.serial if found.pending else 0
    lag = None if found.serial is None else max(found.serial - owed + 1, 0) if owed else 0
    return Outlook(
        daemon,
        None if daemon is None else due(schedule, last, now),
        found.serial,
        read.started if read else None,
        lag,
        round((now - read.started) / 60, 1) if read else None,
    )


def status_json(found: Status, ahead: Outlook) -> dict[str, Any]:
    """Returns the status for programs: what ``pypisync status --json`` and ``/status.json`` say."""
    return {"well": found.well, **asdict(found), **asdict(ahead)}
