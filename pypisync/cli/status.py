"""``status``: how the mirror is, in about ten lines."""

import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from pypisync.cli.common import (
    AsJson,
    ConfigFile,
    configured,
    count,
    moment,
    show,
    show_json,
    span,
)

if TYPE_CHECKING:
    from pypisync.catalog.queries.fed import LastBundle
    from pypisync.catalog.queries.proofs import Verdicts
    from pypisync.catalog.queries.status import Pending, Run, Status
    from pypisync.config.load import Config
    from pypisync.status import Outlook

_EVERY = 2.0  # seconds, with --watch
_CLEAR = "\x1b[2J\x1b[H"  # the terminal
_FAILED = 3  # of what failed in the last run; --json has it all


def status(
    *,
    config: ConfigFile = None,
    as_json: AsJson = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it anew every two seconds, until Ctrl-C.")
    ] = False,
) -> None:
    """Show how the mirror is.

    The last runs, what is published, what is held or fails. Exit code 1 if something is held, a
    project could not be read, the last run was not completed, three cycles were missed (as
    /readyz says), or the daemon refuses the configuration; 4 if there is no database yet.
    """
    understood = configured(config)
    while watch:
        if sys.stdout.isatty():
            sys.stdout.write(_CLEAR)
        _show(understood, as_json=as_json)
        time.sleep(_EVERY)
    raise typer.Exit(0 if _show(understood, as_json=as_json) else 1)


def _show(understood: "Config", *, as_json: bool) -> bool:
    """Show the status. Returns whether all is well."""
    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.queries.status import read_status
    from pypisync.status import outlook, status_json, well

    with Reader(understood.database_url) as reader:
        found = read_status(reader)
    now = time.time()
    ahead = outlook(
        understood.destination, understood.schedule, found, now, digest=understood.digest
    )
    if as_json:
        show_json(status_json(found, ahead))
    else:
        show("Status", ("", ""), _rows(found, ahead, now))
    return well(found, ahead)


def _rows(found: "Status", ahead: "Outlook", now: float) -> list[tuple[str, str]]:
    runs = _runs(found, now, daemon=ahead.daemon is not None)
    return [*_ahead(ahead, found.feeds, now), *runs, *_lines(found, now), *_machine(ahead)]


def _ahead(ahead: "Outlook", feeds: Mapping[str, str], now: float) -> Iterator[tuple[str, str]]:
    if ahead.daemon is None:
        yield "daemon", "none is running"
    else:
        yield "daemon", f"running (pid {ahead.daemon})"
    yield from (("not ready", reason) for reason in ahead.unready)
    yield from _configuration(ahead, now)
    if ahead.next_run is not None:
        wait = ahead.next_run - now
        # A daemon comes some minutes later, so that mirrors do not all come at once.
        yield "next run", f"in about {span(wait)}, {moment(ahead.next_run)}" if wait > 0 else "now"
    elif ahead.daemon is not None:
        yield "next run", "when a bundle comes"
    if ahead.read_serial is not None and ahead.read_at is not None:
        behind = f", {count(ahead.lag_serials, 'serial')} behind" if ahead.lag_serials else ""
        how = f", by {feeds['endpoint']}" if "endpoint" in feeds else ""
        yield "serial", f"{ahead.read_serial}, read {span(now - ahead.read_at)} ago{behind}{how}"


def _configuration(ahead: "Outlook", now: float) -> Iterator[tuple[str, str]]:
    if ahead.refused:
        since, reason = ahead.refused
        yield "refused", f"the configuration, {span(now - since)} ago: {reason}"
    elif ahead.configuration_in_use is False:
        waits = "the next cycle uses it"
        if ahead.daemon:
            waits += ", once the daemon has read it (SIGHUP or a restart)"
        yield "changed", f"the configuration, since the last completed cycle: {waits}"


def _machine(ahead: "Outlook") -> Iterator[tuple[str, str]]:
    from pypisync.core.display import show_size

    if ahead.exported is not None:
        number, at = ahead.exported
        yield "exported", f"bundle {number}, {moment(at)}"
    if ahead.free_bytes is not None:
        yield "free", show_size(ahead.free_bytes)
    yield "version", ahead.version or "not installed"


def _indexes(found: "Status", now: float) -> Iterator[tuple[str, str]]:
    """Yields what of the indexes is to be known.

    How many projects each has on the pages, where there is more than the one; how each tells its
    changes; what they have in quarantine; whether one is broken.
    """
    if found.indexes.keys() - {"endpoint"}:
        yield "indexes", ", ".join(f"{name}: {number}" for name, number in found.indexes.items())
    if found.feeds and (found.serial is None or len(found.feeds) > 1):
        yield "changes", ", ".join(f"{index}: {kind}" for index, kind in found.feeds.items())
    first = [f"{what} for {span(now - at)}" for what, at in found.quarantined[:_FAILED]]
    if more := len(found.quarantined) - len(first):
        first.append(f"and {count(more)} more")
    if first:
        yield "quarantined", f"by upstream: {', '.join(first)}"
    if found.broken:
        since, said = found.broken
        yield "broken", f"{said}, for {span(now - since)}: nothing is removed"


