"""The slow rounds over what is mirrored: what no changelog tells of, upstream and on the disk.

Upstream changes some things without a journal row (a project is archived), and disks lose bytes
without a word. Each round is cut into slices, so that its load is even and a restart loses nothing.
A slice only marks what has to be looked at or fetched; the next cycle does the rest.
"""

from collections.abc import Callable

from pypisync.catalog.facts import pending, vulnerabilities
from pypisync.catalog.publication import checks
from pypisync.cycle.mirror import Mirror
from pypisync.storage.check import check_files

SWEEP_EVERY = 3600  # seconds between two slices
REHASH_EVERY = 600
_SWEEP_SLICES = 7 * 24  # of a round: each project is asked for once a week
_REHASH_SLICES = 30 * 24 * 6  # each file is read once in a month
_REHASH_ROUND = 30 * 86400.0  # seconds
_SWEPT = "swept"


def swept(mirror: Mirror) -> float:
    """Returns when the last slice of projects was marked (seconds since 1970).

    The rounds begin now if none was.
    """
    with mirror.catalog.begin() as connection:
        last = pending.setting(connection, _SWEPT)
        if last is None:
            last = f"{mirror.now()} "
            pending.set_setting(connection, _SWEPT, last)
    return float(last.partition(" ")[0])


def sweep(mirror: Mirror) -> int:
    """Let the next cycle ask for the next slice of projects, conditionally. Returns how many.

    And for the vulnerabilities of a slice of the releases, if the policy looks at them.
    """
    with mirror.catalog.begin() as connection:
        if mirror.rules.bars.examines:
            vulnerabilities.owe_oldest(connection, mirror.now(), _SWEEP_SLICES)
        after = (pending.setting(connection, _SWEPT) or "").partition(" ")[2]
        names = checks.next_projects(connection, after, _SWEEP_SLICES)
        pending.mark_stale(connection, dict.fromkeys(names, 0), mirror.now())
        if len(mirror.upstream.feeds) > 1:
            # An index before that of a project may have it by now, and not tell.
            pending.look_anew(connection, names)
        last = names[-1] if names else ""
        pending.set_setting(connection, _SWEPT, f"{mirror.now()} {last}")
    return len(names)


def rehash(mirror: Mirror, step: Callable[[], None]) -> tuple[int, dict[str, str]]:
    """Read a slice of the files that were not read for longest.

    Returns how many were read, and what is wrong with which: those count as stored no longer, and
    the next cycle fetches them again. ``step`` is called every few megabytes, and may raise.
    Raises Malformed for a path on record that leaves the mirror.
    """
    now = mirror.now()
    with mirror.catalog.begin() as connection:
        found = checks.oldest_checked(connection, now - _REHASH_ROUND, now, _REHASH_SLICES)
    if not found:
        return 0, {}
    expected = ((file.path, file.sha256, file.size) for file in found)
    faults = {
        fault.path: fault.detail
        for fault in check_files(mirror.pool.root, expected, rehash=True, step=step)
    }
    with mirror.catalog.begin() as connection:
        checks.lose(connection, faults)
        checks.checked(connection, (f.path for f in found if f.path not in faults), now)
    return len(found), faults
