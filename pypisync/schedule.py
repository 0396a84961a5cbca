"""When something is due: an interval or a cron expression, and what the last run makes of it.

Cron expressions are the five fields of crontab(5), in local time; the days of the week are
counted as cron does, from Sunday. APScheduler's triggers do the reckoning. What runs at these
times is left to the daemon. They are imported on demand: most commands need none.
"""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from pypisync.core import values
from pypisync.core.standards.model import LastRun

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORTEST = 60  # seconds; upstream asks mirrors not to come more often
RETRY = 600  # seconds after which a run that failed is tried again, if not due sooner
_SLICES = 12  # of an interval, for what is spread over it
_JITTER = 300  # seconds that an interval may be longer; a cron expression is kept to the minute
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class Schedule(Struct, frozen=True):
    """When to run; the text is the operator's."""

    text: str
    seconds: int | None  # between two runs; None: a cron expression

    def trigger(self) -> Any:
        """Returns the same as a trigger of APScheduler, with some jitter."""
        if self.seconds is None:
            return _cron(self.text, jitter=min(_JITTER, 30))
        from apscheduler.triggers.interval import IntervalTrigger

        jitter = min(_JITTER, self.seconds // 10)
        return IntervalTrigger(seconds=self.seconds, timezone=UTC, jitter=jitter)

    @property
    def slice(self) -> int | None:
        """Seconds between two looks at what is spread over the interval; None: nothing is."""
        if self.seconds is None:
            return None
        seconds = max(SHORTEST, self.seconds // _SLICES)
        return seconds if seconds < self.seconds else None

    def after(self, moment: float) -> float:
        """Returns the first time to run after a run at ``moment`` (seconds since 1970).

        Raises ValueError if there is none, as on the 30th of February.
        """
        if self.seconds is not None:
            return moment + self.seconds
        given = datetime.fromtimestamp(moment, UTC)
        found: datetime | None = _cron(self.text, jitter=None).get_next_fire_time(given, given)
        if found is None:
            raise ValueError("it never comes")
        return found.timestamp()


def due(schedule: Schedule, last: LastRun | None, now: float) -> float:
    """Returns when the next run is due; a time that is past means now.

    One that was killed or stopped is to be gone on with at once, one that failed is tried again
    soon. One that is on record for a time to come was noted by a clock that ran ahead, so nobody
    knows how long ago it was. It follows from the record alone, so that restarts put nothing off.
    """
    if last is None or last.outcome in ("running", "stopped") or last.started > now:
        return now
    regular = schedule.after(last.started)
    if last.outcome == "failed":
        return min(regular, min(last.finished or last.started, now) + RETRY)
    return regular


def parse(text: str) -> Schedule:
    """Returns the schedule that ``text`` states, such as "1 hour" or "17 * * * *".

    Raises ValueError with what it must be.
    """
    if len(text.split()) != 5:
        seconds = values.duration(text)
        if seconds < SHORTEST:
            raise ValueError(f"must be at least {SHORTEST} seconds apart")
        return Schedule(text, seconds)
    schedule = Schedule(" ".join(text.split()), None)
    try:
        schedule.after(0)
    except ValueError as error:
        what = str(error)
        if what.startswith("must"):
            raise
        raise ValueError(f"must be a cron expression such as 17 * * * *: {what}") from None
    return schedule


def _cron(text: str, jitter: int | None) -> Any:
    from apscheduler.triggers.cron import CronTrigger

    minute, hour, day, month, weekday = text.split()
    if day != "*" and weekday != "*":
        # Cron takes either, APScheduler both: nobody shall have to know.
        raise ValueError("must give a day of the month or a day of the week, not both")
    return CronTrigger(
        minute=minute,
        hour=hour,
        day=day,
        month=month,
        day_of_week=",".join(_weekdays(weekday)),
        jitter=jitter,
    )


def _weekdays(field: str) -> "Iterator[str]":
    """Returns the days of the week as cron counts them (0 and 7 are Sunday), by their names."""
    for part in field.lower().split(","):
        match = re.fullmatch(r"([0-7])(?:-([0-7]))?(?:/([1-7]))?", part)
        if match is None:
            yield part
            continue
        first, last, step = (int(text) if text else None for text in match.groups())
        assert first is not None  # noqa: S101 - the pattern says so
        until = last if last is not None else (6 if step else first)
        if until < first:
            raise ValueError(f'must not have days that run backwards: "{part}"')
        for day in range(first, until + 1, step or 1):
            yield _DAYS[day % 7]
