"""``query``: an operator's own SQL over the catalog, read-only."""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Annotated, Any

import typer

from pypisync.cli.common import AsJson, ConfigFile, clean, configured, show
from pypisync.errors import ConfigError

_ON_SCREEN = 1000  # rows of a table on a terminal


def query(
    statement: Annotated[
        str | None,
        typer.Argument(metavar="SQL", help="One SELECT; without it the views are listed."),
    ] = None,
    *,
    config: ConfigFile = None,
    views: Annotated[
        bool, typer.Option("--views", help="List the stable views with their columns.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a head.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask the catalog in SQL; nothing can be changed.

    Build on the views (--views), which stay as they are across versions. Exit code 2 if the
    database does not take the statement.
    """
    from pypisync.catalog.db.reader import Reader, RefusedQuery

    with Reader(configured(config).database_url) as reader:
        try:
            if views or statement is None:
                columns, rows = _views(reader)
            else:
                columns, rows = reader.ask(statement)
            _print(columns, rows, as_csv=as_csv, as_json=as_json)
            sys.stdout.flush()
        except RefusedQuery as error:
            raise ConfigError([f"the database refused the query: {error}"]) from None
        except BrokenPipeError:
            # The reader of the output has seen enough; Python must not flush into it at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _views(reader: Any) -> tuple[list[str], Iterator[Sequence[Any]]]:
    from pypisync.catalog.db.views import VIEWS

    rows = []
    for view in VIEWS:
        columns, none = reader.ask(f"SELECT * FROM {view.name} LIMIT 0")  # noqa: S608 - ours
        list(none)
        rows.append((view.name, view.comment, " ".join(columns)))
    return ["view", "what it holds", "columns"], iter(rows)


def _print(
    columns: list[str], rows: Iterator[Sequence[Any]], *, as_csv: bool, as_json: bool
) -> None:
    if as_json:
        _print_json(columns, rows)
    elif as_csv:
        import csv

        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows([_plain(value) for value in row] for row in rows)
    elif sys.stdout.isatty():
        _on_screen(columns, [_cells(row) for row in islice(rows, _ON_SCREEN)])
        if next(rows, None) is not None:
            typer.echo(f"only the first {_ON_SCREEN} rows: --csv and --json print all", err=True)
    else:
        show("", columns, map(_cells, rows))


def _on_screen(columns: list[str], rows: list[list[str]]) -> None:
    """Print a table if it fits the terminal's width, else a line a value: no value is ever cut."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    if sum(widths) + 3 * len(widths) + 1 <= shutil.get_terminal_size().columns:
        show("", columns, rows)
        return
    widest = max(map(len, columns))
    for number, row in enumerate(rows, 1):
        typer.echo(f"- {number}")
        for name, value in zip(columns, row, strict=True):
            typer.echo(f"{name:>{widest}}: {clean(value)}")


def _print_json(columns: list[str], rows: Iterator[Sequence[Any]]) -> None:
    """Print a list of objects, as the rows come."""
    before = "[\n"
    for row in rows:
        values = dict(zip(columns, map(_plain, row), strict=True))
        sys.stdout.write(before + json.dumps(values))
        before = ",\n"
    sys.stdout.write("[]\n" if before == "[\n" else "\n]\n")


def _cells(row: Sequence[Any]) -> list[str]:
    return ["" if value is None else str(_plain(value)) for value in row]


def _plain(value: Any) -> Any:
    """Returns a value of the database as JSON has it."""
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == value.to_integral_value() else float(value)
    if value is None or isinstance(value, str | int | float):
        return value
    return str(value)
