"""Bundles and folders made by hand to do harm: refused by name, and nothing is left behind."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from pypisync.core.bundles import manifest
from pypisync.core.bundles.manifest import Member
from pypisync.core.bundles.signatures import Trust
from pypisync.cycle.one_way import Inbox
from pypisync.errors import BundleError, StorageError
from pypisync.storage import parts
from tests.bundles.copies import copied
from tests.bundles.links import Link, of_several_parts
from tests.bundles.test_faults import (
    Evil,
    exported,
    forged,
    pool_files,
    refused,
    replace_in,
    write_part,
)
from tests.sim.world import World

OTHER = "packages/00/00/" + "0" * 60


@pytest.fixture
def link(tmp_path: Path, world: World) -> Link:
    return copied(of_several_parts, tmp_path, world)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("{listed}/below", "is not where a file of the pool lies"),
        ("{folder}", "is not where a file of the pool lies"),
        (f"{OTHER}/extra-1.0.tar.gz", "which no page lists"),
        ("{listed}.metadata.metadata", "which no page lists"),
        (f"{OTHER}/" + "\N{LATIN SMALL LETTER E WITH ACUTE}" * 200, "is not a path below"),
        (f"{OTHER}/\x1b[2J", "not as the format wants it"),
    ],
)
def test_a_file_that_no_page_lists(link: Link, path: str, why: str) -> None:
    listed = next(one.path for one in pool_files(link) if not one.path.endswith(".metadata"))
    path = path.format(listed=listed, folder=listed.rpartition("/")[0])

    def add(members: list[Member]) -> list[Member]:
        last = members[-1]
        return [*members, Member(path, last.size, last.sha256)]

    for record in (link.outside.folder / ".exports").glob("000002*"):
        record.unlink()
    shutil.rmtree(link.media)
    refused(link, forged(link, add), why)


def test_a_file_that_two_parts_bring(link: Link) -> None:
    same: Evil = lambda members: members  # noqa: E731 - short
    place = forged(link, same)
    found = manifest.read_manifest(place.read_bytes(), place.name)
    (part,) = found.parts
    again = parts.read_list(link.media / part.name, part)[-1:]
    second = write_part(link.media / "second.tar", again, link.media / "bodies")
    size = found.bytes + again[0].size
    lie = replace_in(found, parts=(part, second), files=found.files + 1, bytes=size)
    place.write_bytes(manifest.to_json(lie))
    refused(link, place, again[0].path, "twice")


@pytest.mark.parametrize("made", [-1.0, 1e300])
def test_a_time_that_no_clock_shows(link: Link, made: float) -> None:
    place, found = exported(link)
    place.write_bytes(manifest.to_json(replace_in(found, made=made)))
    refused(link, place, place.name, "made")


def test_names_do_not_end_in_a_line_feed(link: Link) -> None:
    place, found = exported(link)
    for lie in (
        replace_in(found, schema=f"{found.schema}\n"),
        replace_in(found, parts=(replace_in(found.parts[0], name="a.tar\n"), *found.parts[1:])),
    ):
        place.write_bytes(manifest.to_json(lie))
        refused(link, place, place.name, "not as the format wants it")


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder", "socket"])
def test_a_part_that_is_no_file(link: Link, kind: str, tmp_path: Path) -> None:
    place, found = exported(link)
    path = link.media / found.parts[0].name
    moved = tmp_path / "moved"
    path.rename(moved)
    made: dict[str, Callable[[], object]] = {
        "link": lambda: path.symlink_to(moved),
        "dangling": lambda: path.symlink_to(tmp_path / "nothing"),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "socket": lambda: os.mknod(path, 0o140600),
    }
    made[kind]()
    refused(link, place, path.name, "missing")
    with pytest.raises(StorageError):  # it was exchanged after it was found
        parts.read(path, found.parts[0], lambda _, chunks: None)


def test_a_part_that_cannot_be_read_is_taken_from_another_copy(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scratched disc fails to give bytes; that says nothing of the disk of the mirror."""
    place, found = exported(link)
    copy = link.media / "copy-2"
    copy.mkdir()
    for path in link.media.glob("pypisync-*"):
        shutil.copy(path, copy)
    scratched = link.media / found.parts[0].name

    begin = parts._PartReader.__init__

    class Scratched:
        def __init__(self, file: BinaryIO) -> None:
            self._file = file

        def read(self, size: int) -> bytes:
            if os.path.samestat(os.fstat(self._file.fileno()), scratched.stat()):
                raise OSError(errno.EIO, "Input/output error")
            return self._file.read(size)

    def scratch(reader: Any, file: BinaryIO, name: str) -> None:
        begin(reader, cast("BinaryIO", Scratched(file)), name)

    monkeypatch.setattr(parts._PartReader, "__init__", scratch)
    refused(link, place, scratched.name, "cannot be read: Input/output error")
    link.import_(link.media)
    link.check()


def inbox(link: Link, folder: Path, imported: str) -> Iterator[int]:
    mirror = link.inside.mirror(link.inside.catalog())
    found = Inbox(folder, Trust(unsigned=True), imported).import_new(mirror)
    return (one.manifest.target.sequence for one, _ in found)


def test_a_folder_with_all_kinds_of_things(link: Link, tmp_path: Path) -> None:
    exported(link)
    folder = link.media
    os.mkfifo(folder / "pypisync-00000000-000009-since-000000.json")
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nothing")
    (folder / "copy-9").symlink_to(tmp_path)
    (folder / "x.sig").mkdir()
    (folder / os.fsdecode(b"\xff.sig")).touch()
    for number in range(2000):
        (folder / f"foreign-{number}.sig").touch()
    with pytest.raises(BundleError, match=r"000009.*: there is no such manifest"):
        list(inbox(link, folder, "delete"))
    link.check()
    assert len(list(folder.iterdir())) == 2006


def test_what_was_imported_is_not_moved_through_a_link(link: Link, tmp_path: Path) -> None:
    exported(link)
    (tmp_path / "elsewhere").mkdir()
    (link.media / "imported").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="imported: a symbolic link stands in the way"):
        list(inbox(link, link.media, "archive"))
    link.check()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_that_goes_while_the_folder_is_looked_at(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tools that copy give a file its name in the end."""
    exported(link)
    (link.media / ".copying.Xy12").touch()
    listed = Path.iterdir

    def iterdir(self: Path) -> Iterator[Path]:
        for path in listed(self):
            if path.name == ".copying.Xy12":
                path.unlink(missing_ok=True)
            yield path

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert list(inbox(link, link.media, "keep")) == [2]
