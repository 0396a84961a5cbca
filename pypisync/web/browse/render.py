"""Templates, and what they say sizes, times and counts with."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pypisync.core.units import show_size

FOLDER = Path(__file__).parent
_UNITS = ((86400 * 2, 86400, "day"), (7200, 3600, "hour"), (120, 60, "minute"), (0, 1, "second"))


@cache
def environment() -> Environment:
    """Returns the templates. They escape all values, and an unknown name in them is an error."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(
        size=show_size, when=when, moment=moment, span=span, number=number, web=web, path=path
    )
    made.globals["style"] = sha256((FOLDER / "static" / "style.css").read_bytes()).hexdigest()[:12]
    return made


def page(name: str, values: Mapping[str, Any]) -> bytes:
    """Returns a page made from the template ``name``.html."""
    return environment().get_template(f"{name}.html").render(values).encode()


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


def web(url: str) -> str:
    """Returns an address from upstream if it is one of the web; else "", which is no link."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and parts.netloc else ""


def path(text: str) -> str:
    """Returns a text as one segment of a URL's path."""
    return quote(text, safe="")
