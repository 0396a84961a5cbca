"""When which job runs: APScheduler, driven by the main loop.

There is one worker, so jobs never overlap. A job that falls due while it runs is run once more
afterwards, and a late job is never lost, however late it is (the machine may have slept). The jobs
are in memory. The catalog's record says when each is first due, so restarts put nothing off. Every
tick reads the wall clock, which may be set: what has been waited for is not waited for again when
it goes back, and a job that is late runs once, however many times it was due.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers import base
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.interval import IntervalTrigger

_EPOCH = datetime.fromtimestamp(0, UTC)


class Agenda(BaseScheduler):  # type: ignore[misc] # APScheduler has no types
    """The jobs of the daemon. All methods are the main thread's."""

    def __init__(self) -> None:
        super().__init__(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1, {"thread_name_prefix": "jobs"})},
            # Two instances: one that runs, and one that waits for its end.
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 2},
        )
        self._last = _EPOCH  # by the wall clock, when it was looked at last
        self.start()

    def wakeup(self) -> None:
        """Does nothing: the next tick comes soon."""

    def shutdown(self, *, wait: bool = True) -> None:
        """Start nothing more, and wait for the running job, which must have been told to end."""
        super().shutdown(wait)

    def tick(self) -> None:
        """Start what is due."""
        now: datetime = base.datetime.now(UTC)
        back = self._last - now
        self._last = now
        for job in self.get_jobs():
            moment = job.next_run_time - max(back, timedelta())
            # All the times that were missed would be counted one by one: years of minutes.
            moment = max(moment, now)
            if moment != job.next_run_time:
                self.modify_job(job.id, next_run_time=moment)
        self._process_jobs()

    def put(self, name: str, work: Callable[[], None], trigger: Any, due: float) -> None:
        """Run ``work`` at ``due`` (seconds since 1970) and then as the trigger says."""
        self.add_job(
            work, trigger, id=name, replace_existing=True, next_run_time=_moment(due)
        )  # fmt: skip

    def every(self, name: str, work: Callable[[], None], seconds: int, due: float) -> None:
        """Run ``work`` at ``due`` and then every so many seconds."""
        self.put(name, work, IntervalTrigger(seconds=seconds, timezone=UTC), due)

    def once(self, name: str, work: Callable[[], None]) -> None:
        """Run ``work`` at the next tick, and not again."""
        self.add_job(work, id=name, replace_existing=True)

    def drop(self, name: str) -> None:
        """Forget a job, if it is there."""
        if self.get_job(name) is not None:
            self.remove_job(name)

    def bring_forward(self, name: str, due: float) -> None:
        """Run a job at ``due`` already, if it would run later."""
        job = self.get_job(name)
        if job is not None and job.next_run_time > _moment(due):
            self.modify_job(name, next_run_time=_moment(due))

    def next_run(self, name: str) -> float:
        """Returns when the job runs next (seconds since 1970)."""
        moment: datetime = self.get_job(name).next_run_time
        return moment.timestamp()


def _moment(seconds: float) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)
