"""``status``: how the mirror is, in about ten lines."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

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
    from pypisync.catalog.answers import Pending, Run, Status
    from pypisync.config import Config

_FAILED = 3  # of what failed in the last run; --json has it all


def status(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show how the mirror is.

    The last runs, what is published, what is held or fails. Exit code 1 if something is held, a
    project could not be read, or the last run was not completed; 4 if there is no database yet.
    """
    from pypisync.catalog.answers import status as find
    from pypisync.catalog.answers import status_json
    from pypisync.catalog.reader import Reader

    understood = configured(config)
    with Reader(understood.database_url) as reader:
        found = find(reader)
    now = time.time()
    outlook = _outlook(understood, found, now)
    if as_json:
        show_json(status_json(found) | asdict(outlook))
    else:
        show("Status", ("", ""), [*_ahead(outlook, now), *_lines(found, now)])
    raise typer.Exit(0 if found.well else 1)


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What runs and what comes, which the catalog alone does not know."""

    daemon: int | None  # its pid
    next_run: float | None  # seconds since 1970; None: nobody will start one
    read_serial: int | None  # up to which the changelog was read
    read_at: float | None
    lag_serials: int | None  # from the oldest change that is owed to the newest that was read
    lag_minutes: float | None  # since the changelog was last read


def _outlook(config: "Config", found: "Status", now: float) -> _Outlook:
    from pypisync.core.model import LastRun
    from pypisync.schedule import due
    from pypisync.storage.lock import holder

    who = holder(config.destination)
    daemon = who.pid if who and who.daemon else None
    run = found.last
    last = None if run is None else LastRun(run.started, run.finished, run.outcome)
    read = found.completed
    owed = found.pending.serial if found.pending else 0
    lag = None if found.serial is None else max(found.serial - owed + 1, 0) if owed else 0
    return _Outlook(
        daemon,
        None if daemon is None else due(config.schedule, last, now),
        found.serial,
        read.started if read else None,
        lag,
        round((now - read.started) / 60, 1) if read else None,
    )


def _ahead(outlook: _Outlook, now: float) -> Iterator[tuple[str, str]]:
    if outlook.daemon is None:
        yield "daemon", "none is running"
    else:
        yield "daemon", f"running (pid {outlook.daemon})"
    if outlook.next_run is not None:
        wait = outlook.next_run - now
        yield "next run", f"in {span(wait)}, {moment(outlook.next_run)}" if wait > 0 else "now"
    if outlook.read_serial is not None and outlook.read_at is not None:
        behind = f", {count(outlook.lag_serials, 'serial')} behind" if outlook.lag_serials else ""
        yield "serial", f"{outlook.read_serial}, read {span(now - outlook.read_at)} ago{behind}"


def _lines(found: "Status", now: float) -> Iterator[tuple[str, str]]:
    from pypisync.core.values import show_size

    yield "last run", _run(found.last, now)
    if found.good and found.good != found.last:
        yield "last good run", _run(found.good, now)
    if found.generation:
        number, serial, at, complete = found.generation
        state = "" if complete else ", not all of its pages are written yet"
        ago = f"{moment(at)}, {span(now - at)} ago"
        yield "generation", f"{number} at serial {serial} ({ago}){state}"
    listed = found.listed
    counted = [count(listed[f"{noun}s"], noun) for noun in ("project", "release", "file")]
    yield "listed", ", ".join([*counted, show_size(listed["bytes"])])
    yield "pending", _pending(found.pending, now)
    yield "held", count(found.held, "release")
    for release, reason, since in found.held_first:
        yield "held", f"{release}: {reason} (since {span(now - since)})"
    yield "unmet", f"{count(found.unmet, 'requirement')} that nothing upstream meets"
    yield "skipped", f"{count(found.skipped)} names that the standards do not allow"
    failed = found.finished.failed if found.finished else {}
    for what, reason in list(failed.items())[:_FAILED]:
        yield "failed", f"{what}: {reason}"
    if len(failed) > _FAILED:
        yield "failed", f"and {count(len(failed) - _FAILED)} more: --json has them all"


def _run(run: "Run | None", now: float) -> str:
    if run is None:
        return "none yet"
    text = f"{run.outcome}, {moment(run.started)}, {span(now - run.started)} ago"
    if run.finished is None:
        return f"{text} (or it was killed: the next run goes on from there)"
    return f"{text}, serial {run.serial}, took {span(run.finished - run.started)}"


def _pending(pending: "Pending | None", now: float) -> str:
    if pending is None:
        return "0 projects"
    text = count(pending.projects, "project")
    if pending.failing:
        text += f", {count(pending.failing)} tried in vain"
    reason = pending.reason or "not tried yet"
    return f"{text}: {pending.name} for {span(now - pending.since)}: {reason}"
