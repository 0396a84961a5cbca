"""Keeps a cycle within the configured limits.

Above them nothing new is read or fetched: no document of a project that was never read, no file of
a project that no page lists. Small wheels that came for their METADATA before that was clear go
again. What was learned stays, and what is published is kept up to date.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import pending
from pypisync.catalog.publication import membership
from pypisync.catalog.publication.missing_files import FileToFetch
from pypisync.core.display import counted, show_size
from pypisync.cycle.mirror import Limits, Mirror
from pypisync.cycle.report import Report
from pypisync.upstream.api import ProjectAsk

if TYPE_CHECKING:
    from pypisync.catalog.publication.plan import Plan

LIMITS = "limits"  # what failed, in a report
LIFTED = "limits lifted"  # a setting in the catalog
_NAMED = 3  # roots
_SHARED = "several roots together"
_RAISE = 'raise "limits" in the configuration, or lift them for one cycle: sync --no-limits'


def before_reading(mirror: Mirror, asks: list[ProjectAsk]) -> tuple[list[ProjectAsk], str]:
    """Returns the documents that may be read, and why not all of them; "" if all may.

    Raises CatalogError.
    """
    most = mirror.limits.projects
    if most is None or not asks:
        return asks, ""
    with mirror.catalog.begin() as connection:
        unread = membership.never_read(connection, (ask.name for ask in asks))
        if not unread:
            return asks, ""
        new = len(unread | membership.new_projects(connection))
        if new <= most or _lifted(connection):
            return asks, ""
        found = _all_that_would_come(mirror, connection)
    reason = "at least " + _exceeded(mirror, new, found.fetch.bytes, found)
    return [ask for ask in asks if ask.name not in unread], reason


def before_fetching(
    mirror: Mirror, connection: Transaction, wanted: Sequence[FileToFetch], *, above: bool
) -> tuple[Sequence[FileToFetch], str]:
    """Returns the files that may be fetched, and why not all of them; "" if all may.

    ``above``: something new was not read already, so nothing new is to be fetched either. What a
    page lists was lost and is not added, so it does not count.
    """
    limits = mirror.limits
    if limits == Limits() or not wanted:
        return wanted, ""
    new, size = len(membership.new_projects(connection)), _to_fetch(mirror, wanted)
    if not above and (_within(limits, new, size) or _lifted(connection)):
        return wanted, ""
    lost = membership.on_pages(connection, {file.id for file in wanted})
    size = _to_fetch(mirror, [file for file in wanted if file.id not in lost])
    if not above and _within(limits, new, size):
        return wanted, ""
    found = _all_that_would_come(mirror, connection)
    listed = membership.of_listed_projects(connection, {file.id for file in wanted})
    more = [file for file in wanted if file.id in listed - lost]
    if not _within(limits, 0, _to_fetch(mirror, more)):
        more = []
    allowed = lost.union(file.id for file in more)
    return [file for file in wanted if file.id in allowed], _exceeded(mirror, new, size, found)


def most_bytes(mirror: Mirror) -> int | None:
    """Returns how many bytes may come in this cycle; None: any number. Raises CatalogError."""
    if mirror.limits.bytes is None:
        return None
    with mirror.catalog.begin() as connection:
        return None if _lifted(connection) else mirror.limits.bytes


def over(mirror: Mirror, files: int) -> str:
    """Returns why so many files of which no size is stated are left; "" if none is."""
    if not files:
        return ""
    left = f"{counted(files, 'file')} of unknown size {'is' if files == 1 else 'are'} left"
    size = show_size(mirror.limits.bytes or 0)
    return f"{left} for the next cycle, for {size} have come, which limits allow a cycle; {_RAISE}"


def before_a_plan_comes_true(mirror: Mirror, found: "Plan") -> str:
    """Returns why a cycle would not fetch all that a plan found, or "" if it would."""
    new, size = found.add.projects, found.fetch.bytes
    return "" if _within(mirror.limits, new, size) else _exceeded(mirror, new, size, found)


def lift(connection: Transaction) -> None:
    """Let the next cycle that comes to its end pass the limits."""
    pending.set_setting(connection, LIFTED, "1")


def _lifted(connection: Transaction) -> bool:
    return bool(pending.setting(connection, LIFTED))


def _all_that_would_come(mirror: Mirror, connection: Transaction) -> "Plan":
    # Most cycles keep within the limits, and need not wait for what plans.
    from pypisync.catalog.publication.plan import difference

    return difference(connection, mirror.now(), mirror.pool.has)


def _to_fetch(mirror: Mirror, wanted: Sequence[FileToFetch]) -> int:
    """Returns the bytes to download; a file that a lost database left in the pool is there.

    What came before it was decided whether it may was downloaded for this cycle.
    """
    asked = [file for file in wanted if file.file and file.size]
    size = sum(file.size or 0 for file in asked)
    if mirror.limits.bytes is None or size <= mirror.limits.bytes:
        return size
    left = [f for f in asked if not f.came and mirror.pool.has(f.path, f.size)]
    return size - sum(file.size or 0 for file in left)


def _within(limits: Limits, projects: int, size: int) -> bool:
    return projects <= (limits.projects or projects) and size <= (limits.bytes or size)


def _exceeded(mirror: Mirror, projects: int, size: int, found: "Plan") -> str:
    """Returns what a cycle would add, the limits, which roots ask for most, and what to do."""
    limits = mirror.limits
    allowed = [] if limits.projects is None else [_projects(limits.projects)]
    allowed += [] if limits.bytes is None else [show_size(limits.bytes)]
    most = sorted(found.roots.items(), key=lambda item: (-item[1].bytes, item[0]))[:_NAMED]
    by_root = ", ".join(
        f"{root or _SHARED}: {_projects(amount.projects)}, {show_size(amount.bytes)}"
        for root, amount in most
    )
    follows = mirror.rules.targets.extras is None
    return (
        f"{_projects(projects)} and {show_size(size)} would be added, and limits allow "
        f"{' and '.join(allowed)} a cycle; nothing of it is fetched"
        + (f"; most is asked for by {by_root}" if by_root else "")
        + ("; every extra is followed, for environment.extra is null" if follows else "")
        + f"; {_RAISE}"
    )


def _projects(number: int) -> str:
    return f"{number:,} project{'' if number == 1 else 's'}"


def note(mirror: Mirror, report: Report, reason: str) -> None:
    """Add to a report why nothing new is read or fetched; "" adds nothing."""
    if reason and LIMITS not in report.failed:
        report.failed[LIMITS] = reason
        mirror.watch.fault(LIMITS, reason)
