"""What the changelog did not tell: comparing what is known with the list of all projects.

The list is asked for from time to time, and at once when upstream went back to an older state. A
project that differs is only marked stale: the cycle asks for it, conditionally.
"""

from collections.abc import Mapping

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import pending
from pypisync.core.standards.model import ENDPOINT

_EVERY = 7 * 86400.0  # seconds
_SETTING = "reconciled"


def _of(index: str) -> str:
    return _SETTING if index == ENDPOINT else f"{_SETTING}:{index}"


def overdue(settings: Mapping[str, str], now: float, index: str) -> bool:
    """Returns whether the last comparison is so long ago that another is due."""
    last = settings.get(_of(index))
    # A time to come was written by a clock that was wrong.
    return last is None or not now - _EVERY < float(last) <= now


def reconciled(connection: Transaction, now: float, index: str) -> None:
    """Note that everything that is from an index has been compared with its list."""
    pending.set_setting(connection, _of(index), str(now))


def differing(
    known: Mapping[str, pending.KnownProject], listed: Mapping[str, int]
) -> dict[str, int]:
    """Returns the known projects that upstream's list contradicts, each with the serial it is owed.

    One that is missing in the list was removed, or is in quarantine: only its page tells.
    """
    owed = {}
    for name, project in sorted(known.items()):
        serial = listed.get(name)
        if serial is None:
            if project.status != "gone":
                owed[name] = 0
        elif project.status == "gone" or serial not in (0, project.serial):
            owed[name] = serial
    return owed
