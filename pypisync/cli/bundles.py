"""``export`` and ``import``: bundles for a mirror that reaches no index."""

import gc
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pypisync.cli.common import AsJson, ConfigFile, configured, count, show_json
from pypisync.errors import BundleError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypisync.catalog.db.transactions import Catalog
    from pypisync.config.load import Config
    from pypisync.core.bundles.manifest import Manifest
    from pypisync.cycle.report import Report
    from pypisync.storage.exports import Exported, Exports

_Unsigned = Annotated[
    bool, typer.Option("--unsigned", help="Without a signature, as both sides have to say.")
]


def export(  # noqa: PLR0913 - its options
    bundle: Annotated[
        Path | None,
        typer.Argument(metavar="[MANIFEST]", help="With --list: of a bundle that is written."),
    ] = None,
    *,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Where to write it.")
    ] = None,
    listing: Annotated[
        bool,
        typer.Option("--list", help="Write none; print what is in it, for whoever approves it."),
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the list as CSV.")] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="GENERATION",
            help="The generation, by number or name, that the other side has; else that of the"
            " last bundle.",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--for", metavar="REPORT", help='What "import --report" wrote inside.'),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Everything, for a side that has nothing.")
    ] = False,
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="SIZE", help='The most of a part; else "bundles.split".'),
    ] = None,
    repeat: Annotated[
        int | None,
        typer.Option("--repeat", min=1, max=10, help='Copies of it; else "bundles.repeat".'),
    ] = None,
    unsigned: _Unsigned = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Write a bundle for a mirror that reaches no index: what it needs to become like this one.

    A bundle is a manifest and parts, which are plain tar files. It may be written while a daemon
    works. An export that was cut off goes on where it was.
    """
    from pypisync.core.bundles import manifest
    from pypisync.cycle.export import LEAST_SPLIT, Export, write_bundle
    from pypisync.wiring import signing_keys

    if listing and to is None:
        form = "json" if as_json else "csv" if as_csv else "text"
        _list(bundle, config, since, report, full=full, form=form)
        return
    if listing or to is None or bundle is not None:
        raise ConfigError(["say either --to and a folder to write a bundle to, or --list"])
    understood = configured(config)
    size = understood.bundles.split if split is None else _size(split, LEAST_SPLIT)
    signing = signing_keys(understood)
    if not (signing or unsigned or understood.bundles.unsigned):
        how = '"pypisync keys make" makes one for "bundles.sign"'
        raise ConfigError([f"there is no key to sign with: {how}; or say --unsigned on both sides"])
    with _exporting(understood) as (catalog, exports):
        base, lost = _base(understood, exports, since, report, full=full)
        asked = Export(to, base, size, signing, repeat or understood.bundles.repeat, lost)
        made = write_bundle(catalog, understood.destination, asked, time.time())
    if as_json:
        show_json(None if made is None else {"manifest": str(made[0]), **manifest.plain(made[1])})
    elif made is None:
        typer.echo("nothing has changed since the last bundle: none is written")
    else:
        _show(*made)


def _show(place: Path, found: "Manifest") -> None:
    """Print what a bundle is that has been written, and its parts."""
    from pypisync.core.display import show_size

    since_text = f"since bundle {found.base.sequence}" if found.base else "with everything"
    what = f"{count(found.files, 'file')} with their .metadata, {show_size(found.bytes)}"
    typer.echo(f"{place}: bundle {found.target.sequence}, {since_text}: {what}")
    for part in found.parts:
        typer.echo(f"{place.parent / part.name}: {show_size(part.size)}")


def _list(
    bundle: Path | None,
    config: Path | None,
    since: str | None,
    report: Path | None,
    *,
    full: bool,
    form: str,
) -> None:
    """Print what is in a bundle, or what would be in the next one."""
    from pypisync.catalog.bundles import inventory
    from pypisync.cli.inventory import in_bundle, print_rows
    from pypisync.cycle.export import since_base

    if bundle is not None:
        print_rows(in_bundle(bundle), form)
        return
    understood = configured(config)
    with _exporting(understood) as (catalog, exports):
        base, lost = _base(understood, exports, since, report, full=full)
        with catalog.begin() as connection:
            print_rows(inventory.rows(connection, since_base(connection, base), lost), form)


def _size(text: str, least: int) -> int:
    from pypisync.core import values

    try:
        size = values.size(text)
    except ValueError as error:
        raise ConfigError([f"--split {text}: {error}"]) from None
    if size < least:
        raise ConfigError([f"--split {text}: must be 1 MiB at least"])
    return size


@contextmanager
def _catalog(config: "Config") -> "Iterator[Catalog]":
    """Returns a context with the catalog beside its writer. Raises CatalogError."""
    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.db.transactions import Catalog

    with Reader(config.database_url):
        pass  # there is a catalog of this version
    catalog = Catalog(config.database_url, writer=False)
    try:
        yield catalog
    finally:
        catalog.close()


@contextmanager
def _exporting(config: "Config") -> "Iterator[tuple[Catalog, Exports]]":
    """Returns a context for the one process that exports. Raises CatalogError, StorageError."""
    from pypisync.storage.exports import Exports

    exports = Exports(config.destination)
    with _catalog(config) as catalog, exports.alone():
        yield catalog, exports


def _base(
    config: "Config", exports: "Exports", since: str | None, report: Path | None, *, full: bool
) -> "tuple[Exported | None, list[str]]":
    """Returns the state that the other side has (None: none), and which of its files are lost.

    Raises BundleError, ConfigError.
    """
    from pypisync.cycle.fed_report import base_of

    if full + (since is not None) + (report is not None) > 1:
        raise ConfigError(["say one of --full, --since and a generation, and --for and a report"])
    if full:
        return None, []
    if report is not None:
        return base_of(report, exports)
    if since is not None:
        return _led_to(config, exports, since), []
    last = exports.newest()
    if last is None:
        raise BundleError("no bundle has been exported yet: begin with --full")
    return last, []


def _led_to(config: "Config", exports: "Exports", since: str) -> "Exported":
    """Returns the state of a generation, by number or name. Raises BundleError, ConfigError."""
    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.queries.generations import find

    with Reader(config.database_url) as reader:
        number = find(reader, since)
    if number is None:
        raise ConfigError([f'there is no generation "{since}": "pypisync generations" lists them'])
    record = exports.of_generation(number)
    if record is None:
        led = sorted({exports.record(one).point.generation for one in exports.numbers()})
        raise BundleError(
            f"no bundle has led to generation {number}, so no mirror is at it: bundles led to"
            f" {', '.join(map(str, led)) or 'none yet: begin with --full'}"
        )
    return record


def import_(
    bundles: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[BUNDLE]...", help="Manifests, or folders with manifests and parts."
        ),
    ] = None,
    *,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FILE", help='Import none; write what is here, for "export --for".'
        ),
    ] = None,
    unsigned: _Unsigned = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Import bundles that "export" has written elsewhere, each as a new generation.

    All of a bundle is verified before anything changes: every byte, that it is the next one for
    this mirror, and its signature. A bundle that is here already changes nothing. Parts are looked
    for beside their manifest and in the folders named. If a bundle cannot be used, what was wrong
    with which part is told, and the mirror is as it was.
    """
    from pypisync.cli.terminal import on_terminal
    from pypisync.cycle.import_bundle import import_all
    from pypisync.cycle.open_bundles import open_all
    from pypisync.upstream.indexes import Indexes
    from pypisync.wiring import open_mirror, trust

    gc.freeze()  # what is imported stays
    gc.set_threshold(10_000, 10, 10)  # garbage of large bundles would be 30 MiB
    understood = configured(config)
    if (report is None) == (not bundles):
        raise ConfigError(["say either bundles to import, or --report and a file"])
    if report is not None:
        _report(understood, report)
        return
    found = open_all(bundles or [], trust(understood, unsigned=unsigned), time.time())
    done = []
    opened = partial(
        open_mirror,
        understood,
        upstream=Indexes((), understood.assignment),  # a mirror that bundles feed asks no index
        instead=_instead(understood),
    )
    with on_terminal() as watch, opened(watch=watch) as mirror:
        for bundle, did in import_all(mirror, found):
            done.append({"bundle": bundle.name, "report": did})
            if not as_json:
                typer.echo(f"{bundle.name}: {_did(did)}")
    if as_json:
        show_json(done)
    elif not done:
        typer.echo("no bundle there leads on from what is here: all are of before")


def _did(did: "Report | None") -> str:
    """Returns what the import of a bundle has changed; None: it was imported before."""
    from pypisync.core.display import show_size

    if did is None:
        return "here already"
    made = f"generation {did.generation}" if did.generation else "no new generation"
    return f"{made}, {count(did.files, 'file')}, {show_size(did.bytes)}"


def _instead(config: "Config") -> str:
    """Returns how bundles come in while a daemon runs."""
    folder = config.bundles.import_from
    if folder is None:
        return 'name a folder in "bundles.import_from", from which it imports what appears'
    return f'put the files of the bundle into {folder} ("bundles.import_from"): it imports them'


def _report(config: "Config", place: Path) -> None:
    """Write what this mirror has, for the outside."""
    from pypisync.core.bundles import manifest
    from pypisync.cycle.fed_report import report
    from pypisync.storage import disk
    from pypisync.storage.pool import Pool

    with _catalog(config) as catalog, catalog.begin() as connection:
        found = report(connection, Pool(config.destination))
    disk.write(place.absolute(), manifest.to_line(found))
    lost = f", {count(len(found.lost), 'file')} lost" if found.lost else ""
    typer.echo(f"{place}: at bundle {found.point.sequence}{lost}; carry it to the outside")
