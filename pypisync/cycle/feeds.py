"""How each index told its changes last, and what its changes did not tell.

What is remembered of an index: the kind of its feed, when a better one was looked for, and the
address whose serials are known. All begins anew (every project of the index is owed a document) at
another address, and when an index that had no serials has some.

From time to time, and at once when upstream went back to an older state, what is known is compared
with the list of all projects. A project that differs is only marked stale: the cycle asks for it,
conditionally.
"""

from collections.abc import Mapping

from msgspec import Struct

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import pending
from pypisync.core.standards.model import ENDPOINT
from pypisync.cycle.mirror import Mirror
from pypisync.upstream.api import FEEDS, ChangeFeed, FeedKind

# A call costs little, a list of all projects may cost megabytes: seconds between two looks.
_LOOKS: dict[FeedKind, float] = {"changelog": 3600.0, "serials": 86400.0}


class Before(Struct, frozen=True):
    """What the last cycle left of an index."""

    serial: int | None  # up to which its changes were read
    kind: FeedKind
    address: str | None
    moved: bool  # the address is another one now
    noted: str | None  # the kind on record; at another address it says nothing


def recall(
    mirror: Mirror, settings: Mapping[str, str], last: float | None, feed: ChangeFeed
) -> Before:
    """Go on with the kind of the last cycle, and look for a better one if it is time.

    Returns what the feed was before.

    ``last``: when the cycle before began (seconds since 1970); None: there was none.
    """
    word = settings.get(f"feed:{feed.name}")
    kind = word if word in FEEDS else FEEDS[0]
    address = settings.get(f"address:{feed.name}")
    moved = address not in (None, feed.address)
    if moved:
        kind = FEEDS[0]
    now = mirror.now()
    look = [one for one, every in _LOOKS.items() if last is None or now // every != last // every]
    feed.follow(kind, look)
    serial = pending.serial_in(settings, feed.name)
    return Before(serial, kind, address, moved, word)


def list_due(mirror: Mirror, last: float | None) -> bool:
    """Returns whether a polled index is to be asked for all its projects: nothing tells new ones.

    The daemon asks once a day; whoever syncs by hand wants to know. ``last`` is as in
    :func:`recall`.
    """
    every = _LOOKS["serials"]
    by_hand = not (mirror.patient and mirror.every)
    return by_hand or last is None or mirror.now() // every != last // every


def polled(mirror: Mirror, settings: Mapping[str, str]) -> list[str]:
    """Returns the indexes that told nothing in the last cycle, so that their projects are asked."""
    names = [feed.name for feed in mirror.upstream.feeds]
    return [name for name in names if settings.get(f"feed:{name}") == "polling"]


def remember(mirror: Mirror, connection: Transaction, feed: ChangeFeed, before: Before) -> None:
    """Note the kind that was found, and tell if it is another one than before."""
    word = f"feed:{feed.name}"
    if feed.kind != before.noted:
        pending.set_setting(connection, word, feed.kind)
    if feed.address != before.address:
        pending.set_setting(connection, f"address:{feed.name}", feed.address)
    if feed.kind != before.kind:
        mirror.watch.feed(feed.name, feed.kind, feed.fault)


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
