"""One whole cycle, as a recipe.

Resume what a crash cut off and what operators ordered; listen to upstream's changelog; learn and
decide in rounds until nothing new is stale; fetch the files; publish a generation; prune. Every
step leaves the catalog and the tree in a state from which a later run goes on: a crash anywhere,
then a run, ends as if there had been no crash. What fails for one project or one file is set aside
with its reason, and the cycle goes on.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from pypisync.catalog.db import pool
from pypisync.catalog.db.pool import Stored
from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import lock_files as locks
from pypisync.catalog.facts import pending
from pypisync.catalog.facts import policy as bars
from pypisync.catalog.facts import requirements as knowledge
from pypisync.catalog.facts.requirements import wanted_releases
from pypisync.catalog.proofs import history as proof_history
from pypisync.catalog.proofs.publication import counts, publish_proofs, undecided
from pypisync.catalog.publication import assemble, missing_files, retention, runs
from pypisync.catalog.publication import generations as history
from pypisync.catalog.selection import decide
from pypisync.core.standards.filenames import METADATA
from pypisync.cycle import dropped, limits, rollback
from pypisync.cycle import listen as listening
from pypisync.cycle import poll as polling
from pypisync.cycle.mirror import Mirror, bring, expunge, metadata_ask
from pypisync.cycle.prove import Course, prove_open
from pypisync.cycle.publish import renew, write_generation
from pypisync.cycle.recognise import recognise
from pypisync.cycle.vanishing import recovered
from pypisync.cycle.vulnerabilities import learn_vulnerabilities, to_examine
from pypisync.errors import Gone, NoRoom, PypiSyncError, Stopped
from pypisync.upstream.api import FileAsk, ProjectAsk


@dataclass(slots=True)
class Report:
    """What a cycle did."""

    serial: int = 0
    generation: int = 0  # 0: nothing was published
    changes: int = 0  # rows of the changelog
    projects: int = 0  # documents asked for
    releases: int = 0  # releases whose requirements were read
    files: int = 0  # files fetched
    bytes: int = 0
    pages: int = 0  # page files written
    pruned: int = 0  # files deleted
    failed: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    proofs: dict[str, int] = field(default_factory=dict)  # by verdict, over roots and targets
    seconds: dict[str, float] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)  # of upstream: "project ok", ...

    @property
    def exit_code(self) -> int:
        """0: done; 1: done, but something is held or failed."""
        return 1 if self.failed or self.held else 0


def sync_once(mirror: Mirror) -> Report:
    """Run one cycle. The caller holds the writer's lock.

    Raises UpstreamError if upstream cannot be reached at all, StorageError, CatalogError.
    """
    report = Report()
    with _recorded(mirror, report):
        with _timed(report, "resume"):
            resume(mirror, report)
        with _timed(report, "listen"):
            fresh = listen(mirror, report)
        if any(feed.kind == "polling" for feed in mirror.upstream.feeds):
            with _timed(report, "poll"):
                poll(mirror, report)
        if not _settled(mirror, report):
            later = gather(mirror, report, fresh)
            with _timed(report, "publish"):
                publish(mirror, report, later)
        limits.restore(mirror)
        with _timed(report, "prune"):
            report.pruned += expunge(mirror)
            prune(mirror, report)
        mirror.settled = None if report.exit_code else report.proofs
    return report


def _settled(mirror: Mirror, report: Report) -> bool:
    """Returns whether the cycle before left nothing to do, and nothing has come since.

    Then what would be decided and published is known. So a cycle without news costs the same
    whatever the size of the mirror.
    """
    before, mirror.settled = mirror.settled, None
    if before is None or report.exit_code:
        return False
    with mirror.catalog.begin() as connection:
        if pending.unfinished(connection) or to_examine(mirror, connection):
            return False
    report.proofs = before
    return True


# -- resume ---------------------------------------------------------------------------------


def resume(mirror: Mirror, report: Report) -> bool:
    """Obey operators, and write the pages that are still to be written.

    Returns whether the index is frozen: it is then what it is to be.
    """
    report.failed |= rollback.obey(mirror)
    with mirror.catalog.begin() as connection:
        number, _, complete = history.generation(connection)
    if not complete:
        report.pages += write_generation(mirror, number)
    report.pages += renew(mirror)
    stay = rollback.stay(mirror)
    if stay is None:
        return False
    report.generation = stay.number or report.generation
    report.pages += stay.pages
    report.failed |= stay.failed
    return True


# -- listen ---------------------------------------------------------------------------------


def listen(mirror: Mirror, report: Report) -> set[str]:
    """Read the changelog, and owe every project that matters a new document. Returns which."""
    heard = listening.listen(mirror)
    report.serial = heard.serial
    report.changes = heard.changes
    report.failed |= heard.failed
    return heard.owed


def poll(mirror: Mirror, report: Report) -> None:
    """Ask the projects whose turn has come, where their index tells no changes."""
    asked, failed = polling.poll(mirror)
    report.projects += asked
    report.failed |= {name: str(error) for name, error in failed.items()}


# -- gather ---------------------------------------------------------------------------------


def gather(mirror: Mirror, report: Report, fresh: Collection[str]) -> dict[str, str]:
    """Decide, and fetch what was decided. Returns the paths to try again later, as ``fetch`` does.

    A wheel may say something else than upstream said of it before: then it is decided again.
    """
    with _timed(report, "settle"):
        settle(mirror, report, fresh)
    recovered(mirror)
    with _timed(report, "fetch"):
        later = fetch(mirror, report)
        differs = verify(mirror)
    if not differs:
        return later
    report.failed |= differs
    return later | gather(mirror, report, fresh)


def verify(mirror: Mirror) -> dict[str, str]:
    """Check what was read by Range against the wheels that have come. Returns what differs."""
    with mirror.catalog.begin() as connection:
        if not knowledge.unverified(connection):
            return {}
    from pypisync.cycle.learn import verify_ranged

    differs = verify_ranged(mirror)
    for what, reason in differs.items():
        mirror.watch.fault(what, reason)
    return differs


# -- settle ---------------------------------------------------------------------------------


def settle(mirror: Mirror, report: Report, fresh: Collection[str] = ()) -> None:
    """Learn and decide in rounds, until the decision lacks nothing that can be had.

    A patient mirror leaves projects alone that failed of late, but for the ``fresh`` ones.
    """
    tried: set[str] = set()
    examined: set[int] = set()
    course = Course()
    while True:
        with mirror.catalog.begin() as connection:
            _decide(mirror, connection)
            polling.owe_begun(mirror, connection, tried)
            listening.owe_heard(mirror, connection)
            now = mirror.now() if mirror.patient else None
            stale = pending.stale(connection, now, fresh)
            asks = [_ask(one) for one in stale if one.name not in tried]
            wanted = [
                release
                for release in wanted_releases(connection)
                if f"{release.project}=={release.version}" not in tried
            ]
            suspects = [one for one in to_examine(mirror, connection) if one.id not in examined]
            empty = bars.empty_roots(connection) | locks.missing(connection)
        if not (asks or wanted or suspects):
            recognise(mirror)
            if prove_open(mirror, course):
                continue
            with mirror.catalog.begin() as connection:
                report.proofs = counts(connection)
                empty |= undecided(connection)
            for root, reason in empty.items():
                mirror.watch.fault(root, reason)
            report.failed |= empty
            return
        # Most cycles have nothing to learn, and need not wait for what opens archives.
        from pypisync.cycle.learn import learn_projects, learn_requirements

        tried |= {ask.name for ask in asks}
        asks, reason = limits.before_reading(mirror, asks)
        _stop_growing(mirror, report, reason)
        failed = learn_projects(mirror, asks) if asks else {}
        if suspects:
            examined |= {one.id for one in suspects}
            failed |= learn_vulnerabilities(mirror, suspects)
            if mirror.rules.bars.blocks_vulnerable:
                wanted = []  # some of them may be barred now
        if wanted:
            failed |= learn_requirements(mirror, wanted)
        tried |= failed.keys()
        report.projects += len(asks)
        report.releases += len(wanted)
        report.failed |= {what: str(error) for what, error in failed.items()}


def _stop_growing(mirror: Mirror, report: Report, reason: str) -> None:
    if reason and limits.LIMITS not in report.failed:
        report.failed[limits.LIMITS] = reason
        mirror.watch.fault(limits.LIMITS, reason)


def _ask(stale: pending.Stale) -> ProjectAsk:
    return ProjectAsk(
        stale.name,
        stale.serial,
        stale.validators,
        stale.index,
        of=stale.of,
        anew=stale.anew,
        form=stale.form,
        attempts=stale.attempts,
    )


def _decide(mirror: Mirror, connection: Transaction) -> None:
    rules = mirror.rules
    decide.decide(connection, rules.targets, mirror.now(), examine=rules.bars.examines)


# -- fetch ----------------------------------------------------------------------------------


def fetch(mirror: Mirror, report: Report) -> dict[str, str]:
    """Bring the files of the selection into the pool.

    Returns the paths to try again later; with the reason if the disk lacks the room for them.
    """
    with mirror.catalog.begin() as connection:
        wanted = missing_files.files_to_fetch(connection)
    above = limits.LIMITS in report.failed
    allowed, reason = limits.before_fetching(mirror, wanted, above=above)
    _stop_growing(mirror, report, reason)
    asks = []
    for file in allowed:
        if file.file:
            asks.append(
                FileAsk(
                    file.url,
                    file.path,
                    file.sha256,
                    file.size,
                    index=file.index,
                    stated=file.stated,
                )
            )
        if file.metadata is not None:
            asks.append(metadata_ask(file.url, file.path, file.metadata, file.index))
    mirror.watch.step("files", sum(ask.size or 0 for ask in asks), "bytes")
    failed = bring(mirror, asks) if asks else {}
    if any(not ask.sha256 for ask in asks):
        # What came without a stated hash may be another file than the one that a lock names.
        with mirror.catalog.begin() as connection:
            report.failed |= locks.missing(connection)
    # What crashes and changes of mind left; parts of files still to come are kept.
    later = dict.fromkeys({file.path for file in wanted} - {file.path for file in allowed}, "")
    mirror.pool.sweep(keep=failed.keys() | later.keys())
    report.files += len(asks) - len(failed)
    report.bytes += sum(ask.size or 0 for ask in asks if ask.path not in failed)
    report.failed |= {path.rpartition("/")[2]: str(error) for path, error in failed.items()}
    return later | {
        path: str(error) if isinstance(error, NoRoom) else ""
        for path, error in failed.items()
        if not isinstance(error, Gone)
    }


# -- publish --------------------------------------------------------------------------------


def publish(mirror: Mirror, report: Report, later: Mapping[str, str]) -> None:
    """Make the index say what the catalog decided, as a new generation; unless it is frozen."""
    if resume(mirror, report):
        return
    with mirror.catalog.begin() as connection:
        result, proven, refused = dropped.pages(mirror, connection, later, _decide)
        report.failed |= refused
        publish_proofs(connection, proven.ready)
        serial = pending.serial(connection) or 0
        before = history.generation(connection)[0]
        number = history.publish(connection, result.pages, serial, mirror.now())
        # After a rollback the newest generation has other proofs than those that are published.
        ready = None if history.repeats(connection, before) else proven.ready
        proof_history.record(connection, number or before or 1, ready)
        assemble.published_all(connection, result.done)
        dropped.accepted(connection)
        runs.set_held(connection, result.held, mirror.now())
    # Above the limits all that is new is held, for one reason, which is told already.
    report.held = {} if limits.LIMITS in report.failed else result.held
    if number:
        report.generation = number
        report.pages += write_generation(mirror, number)


# -- prune ----------------------------------------------------------------------------------


def prune(mirror: Mirror, report: Report) -> tuple[int, list[Stored]]:
    """Forget generations past their retention, and delete the files that nobody needs any more.

    Returns how many generations were forgotten, and the files that were deleted.
    """
    report.failed |= rollback.obey(mirror)  # it may save a generation
    now = mirror.now()
    with mirror.catalog.begin() as connection:
        old = retention.forget_generations(connection, now - mirror.retention)
        found = retention.unneeded(connection, now - mirror.grace, now - mirror.retention)
    if not found:
        return old, []
    paths = [item.path for item in found]
    with mirror.catalog.begin() as connection:
        pool.doom_stored(connection, paths)
    mirror.pool.delete(paths)
    mirror.pool.flush()
    with mirror.catalog.begin() as connection:
        pool.forget_stored(connection, paths)
    report.pruned += len([path for path in paths if not path.endswith(METADATA)])
    return old, found


# -- the run's record -----------------------------------------------------------------------


@contextmanager
def _recorded(mirror: Mirror, report: Report) -> Iterator[None]:
    with mirror.catalog.begin() as connection:
        number = runs.start(connection, mirror.now())
    mirror.answers.clear()
    mirror.watch.begin(number)
    try:
        yield
    except Exception as error:
        report.answers = dict(mirror.answers)
        report.failed["run"] = _reason(error)
        outcome = "stopped" if isinstance(error, Stopped) else "failed"
        with mirror.catalog.begin() as connection:
            runs.finish(connection, number, outcome, report, mirror.now())
        raise
    report.answers = dict(mirror.answers)
    outcome = "incomplete" if report.exit_code else "done"
    with mirror.catalog.begin() as connection:
        runs.finish(connection, number, outcome, report, mirror.now())


def _reason(error: Exception) -> str:
    if isinstance(error, PypiSyncError):
        return str(error)
    return f"a fault of PypiSync, please report it: {type(error).__name__}: {error}"


@contextmanager
def _timed(report: Report, step: str) -> Iterator[None]:
    start = perf_counter()
    yield
    before = report.seconds.get(step, 0.0)
    report.seconds[step] = round(before + perf_counter() - start, 3)
