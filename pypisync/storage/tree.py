"""How index pages get on the disk, so that any web server can serve them.

Below ``simple`` there is one folder a project (PEP 503), with the page as JSON (PEP 691) and HTML,
each also packed for servers that send precompressed files. Files are written only when their bytes
change, each by a rename, because servers make the ETag from a file's time and size. A project's
folder appears and disappears as a whole, because servers send 403 instead of 404 for a folder
without an index. The bytes come from :mod:`pypisync.core.publish.pages`; callers choose the order
of pages.
"""

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pypisync.core.publish import pages
from pypisync.errors import Malformed
from pypisync.storage import disk

_LEVEL = 6  # of packing
_ROOT_LEVEL = 1  # the list of all changes with every generation, and installers do not ask for it
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")  # PEP 503, normalised
_PAGE_FILES = {
    f"{name}{packed}"
    for name in ("index.v1_json", "index.html", "index.v1_html")
    for packed in ("", ".gz")
}


class Tree:
    """The folders ``simple`` and, if asked for, ``flat`` below the mirror's folder.

    ``flat`` keeps a link to every file in one folder, for ``--find-links``. One thread uses it.
    All methods raise StorageError, and Malformed for a name that is not safe on a disk.
    """

    def __init__(self, root: Path, *, flat: bool = False) -> None:
        self.root = root
        self._simple = root / "simple"
        self._flat = flat
        self._touched: set[Path] = set()  # folders whose listing is not synced yet
        # In a batch: under what name what has been written will appear; None: it will go.
        self._queue: dict[Path, Path | None] | None = None

    def write_page(self, page: pages.Page) -> int:
        """Write the project's page. Returns how many files changed."""
        folder = self._folder(page.name)
        if disk.is_folder(folder):
            return self._write(folder, pages.project_json(page), pages.project_html(page))
        self.prepare(page)
        return self.show(page.name)

    def lacks(self, name: str) -> bool:
        """Returns whether the project has no page."""
        return not disk.is_folder(self._folder(name))

    def prepare(self, page: pages.Page) -> None:
        """Write a page that is not there yet where nobody sees it; any process may do so.

        Raises StorageError.
        """
        self._fill(self._fresh(page.name), pages.project_json(page), pages.project_html(page))

    def show(self, name: str) -> int:
        """Let a page appear that was prepared. Returns how many files changed.

        Raises StorageError.
        """
        if self._simple not in self._touched:
            self._make(self._simple)
        self._show(self._fresh(name), self._folder(name))
        self._touched.add(self._simple)
        return 6

    def _fresh(self, name: str) -> Path:
        return disk.scratch(self.root, f"simple/{name}", "new")

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Returns a context at whose end the pages written or removed in it appear or go.

        They do so in their order; one sync of the disk serves them all.
        """
        self._queue = {}
        try:
            yield
            written = [temporary for temporary in self._queue.values() if temporary is not None]
            disk.sync_all((path for fresh in written for path in _inside(fresh)), self.root)
            for target, temporary in self._queue.items():
                if temporary is None:
                    self._remove(target)
                else:
                    disk.replace_any(temporary, target)
        finally:
            self._queue = None

    def remove_page(self, name: str) -> bool:
        """Remove the project's page. Returns whether there was one."""
        folder = self._folder(name)
        with disk.guarded(folder):
            if not (folder.is_dir() or folder.is_symlink()):
                return False
        if self._queue is None:
            self._remove(folder)
        else:
            self._queue[folder] = None
        return True

    def write_root(self, projects: Sequence[tuple[str, int]], serial: int) -> int:
        """Write the list of all (name, serial). Returns how many files changed."""
        html = pages.root_html([name for name, _ in projects])
        return self._write(self._simple, pages.root_json(projects, serial), html, _ROOT_LEVEL)

    def change_root(self, changed: Mapping[str, int], serial: int, count: int) -> int | None:
        """Change serials in the list of all, ``count`` projects whose names stay the same.

        Returns how many files changed; None if what is there is not such a list. The HTML, which
        has the names alone, is as it should be where the JSON has all of them.
        """
        plain, packed = self._simple / "index.v1_json", self._simple / "index.v1_json.gz"
        others = ("index.html", "index.html.gz", "index.v1_html", "index.v1_html.gz")
        old = disk.read(plain)
        data = pages.root_json_changed(old, changed, serial, count) if old else None
        with disk.guarded(self._simple):
            if data is None or not all((self._simple / name).is_file() for name in others):
                return None
        return self._write_both(plain, packed, data, _ROOT_LEVEL)

    def pages(self) -> set[str]:
        """Returns the names that have a folder."""
        with disk.guarded(self._simple):
            if not self._simple.is_dir():
                return set()
            return {
                entry.name
                for entry in self._simple.iterdir()
                if _NAME.fullmatch(entry.name) and entry.is_dir()
            }

    def strays(self) -> Iterator[str]:
        """Yields the paths, from the mirror's folder on, of files among the pages that are no page.

        What is hidden (``.htaccess``) is the administrator's.
        """
        with disk.guarded(self._simple):
            if not self._simple.is_dir():
                return
        for folder in (self._simple, *(self._simple / name for name in sorted(self.pages()))):
            ours = _PAGE_FILES | (self.pages() if folder == self._simple else set())
            with disk.guarded(folder):
                names = sorted(entry.name for entry in folder.iterdir())
            for name in names:
                if name not in ours and not name.startswith("."):
                    yield str((folder / name).relative_to(self.root))

    def remove_stray(self, path: str) -> None:
        """Remove one of ``strays``, following no link."""
        place = disk.inside(self.root, path, "simple")
        disk.remove_tree(place)
        self._touched.add(place.parent)

    def link(self, path: str) -> bool:
        """Put the stored file into ``flat``. Returns whether anything changed."""
        source = disk.inside(self.root, path)
        if not self._flat:
            return False
        target = self.root / "flat" / source.name
        text = f"../{path}"
        if _is_link(target, source, text):
            return False
        self._make(target.parent)
        temporary = disk.scratch(self.root, f"flat/{source.name}", "link")
        if not disk.link(source, target, temporary):
            disk.symlink(text, target, temporary)
        self._touched.add(target.parent)
        return True

    def unlink(self, filename: str) -> bool:
        """Take a file out of ``flat``. Returns whether it was there."""
        if not self._flat:
            return False
        target = disk.inside(self.root, f"flat/{filename}", "flat")
        if disk.remove(target) is None:
            return False
        self._touched.add(target.parent)
        return True

    def flush(self) -> None:
        """Make everything since the last flush durable."""
        disk.sync_all(self._touched, self.root)
        self._touched.clear()

    def _folder(self, name: str) -> Path:
        if not _NAME.fullmatch(name) or not disk.is_filename(name):
            raise Malformed(f"{name!r} is not a normalised project name (PEP 503)")
        return self._simple / name

    def _make(self, folder: Path) -> None:
        self._touched.update(disk.make_folder(folder))

    def _write(self, folder: Path, json: bytes, html: bytes, level: int = _LEVEL) -> int:
        """Write JSON last: names in it say, also after a crash, that the HTML has them."""
        self._make(folder)
        written = self._write_both(folder / "index.html", folder / "index.html.gz", html, level)
        if disk.read(folder / "index.v1_html") != html:
            self._double(folder / "index.html", folder / "index.v1_html")
            written += 1
        if unpack(disk.read(folder / "index.v1_html.gz")) != html:
            self._double(folder / "index.html.gz", folder / "index.v1_html.gz")
            written += 1
        plain = folder / "index.v1_json"
        written += self._write_both(plain, folder / "index.v1_json.gz", json, level)
        if written:
            self._touched.add(folder)
        return written

    def _write_both(self, plain: Path, packed: Path, data: bytes, level: int) -> int:
        """Write a file, plain and packed, where it differs. Returns how many changed."""
        written = 0
        if disk.read(plain) != data:
            self._put(plain, data)
            written += 1
        # Compared unpacked: another zlib packs the same page into other bytes.
        if unpack(disk.read(packed)) != data:
            self._put(packed, gzip.compress(data, level, mtime=0))
            written += 1
        if written:
            self._touched.add(plain.parent)
        return written

    def _fill(self, fresh: Path, json: bytes, html: bytes) -> None:
        """Write a folder that nobody sees yet."""
        disk.remove_tree(fresh)
        for name, data in (("index.v1_json", json), ("index.html", html)):
            disk.write(fresh / name, data)
            disk.write(fresh / f"{name}.gz", gzip.compress(data, _LEVEL, mtime=0))
        for end in ("", ".gz"):
            source, double = fresh / f"index.html{end}", fresh / f"index.v1_html{end}"
            if not disk.link_fresh(source, double):
                disk.write(double, disk.read(source) or b"")

    def _remove(self, folder: Path) -> None:
        """Let a page go as a whole, then delete what it was."""
        gone = disk.scratch(self.root, f"simple/{folder.name}", "gone")
        disk.remove_tree(gone)
        disk.make_folder(gone.parent)
        disk.replace(folder, gone)
        self._touched.add(self._simple)
        disk.remove_tree(gone)

    def _put(self, path: Path, data: bytes) -> None:
        temporary = disk.scratch(self.root, str(path), "write")
        disk.write(temporary, data)
        self._show(temporary, path)

    def _double(self, source: Path, path: Path) -> None:
        """Give the bytes of ``source`` a second name."""
        source = (self._queue or {}).get(source) or source
        temporary = disk.scratch(self.root, str(path), "link")
        if not disk.link_fresh(source, temporary):
            disk.write(temporary, disk.read(source) or b"")
        self._show(temporary, path)

    def _show(self, temporary: Path, target: Path) -> None:
        """Rename what has been written: now, or at the end of the batch."""
        if self._queue is not None:
            self._queue[target] = temporary
            return
        disk.sync_all(_inside(temporary), self.root)
        disk.replace_any(temporary, target)


def _inside(path: Path) -> list[Path]:
    """Returns a path and, if it is a folder, what is in it."""
    with disk.guarded(path):
        return [*path.iterdir(), path] if path.is_dir() else [path]


def unpack(packed: bytes | None) -> bytes | None:
    """Returns the bytes of a packed file; None if it is missing or damaged."""
    if packed is None:
        return None
    try:
        return gzip.decompress(packed)
    except (OSError, EOFError, zlib.error):  # damaged: as good as missing
        return None


def _is_link(target: Path, source: Path, text: str) -> bool:
    """Returns whether ``target`` already is a link to ``source``, of either kind."""
    with disk.guarded(target):
        try:
            if target.is_symlink():
                return str(target.readlink()) == text
            return target.samefile(source)
        except FileNotFoundError:
            return False
