"""Learn and decide in rounds, until a decision lacks nothing that can be had."""

from collections.abc import Collection

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import lock_files, pending, policy, requirements
from pypisync.catalog.proofs.publication import counts, undecided
from pypisync.catalog.selection import decide
from pypisync.cycle import limits, listen, poll
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.prove import ProofResults, prove_open
from pypisync.cycle.recognise import recognise
from pypisync.cycle.report import Report
from pypisync.cycle.vulnerabilities import learn_vulnerabilities, to_examine
from pypisync.upstream.api import ProjectAsk


def settle(mirror: Mirror, report: Report, fresh: Collection[str] = ()) -> None:
    """Learn and decide in rounds, until the decision lacks nothing that can be had.

    A patient mirror leaves projects alone that failed of late, but for the ``fresh`` ones.
    """
    tried: set[str] = set()
    examined: set[int] = set()
    course = ProofResults()
    while True:
        with mirror.catalog.begin() as connection:
            update_decision(mirror, connection)
            poll.owe_begun(mirror, connection, tried)
            listen.owe_heard(mirror, connection)
            now = mirror.now() if mirror.patient else None
            stale = pending.stale(connection, now, fresh)
            asks = [_ask(one) for one in stale if one.name not in tried]
            wanted = [
                release
                for release in requirements.wanted_releases(connection)
                if f"{release.project}=={release.version}" not in tried
            ]
            suspects = [one for one in to_examine(mirror, connection) if one.id not in examined]
            empty = policy.empty_roots(connection) | lock_files.missing(connection)
        if not (asks or wanted or suspects):
            recognise(mirror)
            if prove_open(mirror, course):
                continue
            with mirror.catalog.begin() as connection:
                report.proofs = counts(connection)
                empty |= undecided(connection) | requirements.unreadable(connection)
            for root, reason in empty.items():
                mirror.watch.fault(root, reason)
            report.failed |= empty
            return
        # Most cycles have nothing to learn, and need not wait for what opens archives.
        from pypisync.cycle.learn import learn_projects
        from pypisync.cycle.read_requirements import learn_requirements

        tried |= {ask.name for ask in asks}
        asks, reason = limits.before_reading(mirror, asks)
        limits.note(mirror, report, reason)
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


def _ask(stale: pending.StaleProject) -> ProjectAsk:
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


def update_decision(mirror: Mirror, connection: Transaction) -> None:
    """Decide what changed facts and roots touch. Raises CatalogError."""
    rules = mirror.rules
    decide.decide(connection, rules.targets, mirror.now(), examine=rules.bars.examines)
