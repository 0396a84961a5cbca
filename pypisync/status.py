"""What runs and what comes: what the catalog alone does not know, beside what it does.

Shared by ``pypisync status`` and the web server's ``/status.json`` and ``/metrics``. Times are
seconds since 1970.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, to_builtins

from pypisync.catalog.queries.status import Status
from pypisync.core.standards.model import LastRun
from pypisync.errors import StorageError
from pypisync.schedule import Schedule, due
from pypisync.storage import disk, orders
from pypisync.storage.exports import Exports
from pypisync.storage.lock import holder
from pypisync.version import own_version

_CYCLES = 3
_LEAST_SECONDS = 3_600.0


class Outlook(Struct, frozen=True):
    """Who works on the mirror, when the next run is, and how far behind upstream it may be."""

    daemon: int | None  # its pid
    next_run: float | None  # None: nobody will start one, or it comes with the next bundle
    read_serial: int | None  # up to which the changelog was read
    read_at: float | None
    lag_serials: int | None  # from the oldest change that is owed to the newest that was read
    lag_minutes: float | None  # since the changelog was last read
    version: str  # of PypiSync, as it is installed here
    free_bytes: int | None  # on the disk of the mirror
    configuration_in_use: bool | None  # as it is now; None: no cycle has said so
    refused: tuple[float, str] | None  # since when and why a daemon does not use it
    unready: Sequence[str]  # why the mirror does not count as ready
    exported: tuple[int, float] | None = None  # the number of the last bundle written, and when


def outlook(
    destination: Path, schedule: Schedule, found: Status, now: float, *, digest: str = ""
) -> Outlook:
    """Returns the outlook of the mirror in ``destination`` whose catalog says ``found``.

    ``digest`` is the configuration's; "" if it is not to be compared.
    """
    who = holder(destination)
    daemon = who.pid if who and who.daemon else None
    run = found.last
    last = None if run is None else LastRun(run.started, run.finished, run.outcome)
    read = found.completed
    owed = found.pending.serial if found.pending else 0
    lag = None if found.serial is None else max(found.serial - owed + 1, 0) if owed else 0
    return Outlook(
        daemon,
        None if daemon is None or found.bundle is not None else due(schedule, last, now),
        found.serial,
        read.started if read else None,
        lag,
        round((now - read.started) / 60, 1) if read else None,
        own_version(),
        _free(destination),
        found.configuration == digest if digest and found.configuration else None,
        orders.refused(destination),
        unready(destination, schedule, found, now),
        _exported(destination),
    )


def _exported(destination: Path) -> tuple[int, float] | None:
    try:
        return Exports(destination).last()
    except StorageError:
        return None


def unready(destination: Path, schedule: Schedule, found: Status, now: float) -> list[str]:
    """Returns why the mirror is not ready; nothing if it is."""
    reasons = []
    if found.generation is None or not (destination / "simple" / "index.html").exists():
        reasons.append("nothing is published")
    completed = found.completed
    if completed is None or completed.finished is None:
        reasons.append("no cycle has been completed yet")
    elif found.bundle is None and now > (limit := fresh_until(schedule, completed.finished)):
        age, most = now - completed.finished, limit - completed.finished
        reasons.append(
            f"the last completed cycle ended {age:.0f} seconds ago, more than {most:.0f}"
        )
    return reasons


def fresh_until(schedule: Schedule, completed: float) -> float:
    """Returns until when a mirror counts as fresh whose last cycle ended then (since 1970).

    After the third time that a cycle was due, but not within an hour: a cycle may take that long.
    """
    due = completed
    for _ in range(_CYCLES):
        due = schedule.after(due)
    return max(due, completed + _LEAST_SECONDS)


def _free(destination: Path) -> int | None:
    try:
        return disk.free(destination)
    except StorageError:
        return None


def well(found: Status, ahead: Outlook) -> bool:
    """Returns whether all is as it should be: what ``pypisync status`` ends with 0 for."""
    refused = found.refusal or ahead.refused
    return found.well and not ahead.unready and not refused


def status_json(found: Status, ahead: Outlook) -> dict[str, Any]:
    """Returns the status for programs: what ``pypisync status --json`` and ``/status.json`` say."""
    return {**to_builtins(found), **to_builtins(ahead), "well": well(found, ahead)}
