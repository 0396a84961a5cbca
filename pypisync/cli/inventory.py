"""What ``export --list`` prints: what is in a bundle, or would be."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import typer

from pypisync.cli.common import count, show
from pypisync.errors import BundleError

Row = Sequence[str]


def in_bundle(place: Path) -> Iterator[Row]:
    """Yields the rows of a bundle's inventory, once it is sure that they are whole.

    Raises BundleError, StorageError.
    """
    from pypisync.core.bundles import manifest
    from pypisync.storage import disk, parts

    data = disk.read(place, manifest.LARGEST + 1)
    if data is None:
        raise BundleError(f"{place}: there is no such manifest")
    part = manifest.read_manifest(data, place.name).parts[0]
    there = parts.find(part.name, [place.parent])
    if not there:
        raise BundleError(f"{part.name}: missing: the list of what is in the bundle is in it")
    for _ in parts.read_first(there[0], part, manifest.INVENTORY):
        pass  # nothing is shown of one that is damaged
    text = b"".join(parts.read_first(there[0], part, manifest.INVENTORY)).decode()
    rows = csv.reader(text.splitlines())
    if tuple(next(rows, ())) != manifest.INVENTORY_COLUMNS:
        raise BundleError(f"{part.name}: the list of what is in it has other columns")
    yield from rows


def print_rows(rows: Iterable[Row], form: str) -> None:
    """Print the rows as a table for people ("text"), as "csv" or as "json"."""
    from pypisync.core.bundles.manifest import INVENTORY_COLUMNS
    from pypisync.core.display import show_size

    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(INVENTORY_COLUMNS)
        writer.writerows(rows)
        return
    found = list(rows)
    if form == "json":
        typer.echo(json.dumps([_object(row) for row in found], indent=2))
        return
    shown = [(*row[:3], show_size(int(row[3])), *row[5:]) for row in found]
    show("", ("project", "version", "file", "size", "license", "vulnerabilities"), shown)
    projects, size = len({row[0] for row in found}), sum(int(row[3]) for row in found)
    releases = len({tuple(row[:2]) for row in found})
    total = ", ".join(
        [count(projects, "project"), count(releases, "release"), count(len(found), "file")]
    )
    typer.echo(f"{total}, {show_size(size)}", err=True)


def _object(row: Row) -> dict[str, object]:
    from pypisync.core.bundles.manifest import INVENTORY_COLUMNS

    found: dict[str, object] = dict(zip(INVENTORY_COLUMNS, row, strict=True))
    return found | {"size": int(row[3]), "vulnerabilities": row[6].split()}
