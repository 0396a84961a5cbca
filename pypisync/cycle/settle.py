"""Learn and decide, until a decision lacks nothing that can be had.

What a decision calls for is asked for at once, and the next decision is made when little of that
is left to come: so no project waits for the slowest of all.

The first round also tells whether what is asked is an index at all: a new mirror has nothing to
compare its documents with. An address with a typo, a web site and a page that asks to log in look
like an index that has none of the projects. As long as no project was ever shown, and neither a
feed of changes nor a list of projects tells that there is an index, a cycle ends as upstream's
fault. A mirror that has shown projects is broken instead (:mod:`pypisync.cycle.vanishing`).
"""

from collections.abc import Collection, Mapping, Sequence

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import lock_files, missing, pending, policy, requirements
from pypisync.catalog.facts.vulnerabilities import Unexamined
from pypisync.catalog.proofs.publication import counts, undecided
from pypisync.catalog.selection import decide
from pypisync.core.standards.model import ENDPOINT
from pypisync.cycle import limits, listen, poll
from pypisync.cycle.fetch_ahead import fetch_ahead
from pypisync.cycle.incoming import Incoming
from pypisync.cycle.learning import Learning
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.prove import ProofResults, prove_open
from pypisync.cycle.report import Report
from pypisync.cycle.vulnerabilities import learn_vulnerabilities, to_examine
from pypisync.errors import Closed, Stopped, Unreachable, UpstreamError
from pypisync.upstream.api import ChangeFeed, ProjectAsk


def recognise(mirror: Mirror) -> None:
    """Raises Unreachable if nothing shows that there is an index; asks at most for its list."""
    feeds = mirror.upstream.feeds
    if any(feed.kind != "polling" for feed in feeds):
        return
    with mirror.catalog.begin() as connection:
        denied = missing.never_shown(connection)
    if not denied:
        return
    reasons = [_doubt(feed, denied) for feed in feeds]
    if "" in reasons:
        return
    example = next((reason for reason in denied.values() if reason), "")
    raise Unreachable(
        f"no project could be read (asked for: {len(denied)}), and {'; '.join(reasons)}"
        + (f"; {example}" if example else "")
    )


def _doubt(feed: ChangeFeed, denied: Mapping[str, str]) -> str:
    """Returns why this may be no index, and what to do; "" if its list shows that it is one."""
    try:
        listed = feed.names()
    except UpstreamError as error:
        if isinstance(error, Stopped):
            raise
        if isinstance(error, Closed):
            return f"the index does not let us see which it has: {error}"
        said = f"nothing shows that there is an index: {error}"
    else:
        if listed and (listed.keys() & denied.keys() or not any(denied.values())):
            return ""
        said = f"nothing shows that there is an index: {feed.address} lists none of them"
    if feed.name == ENDPOINT:
        return (
            f'{said}; check the endpoint: it is an address without "/simple/", which is appended '
            "to it, and an index whose pages lie elsewhere belongs into indexes"
        )
    return (
        f"{said}; check the address of the index {feed.name!r}: only the names of projects are "
        "appended to it"
    )


def settle(mirror: Mirror, report: Report, incoming: Incoming, fresh: Collection[str] = ()) -> None:
    """Learn and decide, until the decision lacks nothing that can be had.

    A patient mirror leaves projects alone that failed of late, but for the ``fresh`` ones. What
    is selected is fetched while proofs are made. Raises Unreachable if nothing can be read of
    upstream, Stopped.
    """
    learning = Learning(incoming, report)
    results = ProofResults()
    while True:
        suspects = _decide(learning, fresh)
        if learning.receive() or learning.read_rest() or _examine(learning, suspects):
            continue
        recognise(mirror)
        fetch_ahead(incoming, report)
        if not prove_open(mirror, results):
            break
    with mirror.catalog.begin() as connection:
        report.proofs = counts(connection)
        empty = policy.empty_roots(connection, mirror.rules) | lock_files.missing(connection)
        empty |= undecided(connection) | requirements.unreadable(connection)
    for root, reason in empty.items():
        mirror.watch.fault(root, reason)
    report.failed |= empty


def _decide(learning: Learning, fresh: Collection[str]) -> list[Unexamined]:
    """Decide, and ask for what the decision lacks. Returns the releases to be examined first."""
    mirror, report = learning.incoming.mirror, learning.report
    with mirror.catalog.begin() as connection:
        update_decision(mirror, connection)
        poll.owe_begun(mirror, connection, learning.asked)
        listen.owe_heard(mirror, connection)
        now = mirror.now() if mirror.patient else None
        stale = pending.stale(connection, now, fresh)
        wanted = requirements.wanted_releases(connection)
        suspects = to_examine(mirror, connection)
    suspects = [one for one in suspects if one.id not in learning.examined]
    if suspects and mirror.rules.bars.blocks_vulnerable:
        wanted = []  # some of them may be barred soon
    asks = [_ask(one) for one in stale if one.name not in learning.asked]
    learning.asked |= {ask.name for ask in asks}
    allowed, reason = limits.before_reading(mirror, asks)
    limits.note(mirror, report, reason)
    learning.read_documents(allowed)
    learning.read_requirements(wanted)
    return suspects


def _examine(learning: Learning, suspects: Sequence[Unexamined]) -> bool:
    """Ask which vulnerabilities releases have. Returns whether there were any releases."""
    if suspects:
        learning.examined |= {one.id for one in suspects}
        learning.note(learn_vulnerabilities(learning.incoming.mirror, suspects))
    return bool(suspects)


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
