"""What the outside remembers of its bundles: what is kept for it, and what can be lost."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from pypisync.core.bundles import manifest
from pypisync.cycle import fed_report, import_bundle
from pypisync.cycle.open_bundles import open_all
from pypisync.errors import BundleError, StorageError
from pypisync.storage import disk
from pypisync.storage.exports import Exports
from tests.bundles.links import Link
from tests.bundles.test_reports import reported
from tests.sim.world import World


def test_the_generation_that_the_last_bundle_led_to_is_kept(link: Link, world: World) -> None:
    """Though the outside forgets what is replaced at once: the next bundle needs it."""
    link.outside.retention = 0.0
    link.carry()
    for round_ in range(2):
        for number in range(3):
            world.publish("app", f"{2 + round_}.{number}", requires=["lib"])
            link.outside.sync()
        assert len(link.outside.query("SELECT id FROM generations")) == 2
        link.carry()
        link.check()
        link.outside.sync()
        assert len(link.outside.query("SELECT id FROM generations")) == 1


def test_lost_records_and_identity_come_back_by_a_report(link: Link, world: World) -> None:
    link.carry()
    folder = link.outside.folder / ".exports"
    shutil.rmtree(folder)
    world.publish("app", "2.0")
    link.outside.sync()
    foreign = link.export(None)  # by whoever does not know better
    assert foreign is not None
    with pytest.raises(BundleError, match="from another mirror"):
        link.import_(foreign[0])
    place, found = link.media / "report.json", reported(link)
    place.write_bytes(manifest.to_line(found))
    with pytest.raises(BundleError, match=f"write {found.mirror} into .*identity"):
        fed_report.base_of(place, Exports(link.outside.folder))
    (folder / "identity").write_text(f"{found.mirror}\n")
    made = link.export(fed_report.base_of(place, Exports(link.outside.folder))[0])
    assert made is not None
    link.import_(made[0])
    link.check()
    world.publish("app", "3.0")
    link.outside.sync()
    link.carry()
    link.check()


@pytest.mark.parametrize("text", ["", "abc", "../" * 11, "0" * 31])
def test_an_identity_that_is_none(link: Link, text: str) -> None:
    exports = Exports(link.outside.folder)
    exports.identity()
    exports.identity_file.write_text(text)
    with pytest.raises(BundleError, match="32 hex digits"):
        link.export(None)


def test_bundles_of_other_revisions_say_which_side_is_upgraded(
    link: Link, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(made: Path, revision: str) -> str:
        with monkeypatch.context() as context:
            context.setattr(import_bundle, "REVISION", revision)
            with pytest.raises(BundleError) as caught:
                link.import_(made)
        return str(caught.value)

    first = link.made()
    assert "a newer version" in said(first, "0000")
    assert said(first, "9").endswith('upgrade the outside, and "pypisync export --full" there')
    link.import_(first)
    world.publish("app", "2.0")
    link.outside.sync()
    second = link.made()
    assert said(second, "0000").endswith("upgrade this side too")
    assert "upgrade the outside" in said(second, "9")
    assert "import --report" in said(second, "9")


def test_parts_of_an_export_that_was_cut_off_do_not_go_along(link: Link) -> None:
    """It had more parts, by a smaller --split. What is not ours stays."""
    left = [".0002.tar", ".0003.tar.partial"]
    others = [".0002.tar.asc", ".txt"]
    first = link.export(None)
    assert first is not None
    stem = first[0].stem
    for record in (link.outside.folder / ".exports").glob("000001*"):
        record.unlink()
    for end in left + others:
        (link.media / f"{stem}{end}").touch()
    (link.media / f"other-{stem}.0002.tar").touch()
    made = link.export(None)
    assert made is not None
    names = {path.name for path in link.media.iterdir()}
    assert names == {
        made[0].name, *(part.name for part in made[1].parts), f"other-{stem}.0002.tar",
        *(f"{stem}{end}" for end in others),
    }  # fmt: skip


def test_media_that_cannot_be_written(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    made = link.made()

    def refuse(step: str, path: Path) -> None:
        if path.is_relative_to(link.media):
            raise OSError(errno.EROFS, f"{step} on media that are read only")

    monkeypatch.setattr(disk, "before", refuse)
    link.import_(made)
    link.check()


def test_media_that_may_not_be_read(link: Link) -> None:
    """A folder that denies access is told by name, and is no crash."""
    place = link.made()
    link.media.chmod(0)
    me = os.geteuid()
    try:
        if me == 0:
            os.seteuid(65_534)  # no folder denies anything to root
        with pytest.raises(StorageError, match="Permission denied: give it"):
            open_all([place], link.trust, 0)
    finally:
        os.seteuid(me)
        link.media.chmod(0o755)
