"""``verify``: whether the disk holds what the catalog says, and putting it right.

Looking takes no lock, so a sync may run meanwhile; what looks wrong is therefore looked at once
more before it is reported. Repairing takes the writer's lock: what is missing or broken is
forgotten, fetched again and published as in a cycle, strays are deleted, pages written anew.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pypisync.cli.common import AsJson, ConfigFile, clean, configured, count, show, show_json

if TYPE_CHECKING:
    from pypisync.catalog.db.transactions import Catalog
    from pypisync.cycle.mirror import Mirror, Watch
    from pypisync.cycle.sync import Report
    from pypisync.storage.check import Fault

_BATCH = 200  # pages rendered together; each may list thousands of files


def verify(
    *,
    config: ConfigFile = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Fetch again, rewrite, and delete strays.")
    ] = False,
    rehash: Annotated[
        bool, typer.Option("--rehash/--no-rehash", help="Read every byte, or compare sizes only.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Check that the disk holds what the catalog says.

    It compares every file and every page: sizes, hashes, bytes, strays. A file that --repair cannot
    fetch again leaves the pages, with all releases that are then held, until it can be fetched.
    Exit code 1 if faults were found and not repaired.
    """
    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.db.transactions import Catalog
    from pypisync.cli.progress import on_terminal
    from pypisync.wiring import open_mirror

    understood = configured(config)
    with Reader(understood.database_url):
        pass  # there is a catalog: nothing is to be created here
    left: list[Fault] = []
    with on_terminal() as watch:
        if repair:
            with open_mirror(understood, watch=watch) as mirror:
                check = Check(mirror.catalog, understood.destination, watch, rehash=rehash)
                faults = list(check.all())
                left = mend(mirror, check, faults) if faults else []
        else:
            catalog = Catalog(understood.database_url, writer=False)
            try:
                check = Check(catalog, understood.destination, watch, rehash=rehash)
                faults = left = check.again(list(check.all()))
            finally:
                catalog.close()
    if as_json:
        show_json({"faults": [asdict(f) | {"repaired": f not in left} for f in faults]})
    else:
        _show(faults, left)
    raise typer.Exit(1 if left else 0)


def _show(faults: "list[Fault]", left: "list[Fault]") -> None:
    if not faults:
        typer.echo("no faults")
        return
    rows = (
        (fault.path, fault.kind, fault.detail, "" if fault in left else "repaired")
        for fault in faults
    )
    show(count(len(faults), "fault"), ("path", "fault", "detail", ""), rows)


