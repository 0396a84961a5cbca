"""Whether the disk holds what the catalog says, and whether the catalog agrees with itself.

Looking takes no lock, so a sync may run meanwhile; what looks wrong is therefore looked at once
more before it is reported. Everything is compared piece by piece, each piece in a transaction of
its own, so memory does not grow with the mirror.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from pypisync.catalog.db import pool
from pypisync.catalog.db.sql import batches
from pypisync.catalog.db.transactions import Catalog
from pypisync.catalog.publication import checks, generations
from pypisync.cycle.mirror import Watch
from pypisync.storage.check import (
    Discrepancy,
    check_files,
    check_page,
    check_root,
    file_paths,
    stray,
)
from pypisync.storage.disk import is_folder
from pypisync.storage.tree import Tree

_BATCH = 200  # pages rendered together; each may list thousands of files
TOO_MANY = "the generation has no such project"


class Check:
    """Compares a catalog and the mirror in the folder ``root``.

    ``rehash`` reads every byte of the files; else their sizes are compared. ``watch`` is told how
    far it is. All methods raise CatalogError, and StorageError if the disk cannot be read.
    """

    def __init__(self, catalog: Catalog, root: Path, watch: Watch, *, rehash: bool) -> None:
        self._catalog = catalog
        self._root = root
        self._watch = watch
        self._rehash = rehash

    def all(self) -> Iterator[Discrepancy]:
        """Yields every fault; those of the catalog come first.

        Raises Malformed for a path on record that leaves the mirror.
        """
        yield from self._contradictions()
        yield from self._files()
        yield from self._unrecorded()
        yield from self._strays()
        yield from self._pages()

    def again(self, faults: Collection[Discrepancy]) -> list[Discrepancy]:
        """Returns what of these is a fault still, or again.

        Raises Malformed for a path on record that leaves the mirror.
        """
        if not faults:
            return []
        files = [f.path for f in faults if f.kind in ("missing", "size", "hash")]
        unknown = [f.path for f in faults if f.kind in ("stray", "link") and self._is_file(f.path)]
        with self._catalog.begin() as connection:
            known = pool.stored_among(connection, files)
            unrecorded = set(checks.unrecorded(connection)) & set(files)
            wrong = unrecorded | set(checks.unknown_among(connection, unknown))
        expected = [(s.path, s.sha256, s.size) for s in known.values()]
        wrong |= {f.path for f in check_files(self._root, expected, rehash=self._rehash)}
        wrong |= {f.path for f in self._pages(page_names(faults))}
        wrong |= {f.path for f in self._contradictions()} | set(Tree(self._root).strays())
        return [fault for fault in faults if fault.path in wrong]

    def _is_file(self, path: str) -> bool:
        place = self._root / path
        return path.startswith("packages/") and os.path.lexists(place) and not is_folder(place)

    def _contradictions(self) -> Iterator[Discrepancy]:
        with self._catalog.begin() as connection:
            number, _, _ = generations.generation(connection)
            detail = checks.contradiction(connection)
        if detail:
            yield Discrepancy(f"generation {number}", "catalog", detail)

    def _files(self) -> Iterator[Discrepancy]:
        with self._catalog.begin() as connection:
            self._watch.step("files", checks.stored_count(connection))
        last = ""
        while True:
            with self._catalog.begin() as connection:
                batch = checks.stored_after(connection, last)
            if not batch:
                return
            last = batch[-1].path
            expected = self._counted((s.path, s.sha256, s.size) for s in batch)
            yield from check_files(self._root, expected, rehash=self._rehash)

    def _counted(self, expected: Iterable[tuple[str, str, int]]) -> Iterator[tuple[str, str, int]]:
        for item in expected:
            yield item
            self._watch.advance()

    def _unrecorded(self) -> Iterator[Discrepancy]:
        with self._catalog.begin() as connection:
            paths = checks.unrecorded(connection)
        for path in paths:
            yield Discrepancy(path, "missing", "on a page, but not recorded as stored")

    def _strays(self) -> Iterator[Discrepancy]:
        for batch in batches(file_paths(self._root)):
            with self._catalog.begin() as connection:
                unknown = checks.unknown_among(connection, batch)
            for path in unknown:
                yield stray(self._root, path)
        for path in Tree(self._root).strays():
            yield Discrepancy(path, "stray", "no page of the mirror")

    def _pages(self, only: Collection[str] | None = None) -> Iterator[Discrepancy]:
        """Yields the faults of all pages, or of these projects' (and of the list of projects)."""
        with self._catalog.begin() as connection:
            number, serial, _ = generations.generation(connection)
            index = generations.index(connection)
        if not number:
            return
        names = [name for name, _ in index if only is None or name in only]
        self._watch.step("pages", len(names))
        for start in range(0, len(names), _BATCH):
            with self._catalog.begin() as connection:
                pages = checks.whole_pages(connection, names[start : start + _BATCH])
            for page in pages:
                yield from check_page(self._root, page)
            self._watch.advance(len(pages))
        for name in sorted(Tree(self._root).pages() - {name for name, _ in index}):
            yield Discrepancy(f"simple/{name}", "page", TOO_MANY)
        yield from check_root(self._root, index, serial)


def page_names(faults: Iterable[Discrepancy]) -> set[str]:
    """Returns the projects whose pages have faults."""
    parts = [fault.path.split("/") for fault in faults if fault.kind == "page"]
    return {part[1] for part in parts if len(part) > 2 or not part[-1].startswith("index.")}