def _runs(found: "Status", now: float, *, daemon: bool) -> Iterator[tuple[str, str]]:
    """Yields the last run; without a daemon nobody knows whether one that is not over goes on."""
    goes_on = daemon or found.last is None or found.last.finished is not None
    killed = "" if goes_on else " (or it was killed: the next run goes on from there)"
    yield "last run", _run(found.last, now) + killed
    if found.good and found.good != found.last:
        yield "last good run", _run(found.good, now)


def _lines(found: "Status", now: float) -> Iterator[tuple[str, str]]:
    from pypisync.core.display import show_size

    yield from _generation(found, now)
    if found.refusal:
        yield "refused", found.refusal
    yield from _bundle(found.bundle, now)
    listed = found.listed
    counted = [count(listed[f"{noun}s"], noun) for noun in ("project", "release", "file")]
    yield "listed", ", ".join([*counted, show_size(listed["bytes"])])
    yield from _indexes(found, now)
    yield "pending", _pending(found.pending, now)
    yield "held", count(found.held, "release")
    for release, reason, since in found.held_first:
        yield "held", f"{release}: {reason} (since {span(now - since)})"
    yield from _more("held", found.held - len(found.held_first), "v_held")
    yield from _proofs(found.proofs, current=not (found.frozen or found.released))
    where = ": see v_unmet" if found.unmet else ""
    yield "unmet", f"{count(found.unmet, 'requirement')} that nothing read upstream meets{where}"
    yield "skipped", _skipped(found.skipped)
    if found.barred:
        yield "barred", _barred(found, now)
    if found.vulnerable:
        yield "vulnerable", count(found.vulnerable, "release")
    for release, ids in found.vulnerable_first:
        yield "vulnerable", f"{release}: {ids}"
    yield from _more(
        "vulnerable", found.vulnerable - len(found.vulnerable_first), "v_vulnerabilities"
    )
    failed = found.finished.failed if found.finished else {}
    for what, reason in list(failed.items())[:_FAILED]:
        yield "failed", f"{what}: {reason}"
    yield from _more("failed", len(failed) - _FAILED, "--json")


def _more(what: str, number: int, where: str) -> Iterator[tuple[str, str]]:
    """Yields how many are not shown, if there are any, and where they are."""
    if number > 0:
        yield what, f"and {count(number)} more: see {where}"


def _generation(found: "Status", now: float) -> Iterator[tuple[str, str]]:
    if found.generation:
        number, serial, at, complete = found.generation
        state = "" if complete else ", not all of its pages are written yet"
        ago = f"{moment(at)}, {span(now - at)} ago"
        where = f" at serial {serial}" if serial else ""  # an index may have none
        yield "generation", f"{number}{where} ({ago}){state}"
    if found.frozen:
        number, since = found.frozen
        until = 'until "pypisync rollback --release"'
        yield "frozen", f"to generation {number} for {span(now - since)}, {until}"
    if found.released:
        yield "released", "the next sync publishes the newest state, and none has run since"


def _bundle(last: "LastBundle | None", now: float) -> Iterator[tuple[str, str]]:
    if last is None:
        return
    ages = f"exported {span(now - last.made)} ago, imported {span(now - last.imported)} ago"
    yield "bundle", f"{last.bundle} of mirror {last.mirror[:8]}, {ages}; next comes {last.next}"


def _skipped(number: int) -> str:
    what = "old eggs, installers and the like, which no installer takes; nothing is to be done"
    return count(number, "file") + (f" or versions upstream: {what}" if number else "")


def _barred(found: "Status", now: float) -> str:
    by = [f"{count(number)} by {rule}" for rule, number in found.barred_by.items() if number]
    text = f"{count(found.barred, 'file')} by the policy: {', '.join(by)}"
    if found.matures is None:
        return text
    wait = found.matures - now
    when = f"in {span(wait)}" if wait > 0 else "with the next sync"
    return f"{text}; the next is old enough {when}"


def _proofs(found: "Verdicts", *, current: bool) -> Iterator[tuple[str, str]]:
    counted = [f"{count(number)} {verdict}" for verdict, number in found.counts.items()]
    waits = found.waiting and current  # else it is no file that they wait for
    waiting = f"; {count(found.waiting, 'root')} waiting for files" if waits else ""
    yield "proofs", ", ".join(counted) + waiting
    shown = found.first[:_FAILED]
    for one in shown:
        why = one.why.replace("\n", "; ")
        yield one.verdict, f"{one.subject} on {one.targets}: {why}"
    told = found.counts["proven"] + sum(one.targets.count(", ") + 1 for one in shown)
    yield from _more("not proven", sum(found.counts.values()) - told, "pypisync proofs")


def _run(run: "Run | None", now: float) -> str:
    if run is None:
        return "none yet"
    text = f"{run.outcome}, {moment(run.started)}, {span(now - run.started)} ago"
    if run.finished is None:
        return text
    serial = f", serial {run.serial}" if run.serial else ""
    return f"{text}{serial}, took {span(run.finished - run.started)}"


def _pending(pending: "Pending | None", now: float) -> str:
    if pending is None:
        return "0 projects"
    text = count(pending.projects, "project")
    if pending.failing:
        text += f", {count(pending.failing)} tried in vain"
    reason = pending.reason or "not tried yet"
    return f"{text}: {pending.name} for {span(now - pending.since)}: {reason}"