class Check:
    """Compares catalog and disk piece by piece, each piece in a transaction of its own."""

    def __init__(self, catalog: "Catalog", root: Path, watch: "Watch", *, rehash: bool) -> None:
        self._catalog = catalog
        self._root = root
        self._watch = watch
        self._rehash = rehash

    def all(self) -> "Iterator[Fault]":
        """Every fault."""
        yield from self._files()
        yield from self._unrecorded()
        yield from self._strays()
        yield from self._pages()

    def again(self, faults: "list[Fault]") -> "list[Fault]":
        """What of these still is a fault, as it is now."""
        from pypisync.catalog.db import pool
        from pypisync.catalog.publication import checks as repair
        from pypisync.storage.check import check_files

        if not faults:
            return []
        files = [f.path for f in faults if f.kind in ("missing", "size", "hash")]
        strays = [f.path for f in faults if f.kind == "stray" and (self._root / f.path).exists()]
        with self._catalog.begin() as connection:
            known = pool.stored_among(connection, files)
            unrecorded = set(repair.unrecorded(connection)) & set(files)
            strays = repair.unknown_among(connection, strays)
        expected = [(s.path, s.sha256, s.size) for s in known.values()]
        wrong = {f.path for f in check_files(self._root, expected, rehash=self._rehash)}
        wrong |= unrecorded | set(strays)
        wrong |= {f.path for f in self._pages(_names(faults))}
        return [fault for fault in faults if fault.path in wrong]

    def _files(self) -> "Iterator[Fault]":
        from pypisync.catalog.publication import checks as repair
        from pypisync.storage.check import check_files

        with self._catalog.begin() as connection:
            self._watch.step("files", repair.stored_count(connection))
        last = ""
        while True:
            with self._catalog.begin() as connection:
                batch = repair.stored_after(connection, last)
            if not batch:
                return
            last = batch[-1].path
            expected = self._counted((s.path, s.sha256, s.size) for s in batch)
            yield from check_files(self._root, expected, rehash=self._rehash)

    def _counted(self, expected: Iterable[tuple[str, str, int]]) -> Iterator[tuple[str, str, int]]:
        for item in expected:
            yield item
            self._watch.advance()

    def _unrecorded(self) -> "Iterator[Fault]":
        from pypisync.catalog.publication import checks as repair
        from pypisync.storage.check import Fault

        with self._catalog.begin() as connection:
            paths = repair.unrecorded(connection)
        for path in paths:
            yield Fault(path, "missing", "on a page, but not recorded as stored")

    def _strays(self) -> "Iterator[Fault]":
        from pypisync.catalog.db.sql import batches
        from pypisync.catalog.publication import checks as repair
        from pypisync.storage.check import Fault, strays

        for batch in batches(strays(self._root, ())):
            with self._catalog.begin() as connection:
                unknown = repair.unknown_among(connection, batch)
            for path in unknown:
                yield Fault(path, "stray", "the catalog does not know it")

    def _pages(self, only: set[str] | None = None) -> "Iterator[Fault]":
        """The faults of all pages, or of these projects' (and of the list of projects)."""
        from pypisync.catalog.publication import checks as repair
        from pypisync.catalog.publication import generations as history
        from pypisync.storage.check import Fault, check_page, check_root
        from pypisync.storage.tree import Tree

        with self._catalog.begin() as connection:
            number, serial, _ = history.generation(connection)
            index = history.index(connection)
        if not number:
            return
        names = [name for name, _ in index if only is None or name in only]
        self._watch.step("pages", len(names))
        for start in range(0, len(names), _BATCH):
            with self._catalog.begin() as connection:
                pages = repair.whole_pages(connection, names[start : start + _BATCH])
            for page in pages:
                yield from check_page(self._root, page)
            self._watch.advance(len(pages))
        for name in sorted(Tree(self._root).pages() - {name for name, _ in index}):
            yield Fault(f"simple/{name}", "page", "the generation has no such project")
        yield from check_root(self._root, index, serial)


def mend(mirror: "Mirror", check: Check, faults: "list[Fault]") -> "list[Fault]":
    """Mend the faults that can be mended, and return the others.

    A file that cannot be fetched again leaves the pages: a link that does not work is worse than
    none.
    """
    from pypisync.catalog.publication import checks as repair
    from pypisync.cycle.sync import Report, fetch, publish

    broken = [f.path for f in faults if f.kind in ("missing", "size", "hash")]
    strays = [f.path for f in faults if f.kind == "stray"]
    with mirror.catalog.begin() as connection:
        repair.lose(connection, broken)
    mirror.pool.delete([f.path for f in faults if f.kind in ("size", "hash")] + strays)
    mirror.pool.flush()
    report = Report()
    publish(mirror, report, fetch(mirror, report))
    _rewrite(mirror, _names(faults))
    _tell(report)
    return check.again(faults)


def _rewrite(mirror: "Mirror", names: set[str]) -> None:
    """Make the pages of these projects, and the list of all, those of the newest generation."""
    from pypisync.catalog.publication import checks as repair
    from pypisync.catalog.publication import generations as history

    with mirror.catalog.begin() as connection:
        pages = repair.whole_pages(connection, sorted(names))
        index = history.index(connection)
        _, serial, _ = history.generation(connection)
    for page in pages:
        mirror.tree.write_page(page)
    for name in names - {page.name for page in pages}:
        mirror.tree.remove_page(name)
    mirror.tree.write_root(index, serial)
    mirror.tree.flush()


def _names(faults: "Iterable[Fault]") -> set[str]:
    """The projects whose pages have faults."""
    parts = [fault.path.split("/") for fault in faults if fault.kind == "page"]
    return {part[1] for part in parts if len(part) > 2 or not part[-1].startswith("index.")}


def _tell(report: "Report") -> None:
    """Say what could not be fetched, and what therefore waits."""
    for kind, reasons in (("failed", report.failed), ("held", report.held)):
        for what, reason in reasons.items():
            typer.echo(clean(f"{kind}: {what}: {reason}"), err=True)
