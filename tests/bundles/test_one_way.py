"""One-way links: a folder that fills by itself, copies on a link that loses some, going back."""

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries.fed import last_bundle, refusal
from pypisync.core.bundles.signatures import Trust
from pypisync.cycle.export import Export
from pypisync.cycle.one_way import Inbox, export_new
from pypisync.cycle.prune import prune
from pypisync.cycle.report import Report
from pypisync.cycle.resume import resume
from pypisync.errors import BundleError, StorageError
from pypisync.storage import disk
from tests.bundles.links import Link, everything, pages
from tests.recipe.test_rollback import order
from tests.sim.world import World


def sent(link: Link, repeat: int = 1) -> Path | None:
    """What the daemon outside does when its time has come. Returns the manifest."""
    mirror = link.outside.mirror(link.outside.catalog())
    made = export_new(mirror, Export(link.media, None, 2**20, (), repeat))
    return made and made[0]


class Daemon:
    """What the daemon inside does every few seconds."""

    def __init__(self, link: Link, folder: Path, imported: str = "keep") -> None:
        self._link = link
        folder.mkdir(exist_ok=True)
        self._inbox = Inbox(folder, Trust(unsigned=True), imported)

    def look(self) -> list[int]:
        return self.look_at(self._link.inside.clock + 3600)

    def look_at(self, now: float) -> list[int]:
        mirror = self._link.inside.mirror(self._link.inside.catalog())
        self._link.inside.clock = now
        return [one.manifest.target.sequence for one, _ in self._inbox.import_new(mirror)]


def news(link: Link, world: World, version: str) -> None:
    world.publish("app", version, requires=["lib"])
    link.outside.sync()


def status(link: Link) -> Any:
    with Reader(link.inside.database) as reader:
        return last_bundle(reader)


def refusal_of(link: Link) -> str:
    with Reader(link.inside.database) as reader:
        return refusal(reader)


def test_what_appears_is_taken_in_when_it_is_whole(
    link: Link, world: World, tmp_path: Path
) -> None:
    daemon = Daemon(link, tmp_path / "in", "archive")
    assert daemon.look() == []
    for number, version in enumerate(("2.0", "3.0"), 1):
        assert sent(link) is not None
        arriving = sorted(link.media.glob(f"*-{number:06}-since*"))
        for path in arriving:  # the manifest is the last of all, or the first
            assert daemon.look() == []
            shutil.copy(path, tmp_path / "in")
        assert daemon.look() == [number]
        link.check()
        assert [path.name for path in (tmp_path / "in").iterdir()] == ["imported"]
        news(link, world, version)
    assert len(list((tmp_path / "in" / "imported").iterdir())) == 4


def test_a_gap_is_told_until_it_is_filled(link: Link, world: World, tmp_path: Path) -> None:
    daemon = Daemon(link, tmp_path / "in", "delete")
    for version in ("2.0", "3.0", "4.0"):
        assert sent(link) is not None
        news(link, world, version)
    files = {n: sorted(link.media.glob(f"*-{n:06}-since*")) for n in (1, 2, 3)}
    for number in (1, 3):
        for path in files[number]:
            shutil.copy(path, tmp_path / "in")
    with pytest.raises(BundleError, match="missing: bundle 2"):
        daemon.look()
    found = status(link)
    assert (found.bundle, found.next) == (1, 2)
    assert "missing: bundle 2" in found.refused
    before = everything(link.inside)
    assert daemon.look() == []  # nothing has changed there, so nothing is read again
    assert everything(link.inside) == before
    for path in files[2]:
        shutil.copy(path, tmp_path / "in")
    assert daemon.look() == [2, 3]
    assert (status(link).refused, status(link).next) == ("", 4)
    assert list((tmp_path / "in").iterdir()) == []


def test_of_copies_one_of_each_file_is_enough(link: Link, world: World, tmp_path: Path) -> None:
    manifest = sent(link, repeat=3)
    assert manifest is not None
    (part,) = link.media.glob("*.tar")
    copies = [link.media / "copy-2", link.media / "copy-3"]
    for path in (manifest, part):
        for copy in copies:
            assert (copy / path.name).read_bytes() == path.read_bytes()
    data = part.read_bytes()
    part.unlink()
    part.write_bytes(data[:5000] + b"?" + data[5001:])
    manifest.unlink()
    (copies[0] / part.name).unlink()
    (copies[0] / manifest.name).unlink()
    (copies[0] / manifest.name).write_bytes(b"{}")
    assert Daemon(link, link.media, "delete").look() == [1]
    link.check()
    assert [path for path in link.media.rglob("*") if path.is_file()] == []


