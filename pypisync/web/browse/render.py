"""Templates, and what they may call."""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pypisync.core.display import show_size
from pypisync.web.browse.units import moment, number, span, when

FOLDER = Path(__file__).parent


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
        finalize=straight,
    )
    made.filters.update(
        size=show_size, when=when, moment=moment, span=span, number=number, web=web, path=path
    )
    made.globals["style"] = sha256((FOLDER / "static" / "style.css").read_bytes()).hexdigest()[:12]
    return made


def straight(value: Any) -> Any:
    """Returns a text without what would have it shown in another order (Unicode, UAX #9, 2).

    Whatever upstream wrote, what stands beside it stays where it is. Other values stay as they are.
    """
    return value.translate(_NO_ORDER) if isinstance(value, str) else value


_NO_ORDER = dict.fromkeys([0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def page(name: str, values: Mapping[str, Any]) -> bytes:
    """Returns a page made from the template ``name``.html."""
    return environment().get_template(f"{name}.html").render(values).encode()


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
