"""Numbers and times in the words of people."""

from datetime import UTC, datetime

_UNITS = ((86400 * 2, 86400, "day"), (7200, 3600, "hour"), (120, 60, "minute"), (0, 1, "second"))


def number(value: float) -> str:
    """Returns a number with its thousands apart: "12,345"."""
    return f"{value:,.0f}"


def when(seconds: float | None) -> str:
    """Returns a point in time for people, in UTC: "2026-11-28 17:00"."""
    if seconds is None:
        return "never"
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "unknown"


def moment(seconds: float) -> str:
    """Returns a point in time for programs: the value of HTML's ``datetime``."""
    return f"{when(seconds).replace(' ', 'T')}Z"


def span(seconds: float) -> str:
    """Returns a length of time in its largest whole unit: "3 hours"."""
    for least, unit, name in _UNITS:
        if abs(seconds) >= least:
            count = int(abs(seconds) // unit)
            return f"{count:,} {name}{'' if count == 1 else 's'}"
    raise AssertionError("the last unit has no least")
