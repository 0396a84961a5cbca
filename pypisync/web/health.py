"""Whether the mirror is ready, and its state.

Ready means: something is published, and no more than two cycles were missed since the last
completed one. Held releases and failures do not make the mirror unready: what was published stays
good, and a mirror must not be taken out of service because one project upstream is broken. The
response names them.
"""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from msgspec import Struct, to_builtins

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries.status import Status, read_status
from pypisync.errors import CatalogError
from pypisync.schedule import Schedule
from pypisync.status import Outlook, outlook, status_json, unready

# Anyone may ask; the database is asked this often at most.
_KEPT_SECONDS = 2.0
_FAILED = 3  # reasons that are told


class Snapshot(Struct, frozen=True):
    """The state in the catalog, or why it could not be read."""

    at: float
    status: Status | None
    outlook: Outlook | None = None
    error: str = ""


class Health:
    """The state of the mirror in ``root`` with this catalog; several threads may ask."""

    def __init__(
        self,
        root: Path,
        database: str,
        schedule: Schedule,
        *,
        digest: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:
        self._root = root
        self._database = database
        self._schedule = schedule
        self._digest = digest
        self._now = now
        self._lock = Lock()
        self._last: Snapshot | None = None

    def read(self) -> Snapshot:
        """Returns a reading that is two seconds old at most. Waits for the database."""
        with self._lock:
            now = self._now()
            if self._last is None or not 0 <= now - self._last.at < _KEPT_SECONDS:
                self._last = self._ask(now)
            return self._last

    def _ask(self, now: float) -> Snapshot:
        try:
            with Reader(self._database) as reader:
                found = read_status(reader)
        except CatalogError as error:
            return Snapshot(now, None, error=str(error))
        ahead = outlook(self._root, self._schedule, found, now, digest=self._digest)
        return Snapshot(now, found, ahead)

    def unready(self, reading: Snapshot) -> list[str]:
        """Returns why the mirror is not ready; nothing if it is."""
        found = reading.status
        if found is None:
            return [reading.error]
        return unready(self._root, self._schedule, found, self._now())

    def readiness(self) -> tuple[int, dict[str, Any]]:
        """Returns the HTTP status (503: no catalog) and the text of ``pypisync status --json``."""
        reading = self.read()
        reasons = self.unready(reading)
        answer: dict[str, Any] = {"ready": not reasons, "reasons": reasons}
        if reading.status is not None:
            answer |= _faults(reading.status)
        return 503 if reasons else 200, answer

    def status(self) -> tuple[int, dict[str, Any]]:
        """Returns the HTTP status (503: no catalog) and the text of ``pypisync status --json``."""
        reading = self.read()
        if reading.status is None or reading.outlook is None:
            return 503, {"error": reading.error}
        return 200, status_json(reading.status, reading.outlook)


def _faults(found: Status) -> dict[str, Any]:
    """Returns the counts of failures, held releases and owed projects, with their first reasons."""
    held = [{"release": r, "reason": why, "since": at} for r, why, at in found.held_first]
    owed = found.pending
    failed = found.finished.failed if found.finished else {}
    first = [{"project": owed.name, "reason": owed.reason, "since": owed.since}] if owed else []
    return {
        "serial": found.serial,
        "completed": found.completed and found.completed.finished,
        "feeds": found.feeds,
        "broken": found.broken and {"since": found.broken[0], "reason": found.broken[1]},
        "failed": {"count": len(failed), "first": dict(list(failed.items())[:_FAILED])},
        "held": {"releases": found.held, "first": held},
        "proofs": {
            **found.proofs.counts,
            "waiting": found.proofs.waiting,
            "first": [to_builtins(one) for one in found.proofs.first],
        },
        "pending": {
            "projects": owed.projects if owed else 0,
            "failing": owed.failing if owed else 0,
            "first": first,
        },
    }
