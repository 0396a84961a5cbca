"""Puts right what differs from the catalog: fetches again, publishes, writes pages, deletes strays.

The caller holds the writer's lock. A catalog that contradicts itself is put right first, and what
it does not know is deleted only if that is the smaller part of what is there: a database that is
half restored, or of another mirror, would have everything deleted. What cannot be mended keeps
nothing else from being mended.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

from msgspec import Struct, field

from pypisync.catalog.bundles import fed
from pypisync.catalog.publication import checks
from pypisync.cycle.incoming import Incoming
from pypisync.cycle.mirror import Mirror, expunge
from pypisync.cycle.publish import rewrite
from pypisync.cycle.report import Report
from pypisync.cycle.sync import fetch, publish
from pypisync.cycle.verify import TOO_MANY, Check, page_names
from pypisync.errors import Malformed, StorageError
from pypisync.storage.check import Discrepancy

_FEW = 3  # so many may be deleted however little else there is


class RepairReport(Struct):
    """What a repair came to."""

    left: list[Discrepancy] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)


def repair(mirror: Mirror, check: Check, faults: Collection[Discrepancy]) -> RepairReport:
    """Mend what can be mended of the faults that ``check`` has found. Returns what is left.

    A file that cannot be fetched again leaves the pages: a link that does not work is worse than
    none. Raises CatalogError, StorageError, UpstreamError if upstream cannot be reached at all, and
    BundleError if bundles feed the mirror.
    """
    outcome = RepairReport()
    if not faults:
        return outcome
    with mirror.catalog.begin() as connection:
        fed.refuse(connection)
    if any(fault.kind == "catalog" for fault in faults):
        with mirror.catalog.begin() as connection:
            checks.assemble_again(connection)
    else:
        _delete(mirror, faults, outcome)
    broken = [f.path for f in faults if f.kind in ("missing", "size", "hash")]
    with mirror.catalog.begin() as connection:
        known = checks.lose(connection, broken)
    report = Report()
    with _noted(outcome, "files"):
        with Incoming(mirror, known=known) as incoming:
            later = fetch(incoming, report)
        publish(mirror, report, later)
        expunge(mirror)
    outcome.failed |= report.failed
    outcome.held = report.held
    for name in sorted(page_names(faults)):
        with _noted(outcome, name):
            rewrite(mirror, [name])
    with _noted(outcome, "simple"):
        rewrite(mirror, [])
    outcome.left = check.again(faults)
    return outcome


def _delete(mirror: Mirror, faults: Collection[Discrepancy], outcome: RepairReport) -> None:
    """Delete files whose bytes are wrong, strays, and pages of projects that are not listed."""
    files = [f.path for f in faults if f.kind == "stray" and f.path.startswith("packages/")]
    pages = [f.path for f in faults if f.kind == "page" and f.detail == TOO_MANY]
    others = [f.path for f in faults if f.kind == "stray" and f.path.startswith("simple/")]
    with mirror.catalog.begin() as connection:
        stored, listed = checks.stored_count(connection), checks.listed_count(connection)
    wrong = [fault.path for fault in faults if fault.kind in ("size", "hash")]
    _each(wrong, lambda path: mirror.pool.delete([path]), outcome)
    if _smaller(files, stored, "files", outcome):
        _each(files, lambda path: mirror.pool.delete([path]), outcome)
    _each(others, mirror.tree.remove_stray, outcome)
    if _smaller(pages, listed, "pages", outcome):
        _each(pages, lambda path: mirror.tree.remove_page(path.partition("/")[2]), outcome)
    with _noted(outcome, "packages"):
        mirror.pool.flush()
        mirror.tree.flush()


def _smaller(going: Collection[str], known: int, what: str, outcome: RepairReport) -> bool:
    """Returns whether what the catalog does not know is the smaller part; else notes it."""
    if len(going) <= max(_FEW, known):
        return True
    outcome.failed[f"strays among the {what}"] = (
        f"the catalog knows {known:,}, and {len(going):,} more are on the disk: they stay, because "
        "the database may be incomplete or of another mirror: restore it from a backup, or move "
        "them away"
    )
    return False


def _each(paths: Collection[str], do: Callable[[str], object], outcome: RepairReport) -> None:
    for path in paths:
        with _noted(outcome, path):
            do(path)


@contextmanager
def _noted(outcome: RepairReport, what: str) -> Iterator[None]:
    """Note what the disk does not let us do, and go on."""
    try:
        yield
    except (StorageError, Malformed) as error:
        outcome.failed[what] = str(error)
