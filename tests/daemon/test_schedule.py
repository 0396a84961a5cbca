"""When a run is due, as the schedule and the record say."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypisync.catalog.facts.pending import patience
from pypisync.config.load import load
from pypisync.core.standards.model import LastRun
from pypisync.errors import ConfigError
from pypisync.schedule import RETRY, due, parse
from tests.cli.running import configure

HOUR = 3600.0
NOW = datetime(2026, 5, 6, 12, 30, tzinfo=UTC).timestamp()  # a Wednesday
DONE = LastRun(NOW - 600, NOW - 590, "done")


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("1 hour", "2026-05-06T13:30"),
        ("90", "2026-05-06T12:31:30"),
        ("2 days", "2026-05-08T12:30"),
        ("17 * * * *", "2026-05-06T13:17"),
        ("*/20 * * * *", "2026-05-06T12:40"),
        ("0 3 * * 0", "2026-05-10T03:00"),  # 0 and 7 are Sunday, as in crontab(5)
        ("0 3 * * 7", "2026-05-10T03:00"),
        ("0 3 * * 5-7", "2026-05-08T03:00"),
        ("0 3 * * 0,4", "2026-05-07T03:00"),
        ("0 3 * * 1/3", "2026-05-07T03:00"),
        ("0 3 * * sat", "2026-05-09T03:00"),
        ("0 0 29 2 *", "2028-02-29T00:00"),
    ],
)
def test_the_next_time(text: str, after: str) -> None:
    assert parse(text).after(NOW) == moment(after)


@pytest.mark.parametrize(
    "text", ["", "soon", "59", "61 * * * *", "* * * *", "0 0 30 2 *", "0 0 1 * 1", "0 0 * * 5-2"]
)
def test_what_is_no_schedule(text: str, tmp_path: Path) -> None:
    for key, keys in (
        ("schedule", {"schedule": text}),
        ("bundles.export_schedule", {"bundles": {"export_schedule": text}}),
    ):
        with pytest.raises(ConfigError, match=rf': {key}: "{re.escape(text)}": must '):
            load(configure(tmp_path, **keys), {})


def test_the_default_is_an_hour(tmp_path: Path) -> None:
    assert load(configure(tmp_path), {}).schedule.seconds == HOUR


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (None, NOW),
        (DONE, NOW - 600 + HOUR),
        (LastRun(NOW - 600, NOW - 590, "incomplete"), NOW - 600 + HOUR),
        (LastRun(NOW - 600, None, "running"), NOW),  # it was killed
        (LastRun(NOW - 600, NOW - 590, "stopped"), NOW),
        (LastRun(NOW - 600, NOW - 590, "failed"), NOW - 590 + RETRY),
        (LastRun(NOW - 9 * HOUR, NOW - 8 * HOUR, "done"), NOW - 8 * HOUR),  # missed: at once
        (LastRun(NOW + 9 * HOUR, NOW + 9 * HOUR, "done"), NOW),  # the clock was wrong
        (LastRun(NOW + 9 * HOUR, NOW + 9 * HOUR, "failed"), NOW),
        (LastRun(NOW - 9, NOW + 9 * HOUR, "failed"), NOW + RETRY),  # put right while it ran
    ],
)
def test_what_the_record_makes_of_it(last: LastRun | None, expected: float) -> None:
    assert due(parse("1 hour"), last, NOW) == expected


@given(st.lists(st.floats(1, 2 * HOUR), min_size=3, max_size=30))
def test_restarts_put_nothing_off(uptimes: list[float]) -> None:
    """However short each life of the daemon, runs are never further apart than the interval."""
    schedule, clock, last = parse("1 hour"), NOW, DONE
    for uptime in uptimes:
        clock_at_end = clock + uptime
        while (at := max(due(schedule, last, clock), clock)) <= clock_at_end:
            assert at - last.started <= HOUR or at == clock
            clock, last = at, LastRun(at, at, "done")
        clock = clock_at_end
        assert clock - last.started <= HOUR


def test_patience_grows_to_a_day() -> None:
    waits = [patience(n + 1) - patience(n) for n in range(12)]
    assert waits[:3] == [1800, 3600, 7200]
    assert waits == sorted(waits)
    assert waits[-1] == 86400
    assert patience(0) == 0
