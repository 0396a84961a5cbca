"""What a cycle begins with: the changelog, the names, and the configuration as it is now.

All that follows from them is marked in one transaction: projects that are owed a document, roots,
and what other environments or other rules make of the facts.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Literal

from msgspec import Struct, field
from packaging.utils import canonicalize_name

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import missing, pending, policy, vulnerabilities
from pypisync.catalog.facts.record import mature, rederive
from pypisync.catalog.proofs import verdicts
from pypisync.catalog.publication import runs
from pypisync.catalog.selection import decide
from pypisync.catalog.selection.roots import add_for_proofs, set_roots
from pypisync.core.standards.model import ENDPOINT
from pypisync.core.wanted.assignment import Assignment
from pypisync.core.wanted.groups import group_text, roots_of
from pypisync.core.wanted.roots import expand
from pypisync.cycle import feeds, poll, removals
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.quarantine import Words, withdraw
from pypisync.cycle.report import Report
from pypisync.errors import Rewound, Stopped, UpstreamError
from pypisync.upstream.api import SIMPLE_INDEX, ChangeFeed

# What PyPI's journal says of what is gone. The row of a quarantined release says nothing of others.
_REMOVAL = re.compile(r"remove (?:project|release|file)|project quarantined")


def listen(mirror: Mirror, report: Report) -> set[str]:
    """Read what every index tells of changes, and owe every project that matters a new document.

    Returns the projects that are owed one because of it. The report gets the serial up to which the
    endpoint's changes were read, the number of rows of all indexes, and the indexes whose changes
    could not be read. Marks and serials are stored in one transaction: from then on nothing can be
    lost. Raises CatalogError, UpstreamError if no index can be read, and ConfigError if the policy
    bars most of the mirror.
    """
    mirror.watch.step("changelog")
    with mirror.catalog.begin() as connection:
        known = pending.all_settings(connection)
        last = runs.before_last(connection)
    before = {feed.name: feeds.recall(mirror, known, last, feed) for feed in mirror.upstream.feeds}
    patterns_seen = known.get("patterns")
    patterns = _patterns(mirror)
    new_patterns = bool(patterns) and patterns_seen != patterns
    news, failed = _hear_all(mirror, before)
    mirror.heard = {one.index: one.changed for one in news}
    _list_where_due(mirror, news, known)
    names, complete = _names_for_patterns(
        mirror, news, new=new_patterns, due=feeds.list_due(mirror, last)
    )
    with mirror.catalog.begin() as connection:
        poll.note_mattering(mirror, connection)
        _apply_rules(mirror, connection, known)
        _set_roots(mirror, connection, known, names, everything=new_patterns)
        poll.owe_begun(mirror, connection)
        _reassign(mirror, connection, known)
        owed: set[str] = set()
        for one in news:
            owed |= _owe(mirror, connection, one)
            _note(mirror, connection, one)
        if any(one.overdue for one in news) and mirror.rules.bars.examines:
            vulnerabilities.owe_oldest(connection, mirror.now())
        if complete and (new_patterns or patterns_seen not in (None, patterns)):
            pending.set_setting(connection, "patterns", patterns)
        report.serial = pending.serial(connection) or 0
    report.changes = sum(one.rows for one in news)
    report.failed |= failed
    return owed


def _patterns(mirror: Mirror) -> str:
    """Returns what has to be matched with all names again when it changes; "" if nothing has."""
    regexes = [pattern.regex for pattern in mirror.patterns]
    assignment = mirror.upstream.assignment
    if regexes and assignment != Assignment():
        regexes.append(assignment.text)
    return "\n".join(regexes)


class _News(Struct):
    """What an index told."""

    feed: ChangeFeed
    before: feeds.Before
    serial: int  # the newest
    rows: int = 0
    changed: dict[str, int] = field(default_factory=dict)  # serials by normalised name
    removals: set[str] = field(
        default_factory=set
    )  # projects: it said that something of theirs is gone
    quarantines: Words = field(default_factory=Words)
    by_index: bool = False  # the simple index told it, which knows of no removal
    overdue: bool = False  # what is known is to be compared with the list of all its projects
    rewound: bool = False  # the serials known are not the index's (any more): all begins anew
    listed: Mapping[str, int] | None = None  # all its projects, if they were asked for

    @property
    def index(self) -> str:
        """The name of the index."""
        return self.feed.name


def _hear_all(
    mirror: Mirror, before: Mapping[str, feeds.Before]
) -> tuple[list[_News], dict[str, str]]:
    """Read the changes of every index; what one of several fails with is set aside."""
    news: list[_News] = []
    failed: dict[str, UpstreamError] = {}
    for feed in mirror.upstream.feeds:
        try:
            news.append(_hear(mirror, feed, before[feed.name]))
        except UpstreamError as error:
            if isinstance(error, Stopped):
                raise
            failed[feed.name] = error
    if not news:
        raise next(iter(failed.values()))
    reasons = {f"index {index}": str(error) for index, error in failed.items()}
    for what, reason in reasons.items():
        mirror.watch.fault(what, reason)
    return news, reasons


def _hear(mirror: Mirror, feed: ChangeFeed, before: feeds.Before) -> _News:
    """Read the changes of an index since the serial that is known; without one: where it begins."""
    if feed.listing:
        return _News(feed, before, feed.serial(), listed=feed.names(), rewound=before.moved)
    if before.serial is None or before.moved:
        serial = feed.serial()
        anew = before.moved or (before.kind == "polling" and feed.kind != "polling")
        return _News(feed, before, serial, rewound=anew)
    news = _News(feed, before, before.serial)
    try:
        for change in feed.changes(before.serial):
            news.rows += 1
            news.serial = max(news.serial, change.serial)
            news.by_index |= change.action == SIMPLE_INDEX
            if change.name:
                name = canonicalize_name(change.name)
                news.changed[name] = change.serial
                if _REMOVAL.match(change.action):
                    news.removals.add(name)
                news.quarantines.hear(name, change)
    except UpstreamError as error:
        mirror.answered("changelog", error)
        if not isinstance(error, Rewound):
            raise
        serial = feed.serial()
        if feed.kind == "serials":
            # A cache may hold the list from before: what it contradicts is asked for.
            return _News(feed, before, serial, by_index=True, overdue=True)
        mirror.watch.fault("changelog", str(error))
        return _News(feed, before, serial, rewound=True)
    mirror.answered("changelog", None)
    return news


def _list_where_due(mirror: Mirror, news: Sequence[_News], known: Mapping[str, str]) -> None:
    """Ask indexes for all their projects where the changes do not tell enough."""
    # The serial is read before the names: what comes in between is in the next changelog.
    for one in news:
        begun = one.before.serial is not None
        one.overdue |= begun and feeds.overdue(known, mirror.now(), one.index)
        if one.feed.kind != "polling" and one.listed is None:
            one.listed = _names(mirror, one, must=one.by_index or one.rewound, may=one.overdue)


def _names(mirror: Mirror, news: _News, *, must: bool, may: bool) -> Mapping[str, int] | None:
    """Returns the list of all projects; a failure is set aside if it is not needed."""
    if not must and not may:
        return None
    mirror.watch.step("names")
    try:
        return news.feed.names()
    except UpstreamError as error:
        alone = len(mirror.upstream.feeds) == 1
        if (must and alone) or isinstance(error, Stopped):
            raise
        mirror.watch.fault(f"names of {news.index}", str(error))
        return None


def _names_for_patterns(
    mirror: Mirror, news: Sequence[_News], *, new: bool, due: bool
) -> tuple[set[str], bool]:
    """Returns the names that patterns may match, and whether ``new`` patterns see all names.

    A name counts if an index has it that the project may come from. ``due``: polled indexes are
    asked for all of theirs.
    """
    assignment = mirror.upstream.assignment
    names: set[str] = set()
    complete = len(news) == len(mirror.upstream.feeds)
    for one in news if mirror.patterns else ():
        told: Iterable[str] | None = one.listed
        if told is None and (new or (due and one.feed.kind == "polling")):
            told = assignment.named(one.index)
            if told is None:
                told = one.listed = _names(mirror, one, must=new, may=due)
                complete &= told is not None
        told = one.changed if told is None else told
        if len(mirror.upstream.feeds) > 1:
            told = (name for name in told if one.index in assignment.indexes_of(name))
        names.update(told)
    return names, complete


def _note(mirror: Mirror, connection: Transaction, news: _News) -> None:
    """Record up to where an index was read, and how it told its changes."""
    if news.feed.kind != "polling":
        if news.serial != news.before.serial:
            pending.set_serial(connection, news.serial, news.index)
        begins = news.before.serial is None or news.rewound
        # One that could not be compared is as soon as it can be.
        if begins or (news.overdue and news.listed is not None):
            feeds.reconciled(connection, mirror.now(), news.index)
    elif news.before.moved:
        pending.forget_serial(connection, news.index)
    feeds.remember(mirror, connection, news.feed, news.before)


def _owe(mirror: Mirror, connection: Transaction, news: _News) -> set[str]:
    """Owe the projects of an index that it told of a new document; returns which."""
    index = news.index
    relisted = news.feed.listing and news.listed is not None and _relisted(connection, news)
    if relisted:
        news.changed = _found_elsewhere(connection, news)
    found = pending.found_on(connection, news.changed)
    claims = {name: _claim(mirror, index, name, found[name]) for name in sorted(found)}
    owed = {name: news.changed[name] for name, claim in claims.items() if claim}
    if news.listed is not None and (news.by_index or relisted):
        united = bool(mirror.upstream.assignment.union)
        shown = pending.shown_besides(connection, index) if united else set()
        if news.by_index:
            shown |= pending.shown(connection, index)
        owed = dict.fromkeys(sorted(shown - set(news.listed)), 0) | owed
    if news.rewound:
        pending.owe_anew(connection, news.listed or {}, mirror.now(), index)
    elif news.listed is not None and (news.overdue or news.feed.listing):
        owed = feeds.differing(pending.known(connection, index), news.listed) | owed
    pending.mark_stale(connection, owed, mirror.now(), index)
    missing.tell(connection, news.removals & owed.keys())
    here = {name for name in owed if found.get(name) in ("", index)}
    withdraw(mirror, connection, news.quarantines, here)
    pending.look_anew(connection, [name for name, claim in claims.items() if claim == "anew"])
    return set(owed)


def _relisted(connection: Transaction, news: _News) -> bool:
    """Returns whether an index that is nothing but a list shows another one now, and notes it."""
    listed = sha256(repr(sorted((news.listed or {}).items())).encode()).hexdigest()
    word = f"listed:{news.index}"
    if pending.setting(connection, word) == listed:
        return False
    pending.set_setting(connection, word, listed)
    return True


def _found_elsewhere(connection: Transaction, news: _News) -> dict[str, int]:
    """Returns the projects that an index lists and that were found on another one.

    Those that are its own are compared by their serials.
    """
    found = pending.found_on(connection, news.listed or {})
    return {name: 0 for name, index in found.items() if index not in ("", news.index)}


def owe_heard(mirror: Mirror, connection: Transaction) -> None:
    """Owe the projects that begin to matter in this cycle what it heard of them.

    When it was heard they were only named; a document from before would leave the change out.
    """
    if not any(mirror.heard.values()):
        return
    names = pending.owed_nothing_new(connection)
    for index, serials in mirror.heard.items():
        owed = {
            name: serials[name]
            for name in sorted(names & serials.keys())
            if _claim(mirror, index, name, "")
        }
        pending.mark_stale(connection, owed, mirror.now(), index)


def _claim(mirror: Mirror, index: str, name: str, found: str) -> Literal["", "again", "anew"]:
    """Returns what the word of an index on a project that was ``found`` on one ("") leads to."""
    if found in ("", index):
        may = index == ENDPOINT or index in mirror.upstream.assignment.indexes_of(name)
        return "again" if may else ""
    may_come_from = mirror.upstream.assignment.indexes_of(name)
    if index not in may_come_from:
        return ""
    before = found not in may_come_from or may_come_from.index(index) < may_come_from.index(found)
    return "anew" if before or mirror.upstream.assignment.united(name) else ""


def _reassign(mirror: Mirror, connection: Transaction, known: Mapping[str, str]) -> None:
    """Look for the projects anew that come from another index since the configuration changed."""
    assignment = mirror.upstream.assignment
    before = known.get("indexes")
    if assignment.text == (Assignment().text if before is None else before):
        return
    moved = [
        name
        for name, found in sorted(pending.indexes(connection).items())
        if assignment.indexes_of(name)[:1] != (found,)
    ]
    pending.mark_stale(connection, dict.fromkeys(moved, 0), mirror.now())
    missing.assign(connection, moved)
    pending.look_anew(connection, moved)
    pending.set_setting(connection, "indexes", assignment.text)


def _apply_rules(mirror: Mirror, connection: Transaction, known: Mapping[str, str]) -> None:
    """Derive from known facts what other environments, other rules of files or time make of them.

    The policy is among the rules; with time, files become old enough for it.
    """
    if known.get("environment") != mirror.fingerprint:
        rederive(connection, mirror.rules, mirror.now())
        removals.check_policy(mirror, connection)
        policy.doom_blocked(connection, mirror.rules.bars)
        decide.forget_decisions(connection)
        verdicts.forget(connection, [target.name for target in mirror.rules.machines.all])
        pending.set_setting(connection, "environment", mirror.fingerprint)
    elif mirror.rules.bars.counts_ages and mirror.now() < float(known.get("judged", "0")):
        # The clock was ahead: what was old enough by it is judged again.
        rederive(connection, mirror.rules, mirror.now())
    else:
        mature(connection, mirror.rules, mirror.now())
    if mirror.rules.bars.counts_ages:
        pending.set_setting(connection, "judged", repr(mirror.now()))


def _set_roots(
    mirror: Mirror,
    connection: Transaction,
    known: Mapping[str, str],
    names: set[str],
    *,
    everything: bool,
) -> None:
    """Make the roots those of the configuration, patterns expanded over all names known."""
    if not mirror.asked:
        spelled = repr((mirror.packages, mirror.patterns, mirror.groups))
        mirror.asked = sha256(spelled.encode()).hexdigest()
    digest = mirror.asked
    if not mirror.patterns and known.get("roots") == digest:
        return
    matched = set() if everything else decide.matched_names(connection)
    wanted = list(expand(mirror.packages, mirror.patterns, sorted(names | matched)))
    subjects = {root.requirement.text: "" for root in wanted}
    subjects |= {group_text(group.name): repr(group) for group in mirror.groups if group.resolve}
    wanted += [root for group in mirror.groups for root in roots_of(group)]
    set_roots(connection, wanted)
    verdicts.set_subjects(connection, subjects)
    add_for_proofs(connection, verdicts.added_releases(connection))
    pending.set_setting(connection, "roots", digest)
