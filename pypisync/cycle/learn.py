"""Reads the documents of stale projects, and records what they say."""

from collections.abc import Sequence
from functools import partial
from itertools import islice

from pypisync.catalog.facts import pending
from pypisync.catalog.facts.record import record_documents, record_gone
from pypisync.catalog.facts.validators import record_same
from pypisync.core.display import counted
from pypisync.core.standards.model import ProjectDocument, Unchanged
from pypisync.core.wanted.assignment import RESERVED
from pypisync.cycle.isolation import apart
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.vanishing import doubted
from pypisync.errors import Elsewhere, Gone, Stopped, UpstreamError
from pypisync.upstream.api import ProjectAnswers, ProjectAsk
from pypisync.upstream.stream import answers

# Documents recorded in one transaction. Each is whole by itself; more at once costs less.
_RECORD = 100

_NOT_HERE = (Gone, Elsewhere)


def learn_projects(mirror: Mirror, asks: Sequence[ProjectAsk]) -> dict[str, UpstreamError]:
    """Fetch and record stale projects. Returns the failures, which stay stale.

    Raises Stopped if upstream was told to leave some unanswered.
    """
    failed: dict[str, UpstreamError] = {}
    unanswered = len(asks)
    mirror.watch.step("projects", len(asks))
    answered = (
        (ask, answer)
        for ask, answer in answers(mirror.upstream, zip(asks, asks, strict=True))
        if not isinstance(answer, Stopped)
    )
    while batch := list(islice(answered, _RECORD)):
        failed |= take_documents(mirror, batch)
        unanswered -= len(batch)
    if unanswered:
        raise Stopped(f"stopped with {counted(unanswered, 'project')} still to read")
    return failed


def take_documents(mirror: Mirror, batch: ProjectAnswers) -> dict[str, UpstreamError]:
    """Record documents that have come. Returns the failures, which stay stale.

    Raises Stopped, CatalogError.
    """
    for _, answer in batch:
        mirror.answered("project", answer)
    reasons = _faults(batch) | doubted(mirror, batch)
    good = _elsewhere(mirror, [one for one in batch if one[0].name not in reasons])
    reasons |= _faults(good)
    good = [one for one in good if one[0].name not in reasons]
    reasons |= apart(good, partial(_record, mirror), lambda one: one[0].name)
    if reasons:
        with mirror.catalog.begin() as connection:
            pending.mark_stale(connection, dict.fromkeys(reasons, 0), mirror.now())
            pending.set_aside(connection, {name: str(error) for name, error in reasons.items()})
    for name, error in reasons.items():
        mirror.watch.fault(name, str(error))
    mirror.watch.advance(len(batch))
    return reasons


def _faults(batch: ProjectAnswers) -> dict[str, UpstreamError]:
    return {
        ask.name: answer
        for ask, answer in batch
        if isinstance(answer, UpstreamError) and not isinstance(answer, _NOT_HERE)
    }


def _record(mirror: Mirror, answered: ProjectAnswers) -> None:
    """Record what upstream says of projects; they are owed nothing any more."""
    documents = [answer for _, answer in answered if isinstance(answer, ProjectDocument)]
    of = mirror.upstream.assignment.indexes_of
    lost = [ask.name for ask, answer in answered if isinstance(answer, _NOT_HERE)]
    gone = {name: None if of(name) else RESERVED for name in lost}
    same = {ask.name: answer for ask, answer in answered if isinstance(answer, Unchanged)}
    other = {name: one.validators for name, one in same.items() if one.validators}
    with mirror.catalog.begin() as connection:
        record_documents(connection, documents, mirror.rules, mirror.now())
        record_gone(connection, gone, mirror.rules, mirror.now())
        record_same(connection, other)
        pending.found(connection, same)
        pending.settled(connection, [*(d.name for d in documents), *gone, *same])


def _elsewhere(mirror: Mirror, batch: ProjectAnswers) -> ProjectAnswers:
    """Returns the batch, with what other indexes say of the projects that are gone from their own.

    So a project goes from one index to the next without a time in which it has no page.
    """
    assignment = mirror.upstream.assignment
    lost = [
        ProjectAsk(ask.name, anew=True)
        for ask, answer in batch
        if isinstance(answer, _NOT_HERE) and ask.index and len(assignment.indexes_of(ask.name)) > 1
    ]
    if not lost:
        return batch
    asked = answers(mirror.upstream, zip(lost, lost, strict=True))
    found = {ask.name: (ask, answer) for ask, answer in asked}
    if stopped := next((a for _, a in found.values() if isinstance(a, Stopped)), None):
        raise stopped
    return [found.get(ask.name, (ask, answer)) for ask, answer in batch]
