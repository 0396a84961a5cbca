"""What commands share: finding the configuration, and showing a table.

Standard output carries answers only: a table for a person at a terminal, plain lines with tabs
between the columns for everything else.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pypisync.errors import ConfigError

if TYPE_CHECKING:
    from pypisync.config import Config

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


def configured(file: Path | None) -> "Config":
    """The configuration in ``file``, or in the first of the usual places. Raises ConfigError."""
    from pypisync.config import load

    path = file or next((place for place in PLACES if place.exists()), None)
    if path is None:
        places = " or ".join(map(str, PLACES))
        raise ConfigError(
            [f'no configuration in {places}: "pypisync init" writes one, --config names another']
        )
    return load(path, os.environ)


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on a terminal; elsewhere a line a row, columns parted by tabs, without a head."""
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
