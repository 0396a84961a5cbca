"""Whether to believe that a project is gone.

A journal's word is believed at once. Without it an index that is broken looks like one that has
lost everything: it answers 404, leads to another index, or shows an empty page. So a project must
be denied twice, some time apart. One that the index does not let us see (401, 403) never counts as
gone. If much of what is mirrored from an index is denied, nothing of it is removed until the index
is well again or the operator confirms. What was believed within a day counts as well.

A project that another index has now, with fewer releases than are mirrored, is doubted in the same
way. If the operator has assigned it to that index, it moves at once; but if that concerns much of
the mirror, only when the operator confirms.

A document that is older than the one that is known, by the serials of one index, may lie in a cache
for hours. It is believed if none that is newer has come for a day.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import missing, pending
from pypisync.catalog.facts.parsed import read
from pypisync.core.display import counted
from pypisync.core.standards import filenames
from pypisync.core.standards.model import ProjectDocument
from pypisync.cycle.mirror import Mirror
from pypisync.errors import Elsewhere, Gone, Refused, Stale, Unreachable, UpstreamError
from pypisync.upstream.api import ProjectAnswers, ProjectAsk

APART = 1800.0  # seconds between the first denial and one that is believed


_DAY = 86400.0  # seconds that a removal counts among those that follow; that a cache may be late
_BELIEVED = "believed"  # a setting: what went without a journal's word of late
_BROKEN = "broken"  # a setting: since when, and what is said of it


def doubted(mirror: Mirror, batch: ProjectAnswers) -> dict[str, UpstreamError]:
    """Returns the projects whose denial is not believed (yet), with the reason."""
    denied = {ask.name: why for ask, answer in batch if (why := _denial(answer))}
    moved = dict(filter(None, (_moved(ask, answer) for ask, answer in batch)))
    united = _united(mirror, batch)
    again = _again(mirror, batch)
    if not (denied or moved or united or again):
        return {}
    now = mirror.now()
    with mirror.catalog.begin() as connection:
        denied |= _less(connection, moved) | _left(mirror, batch) | _parted(connection, united)
        denied |= _older(connection, again)
        known = {
            name: one
            for name, one in missing.standing(connection, denied).items()
            # A page that was always empty is no news.
            if not one.told and (one.filled or denied[name] is not _EMPTY)
        }
        pending.mark_stale(connection, dict.fromkeys(known, 0), now)
        missing.note(connection, known, now)
        assigned = {one.assigned for one in known.values()}
        ill = _ill(mirror, connection, now) if False in assigned else {}
        slip = _slip(mirror, connection) if True in assigned else ""
    reasons: dict[str, UpstreamError] = {}
    for name, one in known.items():
        reason = slip if one.assigned else ill.get(one.index) or _early(denied[name], one, now)
        if reason:
            reasons[name] = Unreachable(f"{denied[name]}; {reason}")
    _remember(mirror, {n: o.index for n, o in known.items() if _goes(n, o, denied, reasons)})
    return reasons


def _goes(
    name: str,
    one: missing.MissingProject,
    denied: Mapping[str, UpstreamError],
    reasons: Mapping[str, UpstreamError],
) -> bool:
    """Returns whether a project goes for no other reason than that it was denied twice."""
    return not (one.assigned or name in reasons or isinstance(denied[name], Refused | Stale))


def _remember(mirror: Mirror, gone: Mapping[str, str]) -> None:
    """Count what is believed for a while: polled projects are denied a few at a time."""
    if gone:
        with mirror.catalog.begin() as connection:
            now = mirror.now()
            kept = [
                *_believed(connection, now),
                *((now, name, gone[name]) for name in sorted(gone)),
            ]
            pending.set_setting(connection, _BELIEVED, json.dumps(kept))


def _believed(connection: Transaction, now: float) -> list[tuple[float, str, str]]:
    """Returns who went within the last day: when, the project, its index."""
    rows = json.loads(pending.setting(connection, _BELIEVED) or "[]")
    return [(at, name, index) for at, name, index in rows if now - _DAY < at <= now]


def _ill(mirror: Mirror, connection: Transaction, now: float) -> dict[str, str]:
    """Returns why nothing of an index is removed that seems broken, by index, and notes it."""
    found = {}
    for index, (count, mirrored) in _broken(mirror, connection, now).items():
        of = "" if len(mirror.upstream.feeds) == 1 else f" from the index {index}"
        much = f"{count} of the {counted(mirrored, 'project')} mirrored{of}"
        if pending.setting(connection, _BROKEN) is None:
            said = f"upstream denies {much}"
            pending.set_setting(connection, _BROKEN, f"{now} {said}")
        found[index] = (
            f"and so {'is' if count == 1 else 'are'} {much}: the index seems broken, "
            'and nothing is removed; if they are gone, run "pypisync sync --accept-removals"'
        )
    return found


def _broken(mirror: Mirror, connection: Transaction, now: float) -> dict[str, tuple[int, int]]:
    """Returns the indexes that deny too much, with how many of how many mirrored projects.

    What was believed of late counts as well.
    """
    went = Counter(index for _, _, index in _believed(connection, now))
    found = {}
    assignment = mirror.upstream.assignment
    for index, (names, mirrored) in missing.shares(connection).items():
        denied, of = len(names) + went[index], mirrored + went[index]
        # A stranger may have put on a later index what this one shows none of any more.
        alone = assignment.followed(index) and not all(map(assignment.united, names))
        emptied = alone and denied >= of > 0
        if emptied or broken(mirror, denied, of):
            found[index] = denied, of
    return found


def _slip(mirror: Mirror, connection: Transaction) -> str:
    """Returns why the operator's assignment of indexes must be confirmed; "" if it need not."""
    count, mirrored = missing.moving(connection)
    if not broken(mirror, count, mirrored):
        return ""
    return (
        f"the configuration takes {count} of the {counted(mirrored, 'project')} mirrored from "
        "other indexes, and those that would lose releases stay as they are; if that is meant, run "
        '"pypisync sync --accept-removals"'
    )


