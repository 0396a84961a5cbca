"""The record of runs, and what is held back now."""

import json
from collections.abc import Mapping
from typing import Any

from msgspec import to_builtins
from sqlalchemy import Connection, Delete, Select, Update, bindparam, delete, insert, select, update

from pypisync.catalog.db.schema import held, runs
from pypisync.catalog.db.sql import Ids, once
from pypisync.core.standards.model import LastRun

# Runs that are remembered: at one an hour, about a year.
_KEPT = 10_000


def start(connection: Connection, now: float) -> int:
    """Record that a run begins, and return its number.

    A run that is still recorded as running was killed: there is one writer, and it begins a run
    now.
    """
    connection.execute(once(_killed))
    number = Ids(connection, runs).next()
    connection.execute(once(lambda: insert(runs)), {"id": number, "started": now})
    if number > _KEPT:
        connection.execute(once(_forgotten), {"number": number - _KEPT})
    return number


def _killed() -> Update:
    return update(runs).where(runs.c.outcome == "running").values(outcome="failed")


def _forgotten() -> Delete:
    return delete(runs).where(runs.c.id <= bindparam("number"))


def last(connection: Connection) -> LastRun | None:
    """Returns the newest run."""
    row = connection.execute(once(_last)).one_or_none()
    return None if row is None else LastRun(row.started, row.finished, row.outcome)


def _last() -> Select[Any]:
    return select(runs).order_by(runs.c.id.desc()).limit(1)


def before_last(connection: Connection) -> float | None:
    """Returns when the run before the newest began; None: there was none."""
    return connection.scalar(once(_before_last))


def _before_last() -> Select[float]:
    return select(runs.c.started).order_by(runs.c.id.desc()).offset(1).limit(1)


def last_completed(connection: Connection) -> float | None:
    """Returns when the newest completed run began; None if there was none."""
    return connection.scalar(once(_last_completed))


def _last_completed() -> Select[float]:
    ended = runs.c.outcome.in_(("done", "incomplete"))
    return select(runs.c.started).where(ended).order_by(runs.c.id.desc()).limit(1)


def finish(connection: Connection, number: int, outcome: str, report: Any, now: float) -> None:
    """Record the end of a run, as done, incomplete, stopped or failed."""
    ended = {
        "number": number,
        "finished": now,
        "outcome": outcome,
        "serial": report.serial,
        "generation": report.generation,
        "report": json.dumps(to_builtins(report), sort_keys=True),
    }
    row = once(lambda: update(runs).where(runs.c.id == bindparam("number")))
    connection.execute(row, ended)


def set_held(connection: Connection, now_held: Mapping[str, str], now: float) -> None:
    """Record that exactly these releases are held."""
    rows = connection.execute(once(lambda: select(held)))
    have = {row.release: row.reason for row in rows}
    for release in have.keys() - now_held.keys():
        connection.execute(delete(held).where(held.c.release == release))
    for release, reason in now_held.items():
        if release not in have:
            connection.execute(insert(held).values(release=release, reason=reason, since=now))
        elif have[release] != reason:
            row = held.c.release == release
            connection.execute(update(held).where(row).values(reason=reason))
