"""What ``export --list`` prints: what is in a bundle, or would be."""

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pypisync.cli.common import count, show
from pypisync.errors import BundleError

if TYPE_CHECKING:
    from pypisync.core.bundles.manifest import BundlePart

Row = Sequence[str]
_SIZE = re.compile("[0-9]{1,16}")


def in_bundle(place: Path) -> Iterator[Row]:
    """Yields the rows of a bundle's inventory, once it is sure that it names what the parts hold.

    Raises BundleError, StorageError.
    """
    from pypisync.catalog.bundles.inventory import plain
    from pypisync.storage import parts

    found = parts.read_manifest(place)[0].parts
    rows = _read([(_place(place, part.name), part) for part in found])
    held = set[tuple[str, str]]()
    for part in found:
        held |= _held(_place(place, part.name), part)
    named = {(row[2], row[4]) for row in rows}
    for filename, _ in sorted(held ^ named)[:1]:
        raise BundleError(
            f"{place.name}: the list of what is in it is not true of {plain(filename)}: refuse it"
        )
    yield from rows


def _place(bundle: Path, name: str) -> Path:
    from pypisync.storage import parts

    there = parts.find(name, [bundle.parent])
    if not there:
        raise BundleError(f"{name}: missing: what it holds is compared with the bundle's list")
    return there[0]


def _read(places: "Sequence[tuple[Path, BundlePart]]") -> list[Row]:
    """Returns the rows with which the first part begins."""
    from pypisync.catalog.bundles.inventory import plain
    from pypisync.core.bundles import manifest
    from pypisync.storage import parts

    data, part = bytearray(), places[0][1]
    for chunk in parts.read_first(places, manifest.INVENTORY):
        data += chunk
        if len(data) > manifest.LARGEST_INVENTORY:
            raise BundleError(f"{part.name}: the list of what is in it is too long")
    columns = manifest.INVENTORY_COLUMNS
    try:
        first, *rows = list(csv.reader(data.decode().splitlines())) or [[]]
    except (ValueError, csv.Error) as error:
        raise BundleError(f"{part.name}: its list of what is in it is no CSV: {error}") from None
    whole = all(len(row) == len(columns) and _SIZE.fullmatch(row[3]) for row in rows)
    if tuple(first) != columns or not whole:
        raise BundleError(f"{part.name}: its list of what is in it has other columns")
    return [tuple(map(plain, row)) for row in rows]


def _held(place: Path, part: "BundlePart") -> set[tuple[str, str]]:
    """Returns names and hashes of the distribution files in a part."""
    from pypisync.core.standards.filenames import METADATA
    from pypisync.storage import parts

    return {
        (entry.path.rpartition("/")[2], entry.whole.sha256)
        for entry in parts.read_list(place, part)
        if "/" in entry.path and not entry.path.endswith(METADATA)
    }


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