def _moved(ask: ProjectAsk, answer: object) -> tuple[str, ProjectDocument] | None:
    """Returns the project with its document, if that is of another index than the one before."""
    if not isinstance(answer, ProjectDocument) or answer.partial or _denial(answer):
        return None
    return (ask.name, answer) if ask.index and answer.index != ask.index else None


def _less(
    connection: Transaction, moved: Mapping[str, ProjectDocument]
) -> dict[str, UpstreamError]:
    """Returns the projects whose new index shows less than is mirrored, and what is missing."""
    shown = {name: read(document).releases.keys() for name, document in moved.items()}
    return {
        name: Gone(
            f"the index {moved[name].index} has it now, without {_some(versions)}, which "
            f"{'is' if len(versions) == 1 else 'are'} mirrored"
        )
        for name, versions in missing.lost(connection, shown).items()
        if moved[name].status != "quarantined"
    }


def _left(mirror: Mirror, batch: ProjectAnswers) -> dict[str, UpstreamError]:
    """Returns the projects that an index has no more, and a later one in the order has.

    Whatever that one shows: a stranger may have put it there under the same name.
    """
    found: dict[str, UpstreamError] = {}
    for ask, answer in batch:
        order = mirror.upstream.assignment.indexes_of(ask.name)
        if not isinstance(answer, ProjectDocument) or not {ask.index, answer.index} <= set(order):
            continue
        if order.index(answer.index) > order.index(ask.index):
            why = f"the index {ask.index} has it no more, and {answer.index} has it"
            found[ask.name] = Gone(why)
    return found


def _united(
    mirror: Mirror, batch: ProjectAnswers
) -> dict[str, tuple[ProjectDocument, Collection[str]]]:
    """Returns the documents that several indexes make together, each with those indexes."""
    assignment = mirror.upstream.assignment
    return {
        ask.name: (answer, assignment.indexes_of(ask.name))
        for ask, answer in batch
        if isinstance(answer, ProjectDocument) and assignment.united(ask.name)
    }


