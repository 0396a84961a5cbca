"""Whether to believe that a project is gone.

A journal's word is believed at once. Without it an index that is broken looks like one that has
lost everything: it answers 404, leads to another index, or shows an empty page. So a project must
be denied twice, some time apart. One that the index does not let us see (401, 403) never counts as
gone. If much of the mirror is denied, nothing is removed until the index is well again or the
operator confirms.

A project that another index has now, with fewer releases than are mirrored, is doubted in the same
way. If the operator has assigned it to that index, it moves at once; but if that concerns much of
the mirror, only when the operator confirms.
"""

from collections.abc import Mapping, Sequence

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import missing, pending
from pypisync.catalog.facts.parsed import read
from pypisync.core.standards.model import ProjectDocument, Unchanged
from pypisync.cycle.mirror import Mirror
from pypisync.errors import Elsewhere, Gone, Refused, Unreachable, UpstreamError
from pypisync.upstream.api import ProjectAsk

APART = 1800.0  # seconds between the first denial and one that is believed

_Answered = tuple[ProjectAsk, ProjectDocument | Unchanged | UpstreamError]


_BROKEN = "broken"  # a setting: since when, and what is said of it


def doubted(mirror: Mirror, batch: Sequence[_Answered]) -> dict[str, UpstreamError]:
    """Returns the projects whose denial is not believed (yet), with the reason."""
    denied = {ask.name: why for ask, answer in batch if (why := _denial(answer))}
    moved = dict(filter(None, (_moved(ask, answer) for ask, answer in batch)))
    if not (denied or moved):
        return {}
    now = mirror.now()
    with mirror.catalog.begin() as connection:
        denied |= _less(connection, moved)
        known = {
            name: one
            for name, one in missing.standing(connection, denied).items()
            # A page that was always empty is no news.
            if not one.told and (one.filled or denied[name] is not _EMPTY)
        }
        pending.mark_stale(connection, dict.fromkeys(known, 0), now)
        missing.note(connection, known, now)
        assigned = {one.assigned for one in known.values()}
        ill = _ill(mirror, connection, now) if False in assigned else ""
        slip = _slip(mirror, connection) if True in assigned else ""
    reasons: dict[str, UpstreamError] = {}
    for name, one in known.items():
        early = _soon(one.since, now) and not isinstance(denied[name], Refused)
        reason = slip if one.assigned else ill or (_HALF_AN_HOUR if early else "")
        if reason:
            reasons[name] = Unreachable(f"{denied[name]}; {reason}")
    return reasons


def _ill(mirror: Mirror, connection: Transaction, now: float) -> str:
    """Returns why nothing is removed, and notes it, if an index seems broken; "" if none does."""
    count, mirrored = missing.share(connection)
    if not broken(mirror, count, mirrored):
        return ""
    if pending.setting(connection, _BROKEN) is None:
        said = f"upstream denies {count} of the {mirrored} projects mirrored"
        pending.set_setting(connection, _BROKEN, f"{now} {said}")
    return (
        f"and so are {count} of the {mirrored} projects mirrored: the index seems broken, and "
        'nothing is removed; if they are gone, run "pypisync sync --accept-removals"'
    )


def _slip(mirror: Mirror, connection: Transaction) -> str:
    """Returns why the operator's assignment of indexes must be confirmed; "" if it need not."""
    count, mirrored = missing.share(connection, assigned=True)
    if not broken(mirror, count, mirrored):
        return ""
    return (
        f"the configuration takes {count} of the {mirrored} projects mirrored from other indexes, "
        "and those that would lose releases stay as they are; if that is meant, run "
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
    """Returns the projects of which another index shows less than what is mirrored, and what."""
    shown = {name: read(document).releases.keys() for name, document in moved.items()}
    return {
        name: Gone(
            f"the index {moved[name].index} has it now, without {_some(versions)}, which "
            f"{'is' if len(versions) == 1 else 'are'} mirrored"
        )
        for name, versions in missing.lost(connection, shown).items()
        if moved[name].status != "quarantined"
    }


def _some(versions: Sequence[str]) -> str:
    more = len(versions) - _SHOWN
    return ", ".join(versions[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


_SHOWN = 3
_HALF_AN_HOUR = "this is believed if it is still so half an hour later"


def recovered(mirror: Mirror) -> None:
    """Note that no index is broken any more, if that is so."""
    with mirror.catalog.begin() as connection:
        was = pending.setting(connection, _BROKEN) is not None
        if was and not broken(mirror, *missing.share(connection)):
            pending.forget_setting(connection, _BROKEN)


def broken(mirror: Mirror, denied: int, mirrored: int) -> bool:
    """Returns whether so many denials look like an index that is broken."""
    much = denied > mirror.removals and denied > mirror.removals_share * mirrored
    return much or 1 < mirrored <= denied


_EMPTY = Gone("upstream shows no files of it any more")


def _denial(answer: object) -> UpstreamError | None:
    if isinstance(answer, Gone | Elsewhere | Refused):
        return answer
    if isinstance(answer, ProjectDocument) and not answer.partial:
        nothing = not (answer.files or answer.versions or answer.skipped)
        if nothing and answer.status != "quarantined":
            return _EMPTY
    return None


def _soon(since: float | None, now: float) -> bool:
    # A time to come was written by a clock that was wrong.
    return since is None or not since + APART <= now
