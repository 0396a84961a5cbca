"""One-way links: what is new goes into a folder, and what appears in a folder is imported.

Files may appear in any order, and slowly. A bundle is imported when its manifest, its signatures
and all of its parts are there, each of its size. What is refused is looked at again when anything
in the folder has changed, and when the index is released; where the disk was full, also ten minutes
later.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from stat import S_ISREG

from msgspec import Struct

from pypisync.catalog.bundles import fed
from pypisync.catalog.publication import generations, rollback
from pypisync.core.bundles import manifest
from pypisync.core.bundles.manifest import Manifest
from pypisync.core.bundles.signatures import Trust
from pypisync.cycle.export import Export, write_bundle
from pypisync.cycle.import_bundle import NotNowError, import_all
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.open_bundles import Bundle, Unusable, copies, open_all
from pypisync.cycle.report import Report
from pypisync.cycle.resume import resume
from pypisync.errors import BundleError, StorageError
from pypisync.storage import disk, keys
from pypisync.storage.exports import Exports

ARCHIVE = "imported"
LOOK = 10  # seconds between two looks into a folder
_AGAIN = 600.0  # seconds until what this machine could not do is tried again


def export_new(mirror: Mirror, asked: Export) -> tuple[Path, Manifest] | None:
    """Export what is new since the last bundle; everything if there was none.

    ``asked`` says how; its base does not count. Returns the manifest and its place; None if nothing
    is new. Raises BundleError, StorageError, CatalogError, ConfigError.
    """
    root = mirror.pool.root
    exports = Exports(root)
    with exports.alone():
        asked = Export(asked.to, exports.newest(), asked.split, asked.keys, asked.repeat)
        return write_bundle(mirror.catalog, root, asked, mirror.now())


def is_published(mirror: Mirror) -> bool:
    """Returns whether there is anything to export."""
    with mirror.catalog.begin() as connection:
        return generations.generation(connection)[0] > 0


class Inbox(Struct):
    """A folder from which bundles are imported. ``imported``: keep, archive or delete them then."""

    folder: Path
    trust: Trust
    imported: str
    _seen: frozenset[tuple[str, int, int]] = frozenset()  # what was there at the last look
    _unread: str | None = None  # why the folder could not be read at the last look
    _again: float | None = None  # when the same is to be looked at again, seconds since 1970
    _frozen: bool = False  # the index was frozen at the last look

    def import_new(self, mirror: Mirror) -> Iterator[tuple[Bundle, Report]]:
        """Yields each bundle that was imported, with what that did.

        Raises BundleError and StorageError, which are remembered for the status too, CatalogError,
        ConfigError. A folder that cannot be read raises once.
        """
        found, now = self._try_to_look(mirror), mirror.now()
        if self._unread or (
            found <= self._seen and (self._again is None or now < self._again)  # nothing has come
        ):
            frozen = resume(mirror, Report())
            if frozen or not self._frozen:
                return
        self._seen, self._again, self._frozen = found, now + _AGAIN, False
        stays: StorageError | None = None
        try:
            bundles = open_all([self.folder], self.trust, now) if found else []
            for bundle, report in import_all(mirror, filter(_is_complete, bundles)):
                if report is not None:
                    yield bundle, report
                try:
                    self._put_away(bundle)
                except StorageError as error:  # those behind it are imported all the same
                    stays = stays or error
        except BundleError as error:
            if not isinstance(error, NotNowError):
                self._again = None
            with mirror.catalog.begin() as connection:
                fed.set_refusal(connection, str(error))
                self._frozen = rollback.frozen(connection) is not None
            raise
        with mirror.catalog.begin() as connection:
            fed.set_refusal(connection, "")
        if stays is not None:
            raise stays
        self._again = None

    def _try_to_look(self, mirror: Mirror) -> frozenset[tuple[str, int, int]]:
        """Returns what :meth:`_look` does. Raises StorageError where it cannot, if that is news."""
        found, unread = frozenset[tuple[str, int, int]](), ""
        try:
            found = self._look()
        except StorageError as error:
            unread = str(error)
        if unread != self._unread:
            self._unread, self._seen = unread, frozenset()
            with mirror.catalog.begin() as connection:
                fed.set_refusal(connection, unread)
            if unread:
                raise StorageError(unread)
        return found

    def _look(self) -> frozenset[tuple[str, int, int]]:
        """Returns what is in the folder, with sizes and times; nothing if no bundle is.

        Raises StorageError.
        """
        with disk.guarded(self.folder):
            if not self.folder.exists():
                what = "there is no such folder: make it, or mount what bundles come by"
                raise StorageError(f"{self.folder}: {what}")
            found = frozenset(
                (str(path), there.st_size, there.st_mtime_ns)
                for folder in (self.folder, *copies(self.folder))
                for path in folder.iterdir()
                if (there := disk.found(path)) is not None and S_ISREG(there.st_mode)
            )
        is_there = any(manifest.is_manifest(Path(name).name) for name, _, _ in found)
        return found if is_there else frozenset()

    def _put_away(self, bundle: Bundle) -> None:
        if self.imported == "keep":
            return
        archive = self.folder / ARCHIVE
        if self.imported == "archive":
            disk.make_folder(archive)
            if not disk.is_folder(archive):  # whoever fills the folder may have made it
                raise StorageError(f"{archive}: a symbolic link stands in the way: move it away")
        for path in _files(bundle):
            if self.imported == "archive" and path.parent == self.folder:
                disk.replace(path, archive / path.name)
            else:
                disk.remove(path)
        disk.sync_folder(self.folder)


def _is_complete(bundle: Bundle | Unusable) -> bool:
    """Returns whether all parts are there, each of its size, in one of the folders."""
    return isinstance(bundle, Unusable) or all(
        any(_size(folder / part.name) == part.size for folder in bundle.folders)
        for part in bundle.manifest.parts
    )


def _size(path: Path) -> int | None:
    there = disk.found(path)
    return None if there is None else there.st_size


def _files(bundle: Bundle) -> Sequence[Path]:
    """Returns the files of a bundle, the manifest last."""
    names = [part.name for part in bundle.manifest.parts]
    found = [folder / name for folder in bundle.folders for name in names]
    for folder in bundle.folders:
        found += keys.files(folder / bundle.name)
        found.append(folder / bundle.name)
    return [path for path in dict.fromkeys(found) if os.path.lexists(path)]
