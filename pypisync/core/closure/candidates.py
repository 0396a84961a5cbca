"""Which releases of a project a specifier or a selector calls for.

Preference is pip's: newest first; a pre-release counts only if the specifier names one or no
final release matches; a yanked release only if an exact pin leaves nothing else (PEP 440, PEP 592
and pip's ``is_pinned``). Each target is matched by itself, so a release that one target cannot use
never hides another release from it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pypisync.core.standards.specifiers import Matcher, matcher
from pypisync.core.wanted.selector import Selector


class Candidate(NamedTuple):
    """A release as the choice sees it; masks are over the targets of the configuration."""

    release: int  # id in the catalog
    key: bytes  # sorts as PEP 440
    version: str
    prerelease: bool
    admits: int  # by files that are not yanked
    admits_yanked: int  # by all files
    unsure: int = 0  # of these, where an installer may pass over it and take an older one


def choose(
    candidates: Sequence[Candidate], specifier: str, mask: int
) -> tuple[tuple[int, ...], int]:
    """Returns the best release for each target in ``mask``: their ids, and the targets without one.

    ``candidates`` come newest first. Each target is decided by itself, so the results for two masks
    unite to the result for the union of the masks. Where an installer may pass over the best
    release, the next one is chosen as well.
    """
    wanted = matcher(specifier)
    finals: list[Candidate] = []
    chosen: list[int] = []
    left = unsure = mask
    for candidate in _matching(candidates, wanted):
        if candidate.prerelease and not wanted.prereleases:
            continue
        finals.append(candidate)
        if candidate.admits & unsure:
            chosen.append(candidate.release)
            left &= ~candidate.admits
            unsure &= ~candidate.admits | candidate.unsure
            if not unsure:
                return tuple(chosen), 0
    if wanted.pinned:
        before, left = left, _cover(chosen, finals, left, yanked=True)
        unsure &= left | ~before
    if not wanted.prereleases:
        # As pip does: a yanked final is no candidate, and still keeps pre-releases out.
        barred = _union([_bars(c) for c in finals])
        others = [c for c in _matching(candidates, wanted) if c.prerelease]
        unsure = _cover(chosen, others, unsure & ~barred, yanked=False)
        if wanted.pinned:
            unsure = _cover(chosen, others, unsure, yanked=True)
        left &= unsure | barred
    return tuple(chosen), left


def _bars(final: Candidate) -> int:
    """Returns where a final keeps pre-releases out: nobody reads METADATA of a yanked one."""
    return final.admits_yanked & ~(final.admits & final.unsure)


def _matching(candidates: Sequence[Candidate], wanted: Matcher) -> Iterator[Candidate]:
    """Yields those whose version the specifier admits, newest first."""
    if wanted.arbitrary is not None or len(wanted.intervals) != 1:
        yield from (c for c in candidates if wanted.matches(c.key, c.version))
        return
    ((low, high),) = wanted.intervals
    for candidate in candidates:
        key = candidate.key
        if key < low:
            return  # all that follow are older still
        if key < high:
            yield candidate


def _cover(chosen: list[int], candidates: Sequence[Candidate], left: int, *, yanked: bool) -> int:
    for candidate in candidates:
        usable = candidate.admits_yanked if yanked else candidate.admits
        if usable & left:
            left &= ~usable
            if candidate.release not in chosen:
                chosen.append(candidate.release)
    return left


def choose_root(
    candidates: Sequence[Candidate], selector: Selector, groups: Sequence[int]
) -> tuple[tuple[int, ...], int]:
    """Returns the ids of the releases that a root's selector calls for.

    The second value is the targets on which a group's line finds no release.

    N of "N latest" is counted once in each group, and what some installer passes over everywhere in
    the group does not count. An exact version is taken even if yanked, a pre-release, or usable on
    no target at all, for the operator has named it.
    """
    wanted = matcher(selector.specifier)
    matching = list(_matching(candidates, wanted))
    if selector.exact:
        return tuple(c.release for c in matching), 0 if matching else _union(groups)
    chosen: dict[int, None] = {}
    unmet = 0
    for group in groups:
        picks = _newest(matching, wanted, group, selector.count)
        chosen.update(dict.fromkeys(picks))
        if not picks:
            unmet |= group
    return tuple(chosen), unmet


def newest_suffices(newest: Candidate | None, selector: Selector, groups: Sequence[int]) -> bool:
    """Returns whether ``newest`` (the newest final release) is all that a root calls for."""
    return (
        newest is not None
        and (selector.count, selector.specifier) == (1, "")
        and bool(groups)
        and all(newest.admits & ~newest.unsure & group for group in groups)
    )


def _newest(
    matching: Sequence[Candidate], wanted: Matcher, group: int, count: int | None
) -> list[int]:
    here = [c for c in matching if c.admits_yanked & group]
    if not wanted.prereleases:
        finals = [c for c in here if not c.prerelease]
        if any(_bars(c) & group for c in finals):
            here = finals
    usable = [c for c in here if c.admits & group]
    if not usable and wanted.pinned:
        usable = here
    found: list[int] = []
    sure = 0
    for candidate in usable:
        if sure == count:
            break
        found.append(candidate.release)
        sure += bool(candidate.admits_yanked & ~candidate.unsure & group)
    return found


def _union(masks: Sequence[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union