def test_going_back_inside_and_on_again(link: Link, world: World, tmp_path: Path) -> None:
    daemon = Daemon(link, link.media)
    sent(link)
    daemon.look()
    first = pages(link.inside)
    news(link, world, "2.0")
    sent(link)
    assert daemon.look() == [2]
    second = pages(link.inside)

    order(link.inside, 1)
    daemon.look()
    assert pages(link.inside) == first
    news(link, world, "3.0")
    manifest = sent(link)
    with pytest.raises(BundleError, match="rollback --release"):
        daemon.look()
    link.inside.retention = 0.0  # what the last bundle led to is kept meanwhile
    prune(link.inside.mirror(link.inside.catalog()), Report())
    order(link.inside, None)
    resume(link.inside.mirror(link.inside.catalog()), Report())
    assert pages(link.inside) == second
    assert manifest is not None
    assert daemon.look() == [3]  # the folder is as it was
    link.check()


def test_a_release_is_heard_at_the_next_look(link: Link, world: World) -> None:
    daemon = Daemon(link, link.media)
    for version in ("2.0", "3.0"):
        sent(link)
        daemon.look()
        news(link, world, version)
    order(link.inside, 1)
    daemon.look()
    sent(link)
    with pytest.raises(BundleError, match="rollback --release"):
        daemon.look()
    now = link.inside.clock
    assert daemon.look_at(now) == []  # it is refused again ten minutes later
    order(link.inside, None)
    assert daemon.look_at(now) == [3]
    link.check()


def test_a_full_disk_is_tried_again(
    link: Link, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = Daemon(link, link.media)
    sent(link)
    with monkeypatch.context() as full:
        full.setattr(disk, "free", lambda _: 1000)
        with pytest.raises(BundleError, match="does not fit"):
            daemon.look()
    assert daemon.look() == [1]
    assert status(link).refused == ""


def test_a_folder_that_cannot_be_written_keeps_no_bundle_back(
    link: Link, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was imported cannot be put away: that is told when all are imported."""
    daemon = Daemon(link, link.media, "archive")
    sent(link)
    news(link, world, "2.0")
    sent(link)

    def refuse(step: str, path: Path) -> None:
        if path.is_relative_to(link.media):
            raise OSError(errno.EROFS, f"{step} where all is read only")

    with monkeypatch.context() as read_only:
        read_only.setattr(disk, "before", refuse)
        with pytest.raises(StorageError, match="imported"):
            daemon.look()
    link.check()
    assert status(link).bundle == 2


def test_a_folder_that_is_not_there_is_told_once_and_until_it_is(
    link: Link, tmp_path: Path
) -> None:
    sent(link)
    come = tmp_path / "come"
    daemon = Daemon(link, come)
    come.rmdir()
    with pytest.raises(StorageError, match="there is no such folder"):
        daemon.look()
    assert daemon.look() == []
    assert "there is no such folder" in refusal_of(link)
    come.mkdir()
    assert daemon.look() == []
    assert refusal_of(link) == ""
    come.rmdir()
    with pytest.raises(StorageError):
        daemon.look()
    shutil.copytree(link.media, come)
    assert Daemon(link, come).look() == [1]  # started anew meanwhile
    assert refusal_of(link) == ""


def test_what_cannot_be_used_does_not_stop_the_others(
    link: Link, world: World, tmp_path: Path
) -> None:
    daemon = Daemon(link, link.media)
    (link.media / "copy-list.txt").write_text("no folder\n")
    strange = link.media / "pypisync-00000000-000001-since-000000.json"
    strange.write_text("no manifest\n")
    sent(link)
    with pytest.raises(BundleError, match=strange.name):
        daemon.look()
    link.check()  # the other one is here
    assert strange.name in status(link).refused
    strange.unlink()
    news(link, world, "2.0")
    sent(link)
    assert daemon.look() == [2]
    assert status(link).refused == ""
