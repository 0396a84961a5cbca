"""What commands share: finding the configuration, and showing a table.

Standard output carries results only: a table for a person at a terminal, plain lines with tabs
between the columns for everything else.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pypisync.core import display
from pypisync.errors import ConfigError

if TYPE_CHECKING:
    from pypisync.config.load import Config

PLACES = (Path("pypisync.json5"), Path("/etc/pypisync/pypisync.json5"))

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help=f"The configuration; else {' or '.join(map(str, PLACES))}.",
        show_default=False,
    ),
]
"""The option that every command with a configuration takes; its default is None."""

count = display.counted
clean = display.one_line

_FIGURES = {"releases", "files", "bytes", "size", "generations"}  # columns of numbers

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, figures raw.")]


def configured(file: Path | None) -> "Config":
    """Returns the configuration in ``file``, or in the first of the usual places.

    Raises ConfigError.
    """
    from pypisync.config.load import load

    return load(found(file), os.environ)


def found(file: Path | None) -> Path:
    """Returns ``file``, or the first of the usual places that there is. Raises ConfigError."""
    path = file or next((place for place in PLACES if place.exists()), None)
    if path is None:
        places = " or ".join(map(str, PLACES))
        raise ConfigError(
            [f'no configuration in {places}: "pypisync init" writes one, --config names another']
        )
    return path


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on a terminal; elsewhere a line a row with tabs, without a head."""
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(map(clean, row)))
        return
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    heads = [Column(name, justify="right" if name in _FIGURES else "left") for name in columns]
    table = Table(*heads, title=title or None, title_justify="left", show_header=any(columns))
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    Console().print(table)


def say(lines: Iterable[str]) -> None:
    """Print what the operator should know besides the result to standard error."""
    for line in lines:
        typer.echo(clean(line), err=True)


def show_json(answer: Any) -> None:
    """Print the result, in which there may be structs, as JSON."""
    from msgspec import to_builtins

    typer.echo(json.dumps(to_builtins(answer), indent=2))


def moment(seconds: float) -> str:
    """Returns a time (seconds since 1970), to the second, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def span(seconds: float) -> str:
    """Returns a duration in its two largest units: "3 d 4 h", "12.5 s"."""
    if seconds < 60:
        return f"{max(seconds, 0):.1f}".removesuffix(".0") + " s"
    whole = int(seconds)
    units = (
        (whole // 86400, "d"),
        (whole // 3600 % 24, "h"),
        (whole // 60 % 60, "min"),
        (whole % 60, "s"),
    )
    first = next(i for i, (amount, _) in enumerate(units) if amount)
    return " ".join(f"{amount} {unit}" for amount, unit in units[first : first + 2] if amount)


def wait_told(what: str, reason: str, seconds: float) -> str:
    """Returns which host is asked again, when and why."""
    return f"{what} in {span(seconds)}: {reason}"
