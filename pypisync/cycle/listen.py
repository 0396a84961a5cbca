"""What a cycle begins with: the changelog, the names, and the configuration as it is now.

All that follows from them is marked in one transaction: projects that are owed a document, roots,
and what other environments or other rules make of the facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from packaging.utils import canonicalize_name

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import pending, vulnerabilities
from pypisync.catalog.facts import policy as bars
from pypisync.catalog.facts import record as facts
from pypisync.catalog.proofs import record as proofs
from pypisync.catalog.selection import decide
from pypisync.catalog.selection.roots import WantedRoot, repair, set_roots
from pypisync.core.wanted.groups import GROUP, group_text, lines
from pypisync.core.wanted.roots import as_requirement, expand
from pypisync.cycle import reconcile
from pypisync.cycle.mirror import Mirror
from pypisync.errors import Rewound, Stopped, UpstreamError
from pypisync.upstream.api import SIMPLE_INDEX


@dataclass(frozen=True, slots=True)
class Heard:
    """What a cycle begins with."""

    serial: int  # up to which the changelog was read
    changes: int  # rows of it
    owed: set[str]  # the projects that are owed a document because of it


def listen(mirror: Mirror) -> Heard:
    """Read the changelog, and owe every project that matters a new document.

    Marks and serial are stored in one transaction: from then on nothing can be lost. Raises
    UpstreamError, CatalogError.
    """
    mirror.watch.step("changelog")
    with mirror.catalog.begin() as connection:
        since = pending.serial(connection)
        patterns_seen = pending.setting(connection, "patterns")
        overdue = since is not None and reconcile.overdue(connection, mirror.now())
    news = _hear(mirror, since)
    changed = news.changed
    # The serial is read before the names: what comes in between is in the next changelog.
    patterns = "\n".join(pattern.regex for pattern in mirror.patterns)
    new_patterns = bool(patterns) and patterns_seen != patterns
    listed = _names(mirror, must=new_patterns or news.by_index or news.rewound, may=overdue)
    names = set(changed) if listed is None else set(listed)
    with mirror.catalog.begin() as connection:
        _apply_rules(mirror, connection)
        _set_roots(mirror, connection, names, everything=new_patterns)
        owed = {name: changed[name] for name in sorted(pending.matters(connection, changed))}
        if news.by_index:
            owed = dict.fromkeys(sorted(pending.shown(connection) - names), 0) | owed
        if listed is not None and news.rewound:
            pending.owe_anew(connection, listed, mirror.now())
        elif listed is not None and overdue:
            owed = reconcile.differing(pending.known(connection), listed) | owed
        pending.mark_stale(connection, owed, mirror.now())
        if overdue and mirror.rules.bars.examines:
            vulnerabilities.owe_oldest(connection, mirror.now())
        if since is None or news.rewound or (overdue and listed is not None):
            reconcile.reconciled(connection, mirror.now())
        if new_patterns or patterns_seen not in (None, patterns):
            pending.set_setting(connection, "patterns", patterns)
        if news.serial != since:
            pending.set_setting(connection, pending.SERIAL, str(news.serial))
    return Heard(news.serial, news.rows, set(owed))


@dataclass(slots=True)
class _News:
    """What the changelog told."""

    serial: int  # the newest
    rows: int = 0
    changed: dict[str, int] = field(default_factory=dict)  # serials by normalised name
    by_index: bool = False  # the simple index told it, which knows of no removal
    rewound: bool = False  # upstream went back, so none of it can be trusted


def _hear(mirror: Mirror, since: int | None) -> _News:
    """Read the changelog since a serial; None: only where it begins."""
    if since is None:
        return _News(mirror.upstream.serial())
    news = _News(since)
    try:
        for change in mirror.upstream.changes(since):
            news.rows += 1
            news.serial = max(news.serial, change.serial)
            news.by_index |= change.action == SIMPLE_INDEX
            if change.name:
                news.changed[canonicalize_name(change.name)] = change.serial
    except UpstreamError as error:
        mirror.answered("changelog", error)
        if not isinstance(error, Rewound):
            raise
        mirror.watch.fault("changelog", str(error))
        return _News(mirror.upstream.serial(), rewound=True)
    mirror.answered("changelog", None)
    return news


def _names(mirror: Mirror, *, must: bool, may: bool) -> Mapping[str, int] | None:
    """The list of all projects, if it must be had; if it only may, a failure is set aside."""
    if not must and not may:
        return None
    mirror.watch.step("names")
    try:
        return mirror.upstream.names()
    except UpstreamError as error:
        if must or isinstance(error, Stopped):
            raise
        mirror.watch.fault("names", str(error))
        return None


def _apply_rules(mirror: Mirror, connection: Transaction) -> None:
    """Derive from known facts what other environments, other rules of files or time make of them.

    The policy is among the rules; with time, files become old enough for it.
    """
    if pending.setting(connection, "environment") != mirror.fingerprint:
        facts.rederive(connection, mirror.rules, mirror.now())
        bars.doom_blocked(connection, mirror.rules.bars)
        decide.forget_decisions(connection)
        proofs.forget(connection, [target.name for target in mirror.rules.machines.all])
        pending.set_setting(connection, "environment", mirror.fingerprint)
    else:
        facts.mature(connection, mirror.rules, mirror.now())


def _set_roots(
    mirror: Mirror, connection: Transaction, names: set[str], *, everything: bool
) -> None:
    """Make the roots those of the configuration, patterns expanded over all names known."""
    if not mirror.asked:
        spelled = repr((mirror.roots, mirror.patterns, mirror.groups))
        mirror.asked = sha256(spelled.encode()).hexdigest()
    digest = mirror.asked
    if not mirror.patterns and pending.setting(connection, "roots") == digest:
        return
    matched = set() if everything else decide.matched_names(connection)
    expanded = expand(mirror.roots, mirror.patterns, sorted(names | matched))
    given = {id(root) for root in mirror.roots}
    wanted = [
        WantedRoot(
            name, selector.text, ",".join(root.extras), "" if id(root) in given else root.text
        )
        for name, roots in expanded.items()
        for root in roots
        for selector in root.selectors
    ]
    subjects = {as_requirement(*line[:3]).text: "" for line in wanted}
    subjects |= {group_text(group): repr(group) for group in mirror.groups if group.resolve}
    wanted += [
        WantedRoot(
            line.name,
            line.selector,
            ",".join(line.extras),
            f"{GROUP}{group.name}",
            line.marker,
            line.files,
        )
        for group in mirror.groups
        for line in lines(group)
    ]
    set_roots(connection, wanted)
    proofs.set_subjects(connection, subjects)
    repair(connection, proofs.repairs(connection))
    pending.set_setting(connection, "roots", digest)