def _parted(
    connection: Transaction, united: Mapping[str, tuple[ProjectDocument, Collection[str]]]
) -> dict[str, UpstreamError]:
    """Returns the projects that one of their several indexes shows no file of any more.

    The others show theirs, so the document alone does not tell.
    """
    found: dict[str, UpstreamError] = {}
    for name, indexes in missing.sources(connection, united).items():
        document, may = united[name]
        shown = {file.index or document.index for file in document.files}
        if lost := sorted(indexes.intersection(may) - shown):
            found[name] = Gone(f"the index {lost[0]} shows no files of {name} any more")
    return found


def _again(mirror: Mirror, batch: ProjectAnswers) -> dict[str, ProjectDocument]:
    """Returns the documents of projects that their index has shown before, and has not begun anew.

    A folder has fingerprints as serials, of what several indexes make together no serial tells how
    old it is, and one that was owed a serial has it.
    """
    counting = {feed.name for feed in mirror.upstream.feeds if not feed.listing}
    united = mirror.upstream.assignment.united
    return {
        ask.name: answer
        for ask, answer in batch
        if isinstance(answer, ProjectDocument) and ask.form and ask.index == answer.index
        if answer.index in counting and not united(ask.name)
        if not ask.serial or ask.of != answer.index
    }


def _older(
    connection: Transaction, shown: Mapping[str, ProjectDocument]
) -> dict[str, UpstreamError]:
    """Returns the projects whose document is older than the one that is known."""
    known = pending.serials(connection, shown)
    return {
        name: Stale(f"upstream shows it as of serial {one.serial}, older than {known[name]}")
        for name, one in shown.items()
        if 0 < one.serial < known[name]
    }


def _some(versions: Sequence[str]) -> str:
    more = len(versions) - _SHOWN
    return ", ".join(versions[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


_SHOWN = 3
_BELIEVED_IF = "this is believed if it is still so"


def recovered(mirror: Mirror, connection: Transaction) -> None:
    """Note that no index is broken any more, if that is so."""
    was = pending.setting(connection, _BROKEN) is not None
    if was and not _broken(mirror, connection, mirror.now()):
        pending.forget_setting(connection, _BROKEN)


def broken(mirror: Mirror, denied: int, mirrored: int) -> bool:
    """Returns whether so many denials look like an index that is broken."""
    much = denied > mirror.removals and denied > mirror.removals_share * mirrored
    return much or 1 < mirrored <= denied


_EMPTY = Gone("upstream shows no files of it any more")


def _denial(answer: object) -> UpstreamError | None:
    if isinstance(answer, Gone | Elsewhere | Refused):
        return answer
    if not isinstance(answer, ProjectDocument) or answer.partial:
        return None
    if answer.status != "quarantined" and not _shows(answer):
        return _EMPTY
    return None


def _shows(document: ProjectDocument) -> bool:
    """Returns whether the document shows a file of its project.

    A page that asks to log in may have links, and an index whose files are away has versions.
    """
    named = (*(file.filename for file in document.files), *(one.what for one in document.skipped))
    return any(_is_of(document.name, filename) for filename in named)


def _is_of(project: str, filename: str) -> bool:
    try:
        filenames.parse(project, filename)
    except Exception:  # noqa: BLE001 - whatever a name does to a parser, no other project is to wait
        return False
    return True


def _early(why: UpstreamError, one: missing.MissingProject, now: float) -> str:
    """Returns why it is too early to believe a denial; "" if it is not."""
    if isinstance(why, Refused):
        return ""
    apart, later = (_DAY, "a day") if isinstance(why, Stale) else (APART, "half an hour")
    # A time to come was written by a clock that was wrong.
    early = one.since is None or not one.since + apart <= now
    return f"{_BELIEVED_IF} {later} later" if early else ""
