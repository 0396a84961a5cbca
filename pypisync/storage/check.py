"""Whether the disk holds what the catalog says it holds.

Files are compared by size, or by SHA-256 when asked; files that the catalog does not know are
strays; pages are compared byte by byte. This module changes nothing and follows no link, and its
memory does not grow with the number of files.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from pypisync.core.publish import pages
from pypisync.storage import disk
from pypisync.storage.tree import unpack

_BLOCK = 4 * 2**20  # bytes read at a time


class Discrepancy(Struct, frozen=True):
    """One way in which the disk differs from the catalog."""

    path: str  # relative to the mirror's folder
    # "catalog": the catalog contradicts itself; "link": a folder is elsewhere, behind a link
    kind: Literal["missing", "size", "hash", "stray", "page", "link", "catalog"]
    detail: str


def check_files(
    root: Path,
    expected: Iterable[tuple[str, str, int]],
    *,
    rehash: bool,
    step: Callable[[], None] = lambda: None,
) -> Iterator[Discrepancy]:
    """Yields the faults among the expected (path, SHA-256 or "", size), in the order they come.

    ``rehash`` reads every byte, and calls ``step`` every few megabytes, which may raise. Raises
    Malformed for a path that leaves the mirror.
    """
    for path, sha256, size in expected:
        place = disk.inside(root, path)
        try:
            found = place.lstat()
        except OSError as error:
            yield Discrepancy(path, "missing", error.strerror or str(error))
            continue
        if not stat.S_ISREG(found.st_mode):
            yield Discrepancy(path, "missing", "not a regular file")
        elif found.st_size != size:
            yield Discrepancy(path, "size", f"{found.st_size} bytes, expected {size}")
        elif rehash and sha256 and (detail := _differs(place, sha256, step)):
            yield Discrepancy(path, "hash", detail)


def file_paths(root: Path) -> Iterator[str]:
    """Yields the paths of all files below ``packages``, sorted within each folder."""
    top = root / "packages"
    with disk.guarded(top):
        is_there = top.is_dir()
    if is_there:
        yield from _paths(top, "packages")


def stray(root: Path, path: str) -> Discrepancy:
    """Returns the fault of a path that the catalog does not know.

    A link to a folder is one that the administrator made, with files of the mirror behind it.
    Raises Malformed for a path that leaves the mirror.
    """
    place = disk.inside(root, path)
    with disk.guarded(place):
        is_link = place.is_symlink() and place.is_dir()
    if is_link:
        detail = "a link to a folder: nothing behind it is served; move the folder itself here"
        return Discrepancy(path, "link", detail)
    return Discrepancy(path, "stray", "the catalog does not know it")


def check_page(root: Path, page: pages.Page) -> Iterator[Discrepancy]:
    """Yields the files of the project's page whose bytes are not those of ``page``."""
    folder = f"simple/{page.name}"
    with disk.guarded(root / folder):
        is_link = (root / folder).is_symlink()
    if is_link:
        yield Discrepancy(folder, "page", "a link, and not a folder")
        return
    json, html = pages.project_json(page), pages.project_html(page)
    yield from _check_index(root, folder, json, html)


def check_root(
    root: Path, projects: Sequence[tuple[str, int]], serial: int
) -> Iterator[Discrepancy]:
    """Yields the files of the list of all (name, serial) that differ."""
    json, html = pages.root_json(projects, serial), pages.root_html([name for name, _ in projects])
    yield from _check_index(root, "simple", json, html)


def _check_index(root: Path, folder: str, json: bytes, html: bytes) -> Iterator[Discrepancy]:
    for name, data in (("index.v1_json", json), ("index.html", html), ("index.v1_html", html)):
        plain, packed = f"{folder}/{name}", f"{folder}/{name}.gz"
        has = disk.read(root / plain)
        if has != data:
            detail = "missing" if has is None else "its bytes are not those of the generation"
            yield Discrepancy(plain, "page", detail)
        if unpack(disk.read(root / packed)) != data:
            yield Discrepancy(packed, "page", "missing, or it does not unpack to the page")


def _paths(folder: Path, prefix: str) -> Iterator[str]:
    with disk.guarded(folder), os.scandir(folder) as found:
        entries = sorted((e.name, e.is_dir(follow_symlinks=False)) for e in found)
    for name, is_folder in entries:
        path = f"{prefix}/{name}"
        if is_folder:
            yield from _paths(folder / name, path)
        else:
            yield path


def _differs(place: Path, sha256: str, step: Callable[[], None]) -> str:
    """Returns how the file's bytes differ from the expected ones; "" if they do not."""
    hashed = hashlib.sha256()
    try:
        with place.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK):
                hashed.update(block)
                step()
    except OSError as error:  # a bad sector concerns this file alone
        return f"cannot be read: {error.strerror or error}"
    digest = hashed.hexdigest()
    return "" if digest == sha256 else f"SHA-256 is {digest}, expected {sha256}"
