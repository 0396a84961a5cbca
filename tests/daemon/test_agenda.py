"""Nothing overlaps, nothing that was late is lost; the clock is the test's."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo

import apscheduler.schedulers.base
import pytest
from apscheduler.triggers.interval import IntervalTrigger

from pypisync.daemon.agenda import Agenda

START = 1_800_000_000.0


class Clock:
    """The time that APScheduler sees."""

    def __init__(self) -> None:
        self.seconds = START

    def now(self, zone: tzinfo) -> datetime:
        return datetime.fromtimestamp(self.seconds, zone)


class Job:
    """Counts its runs; each waits to be let go."""

    def __init__(self) -> None:
        self.runs = 0
        self.at_once = 0
        self.most_at_once = 0
        self._begun = threading.Semaphore(0)
        self._go = threading.Semaphore(0)

    def __call__(self) -> None:
        self.runs += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self._begun.release()
        self._go.acquire()
        self.at_once -= 1

    def begun(self) -> bool:
        return self._begun.acquire(timeout=10)

    def end(self, runs: int = 1) -> None:
        self._go.release(runs)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", clock)
    return clock


@pytest.fixture
def agenda(clock: Clock) -> Iterator[Agenda]:
    agenda = Agenda()
    yield agenda
    if agenda.running:
        agenda.shutdown()


def hourly(agenda: Agenda, job: Callable[[], None], due: float = START) -> None:
    agenda.put("job", job, IntervalTrigger(hours=1, timezone=UTC), due)


def test_what_was_missed_in_a_long_sleep_runs_once(agenda: Agenda, clock: Clock) -> None:
    job = Job()
    hourly(agenda, job, START + 3600)
    agenda.tick()
    clock.seconds += 30 * 86400
    agenda.tick()
    assert job.begun()
    job.end()
    agenda.tick()
    assert clock.seconds < agenda.next_run("job") <= clock.seconds + 3600
    agenda.shutdown()
    assert job.runs == 1


@pytest.mark.parametrize("back", [300, 86_400, 20 * 365 * 86_400])
def test_a_clock_that_goes_back_puts_nothing_off(agenda: Agenda, clock: Clock, back: int) -> None:
    job = Job()
    hourly(agenda, job, START + 3600)
    agenda.tick()
    clock.seconds += 600
    agenda.tick()
    clock.seconds -= back
    agenda.tick()
    assert agenda.next_run("job") == clock.seconds + 3000
    clock.seconds += 3000
    agenda.tick()
    assert job.begun()
    job.end()


def test_a_clock_that_jumps_ahead_by_years_counts_no_missed_times(
    agenda: Agenda, clock: Clock
) -> None:
    asked: list[datetime] = []

    class Counted(IntervalTrigger):  # type: ignore[misc]
        def get_next_fire_time(self, before: datetime | None, now: datetime) -> datetime:
            asked.append(now)
            found: datetime = super().get_next_fire_time(before, now)
            return found

    job = Job()
    agenda.put("job", job, Counted(seconds=60, timezone=UTC), START + 60)
    agenda.tick()
    clock.seconds += 20 * 365 * 86_400
    agenda.tick()
    assert job.begun()
    job.end()
    assert len(asked) < 5
    assert agenda.next_run("job") == clock.seconds + 60


def test_what_falls_due_while_it_runs_is_run_once_afterwards(agenda: Agenda, clock: Clock) -> None:
    job = Job()
    hourly(agenda, job)
    agenda.tick()
    assert job.begun()
    for _ in range(5):
        clock.seconds += 3600
        agenda.tick()
    assert job.runs == 1
    job.end()
    assert job.begun()
    job.end(9)
    agenda.shutdown()
    assert (job.runs, job.most_at_once) == (2, 1)


def test_two_jobs_never_run_at_once(agenda: Agenda, clock: Clock) -> None:
    first, second = Job(), Job()
    hourly(agenda, first)
    agenda.every("other", second, 600, START)
    agenda.tick()
    assert first.begun()
    assert second.runs == 0
    first.end()
    assert second.begun()
    second.end()


def test_a_job_can_be_brought_forward_but_not_put_off(agenda: Agenda, clock: Clock) -> None:
    job = Job()
    hourly(agenda, job, START + 3600)
    agenda.bring_forward("job", START + 7200)
    assert agenda.next_run("job") == START + 3600
    agenda.bring_forward("job", START)
    agenda.tick()
    assert job.begun()
    job.end()
    assert agenda.next_run("job") == START + 3600


def test_a_shutdown_while_a_job_runs_does_not_hang(agenda: Agenda, clock: Clock) -> None:
    job = Job()
    hourly(agenda, job)
    agenda.tick()
    assert job.begun()
    ended = threading.Thread(target=agenda.shutdown)
    ended.start()
    job.end()
    ended.join(10)
    assert not ended.is_alive()
