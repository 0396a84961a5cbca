"""Asks upstream which vulnerabilities the selected releases are known to have.

What is found is recorded; where the policy blocks what is vulnerable, the files of such a release
are barred at once, and the next decision takes another one.
"""

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import vulnerabilities
from pypisync.catalog.facts.record import rederive
from pypisync.catalog.facts.vulnerabilities import Unexamined
from pypisync.core.display import counted
from pypisync.cycle.mirror import Mirror
from pypisync.errors import Stopped, UpstreamError
from pypisync.upstream.api import VulnerabilitiesAsk
from pypisync.upstream.stream import answers

if TYPE_CHECKING:
    from pypisync.core.standards.model import Vulnerability

_RECORD = 100  # releases recorded in one transaction


def to_examine(mirror: Mirror, connection: Transaction) -> list[Unexamined]:
    """Returns the releases to ask upstream about, if the policy asks for it."""
    return vulnerabilities.unexamined(connection) if mirror.rules.bars.examines else []


def learn_vulnerabilities(mirror: Mirror, wanted: Sequence[Unexamined]) -> dict[str, UpstreamError]:
    """Ask about these releases and record the answers.

    Returns the failures by name==version; these releases stay owed.

    Raises Stopped if upstream was told to leave some unanswered.
    """
    mirror.watch.step("vulnerabilities", len(wanted))
    asks = [(VulnerabilitiesAsk(one.project, one.version, one.index), one) for one in wanted]
    failed: dict[str, UpstreamError] = {}
    unanswered = len(asks)
    answered = (
        (release, answer)
        for release, answer in answers(mirror.upstream, asks)
        if not isinstance(answer, Stopped)
    )
    while batch := list(islice(answered, _RECORD)):
        found: dict[int, tuple[Vulnerability, ...]] = {}
        for release, answer in batch:
            mirror.answered("vulnerabilities", answer)
            if isinstance(answer, UpstreamError):
                failed[f"vulnerabilities of {release.label}"] = answer
                mirror.watch.fault(f"vulnerabilities of {release.label}", str(answer))
            else:
                found[release.id] = answer
        with mirror.catalog.begin() as connection:
            changed = vulnerabilities.record(connection, found, mirror.now())
            if mirror.rules.bars.blocks_vulnerable:
                rederive(connection, mirror.rules, mirror.now(), changed)
        unanswered -= len(batch)
        mirror.watch.advance(len(batch))
    if unanswered:
        raise Stopped(
            f"stopped with the vulnerabilities of {counted(unanswered, 'release')} still to read"
        )
    return failed
