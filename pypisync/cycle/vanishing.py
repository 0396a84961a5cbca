"""Whether to believe that a project is gone.

A journal's word is believed at once. Without it an index that is broken looks like one that has
lost everything: it answers 404, leads to another index, or shows an empty page. So a project must
be denied twice, some time apart. One that the index does not let us see (401, 403) never counts as
gone. If much of the mirror is denied, nothing is removed until the index is well again or the
operator confirms.
"""

from collections.abc import Sequence

from pypisync.catalog.facts import missing, pending
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
    if not denied:
        return {}
    now = mirror.now()
    with mirror.catalog.begin() as connection:
        known = {
            name: one
            for name, one in missing.standing(connection, denied).items()
            # A page that was always empty is no news.
            if not one.told and (one.filled or denied[name] is not _EMPTY)
        }
        pending.mark_stale(connection, dict.fromkeys(known, 0), now)
        missing.note(connection, known, now)
        count, mirrored = missing.share(connection)
        ill = broken(mirror, count, mirrored)
        if ill and pending.setting(connection, _BROKEN) is None:
            said = f"upstream denies {count} of the {mirrored} projects mirrored"
            pending.set_setting(connection, _BROKEN, f"{now} {said}")
    if ill:
        reason = (
            f"and so are {count} of the {mirrored} projects mirrored: the index seems broken, and "
            'nothing is removed; if they are gone, run "pypisync sync --accept-removals"'
        )
        return {name: Unreachable(f"{denied[name]}; {reason}") for name in known}
    early = {
        name: one
        for name, one in known.items()
        if _soon(one.since, now) and not isinstance(denied[name], Refused)
    }
    return {
        name: Unreachable(f"{denied[name]}; it is removed if that is so half an hour later")
        for name in early
    }


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
