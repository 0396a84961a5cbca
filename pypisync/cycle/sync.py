"""One whole cycle, as a recipe.

Resume what a crash cut off and what operators ordered; listen to upstream's changelog; learn and
decide in rounds until nothing new is stale; fetch the files; publish a generation; prune. Every
step leaves the catalog and the tree in a state from which a later run goes on: a crash anywhere,
then a run, ends as if there had been no crash. What fails for one project or one file is set aside
with its reason, and the cycle goes on.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing

from pypisync.catalog.bundles import fed
from pypisync.catalog.db import pool
from pypisync.catalog.facts import insides, lock_files, pending, ranged
from pypisync.catalog.proofs import history
from pypisync.catalog.proofs.publication import publish_proofs, withdraw
from pypisync.catalog.publication import assemble, generations, missing_files, runs
from pypisync.cycle import dropped, limits, removals
from pypisync.cycle.fetch_ahead import file_asks
from pypisync.cycle.incoming import Incoming
from pypisync.cycle.listen import listen
from pypisync.cycle.mirror import Mirror, expunge
from pypisync.cycle.poll import poll
from pypisync.cycle.prune import prune
from pypisync.cycle.publish import write_generation
from pypisync.cycle.record_run import recorded
from pypisync.cycle.report import Report
from pypisync.cycle.resume import resume
from pypisync.cycle.settle import settle
from pypisync.cycle.vanishing import recovered
from pypisync.cycle.vulnerabilities import to_examine
from pypisync.errors import Gone, NoRoom, OverLimit

# Wheels that one cycle looks into again, because the rule has changed.
_OUTDATED = 2000, 2 * 2**30


def sync_once(mirror: Mirror) -> Report:
    """Run one cycle. Returns what it did. The caller holds the writer's lock.

    Raises UpstreamError if upstream cannot be reached at all, StorageError, CatalogError,
    ConfigError if the policy would bar most of what is published, and BundleError if bundles feed
    the mirror.
    """
    report = Report()
    with recorded(mirror, report, fed.refuse), closing(mirror.processes):
        with report.timed("resume"):
            resume(mirror, report, begins=True)
        with report.timed("listen"):
            fresh = listen(mirror, report)
        if any(feed.kind == "polling" for feed in mirror.upstream.feeds):
            with report.timed("poll"):
                poll(mirror, report)
        before, mirror.settled = mirror.settled, None
        if before is not None and _nothing_to_do(mirror, report):
            report.proofs = before
        else:
            later = gather(mirror, report, fresh)
            with report.timed("publish"):
                publish(mirror, report, later)
        end_permissions(mirror)
        with report.timed("prune"):
            report.pruned += expunge(mirror)
            prune(mirror, report)
        mirror.settled = None if report.exit_code else report.proofs
    return report


def end_permissions(mirror: Mirror) -> None:
    """Let limits and the share of removals count again: operators lift them for one cycle."""
    with mirror.catalog.begin() as connection:
        pending.clear_setting(connection, limits.LIFTED, removals.ACCEPTED)


def _nothing_to_do(mirror: Mirror, report: Report) -> bool:
    """Returns whether nothing has come since the cycle before, which left nothing to do.

    Then what would be decided and published is known. So a cycle without news costs the same
    whatever the size of the mirror.
    """
    if report.exit_code:
        return False
    with mirror.catalog.begin() as connection:
        return not (pending.unfinished(connection) or to_examine(mirror, connection))


# -- gather ---------------------------------------------------------------------------------


def gather(mirror: Mirror, report: Report, fresh: Collection[str]) -> dict[str, str]:
    """Decide, and fetch what was decided. Returns the paths to try again later, as ``fetch`` does.

    A file may say something else than was known of it before, or be one at which installers stop:
    then it is decided again. Raises Unreachable if nothing can be read of upstream, Stopped,
    and Malformed for a path on record that leaves the mirror.
    """
    with Incoming(mirror) as incoming:
        with report.timed("settle"):
            settle(mirror, report, incoming, fresh)
        with report.timed("fetch"):
            later = fetch(incoming, report)
            with mirror.catalog.begin() as connection:
                parts = bool(ranged.unverified(connection))
                wheels = insides.unlooked(connection) + insides.outdated(connection, *_OUTDATED)
            differs = verify(mirror) if parts else {}
            broken = look(mirror, wheels)
    if not (differs or broken or incoming.late):
        return later
    report.failed |= differs
    return later | gather(mirror, report, fresh)


def verify(mirror: Mirror) -> dict[str, str]:
    """Check what was read by Range against the wheels that have come. Returns what differs.

    Raises Malformed for a path on record that leaves the mirror.
    """
    from pypisync.cycle.verify_ranged import verify_ranged

    differs = verify_ranged(mirror)
    for what, reason in differs.items():
        mirror.watch.fault(what, reason)
    return differs


def look(mirror: Mirror, wheels: Sequence[str]) -> bool:
    """Look into wheels that have come. Returns whether what was found changes anything.

    Some of those that came before there was this rule are looked into as well.
    """
    if not wheels:
        return False
    from pypisync.cycle.look import look_at

    return look_at(mirror, wheels)


# -- fetch ----------------------------------------------------------------------------------


def fetch(incoming: Incoming, report: Report) -> dict[str, str]:
    """Bring the files of the selection into the pool, as far as they are not there already.

    Returns the paths to try again later; with the reason if the disk lacks the room for them.
    """
    mirror = incoming.mirror
    above = limits.LIMITS in report.failed
    with mirror.catalog.begin() as connection:
        recovered(mirror, connection)
        wanted = missing_files.files_to_fetch(connection)
        allowed, reason = limits.before_fetching(mirror, connection, wanted, above=above)
        # Let the wheels stay that came early, but for those that the limits do not allow.
        refused = {file.path for file in wanted if file.came} - {file.path for file in allowed}
        pool.decided(connection, refused)
    limits.note(mirror, report, reason)
    asks = list(file_asks(allowed))
    incoming.forget_files()  # and ask at once for those that are wanted
    if asks or mirror.fetched:
        mirror.watch.step("files", incoming.still_to_come(asks), "bytes")
    failed = incoming.bring(asks, limits.most_bytes(mirror)) if asks else {}
    if any(not ask.sha256 for ask in asks):
        # What came without a stated hash may be another file than the one that a lock names.
        with mirror.catalog.begin() as connection:
            report.failed |= lock_files.missing(connection)
    # What crashes and changes of mind left; parts of files still to come are kept.
    later = dict.fromkeys({file.path for file in wanted} - {file.path for file in allowed}, "")
    mirror.pool.sweep(keep=failed.keys() | later.keys() | incoming.files)
    report.files, report.bytes = mirror.fetched, mirror.fetched_bytes
    left = {path for path, error in failed.items() if isinstance(error, OverLimit)}
    limits.note(mirror, report, limits.over(mirror, len(left)))
    report.failed |= {
        path.rpartition("/")[2]: str(error) for path, error in failed.items() if path not in left
    }
    return later | {
        path: str(error) if isinstance(error, NoRoom) else ""
        for path, error in failed.items()
        if not isinstance(error, Gone)
    }


# -- publish --------------------------------------------------------------------------------


def publish(mirror: Mirror, report: Report, later: Mapping[str, str]) -> None:
    """Make the index say what the catalog decided, as a new generation; unless it is frozen.

    Raises StorageError, CatalogError.
    """
    if resume(mirror, report):
        return
    with mirror.catalog.begin() as connection:
        result, proven, refused = dropped.pages(mirror, connection, later)
        report.failed |= refused
        lost = withdraw(connection, result.pages)
        publish_proofs(connection, proven.ready)
        serial = pending.serial(connection) or 0
        before = generations.newest(connection)
        number = generations.publish(connection, result.pages, serial, mirror.now())
        # After a rollback the newest generation has other proofs than those that are published.
        known = before is None or before.repeats is None
        ready = [*proven.ready, *lost] if known else None
        history.record(connection, number or (before.id if before else 1), ready)
        assemble.published_all(connection, result.done)
        removals.restore(connection)
        runs.set_held(connection, result.held, mirror.now())
    # Above the limits all that is new is held, for one reason, which is told already.
    report.held = {} if limits.LIMITS in report.failed else result.held
    if number:
        report.generation = number
        report.pages += write_generation(mirror, number)
