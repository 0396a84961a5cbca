"""Parts that are lost, damaged, swapped or hostile: refused by name, before anything changes."""

import shutil
import tarfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from pypisync.cli.inventory import in_bundle
from pypisync.core.bundles import manifest
from pypisync.core.bundles.manifest import (
    INVENTORY,
    LISTING,
    ROWS,
    BundlePart,
    Manifest,
    Member,
)
from pypisync.cycle.import_bundle import NotNowError
from pypisync.errors import BundleError, StorageError
from pypisync.storage import disk, parts
from tests.bundles.copies import copied
from tests.bundles.links import Link, everything, of_several_parts
from tests.sim.world import World

T = TypeVar("T", bound=msgspec.Struct)


@pytest.fixture
def link(tmp_path: Path, world: World) -> Link:
    return copied(of_several_parts, tmp_path, world)


def exported(link: Link) -> tuple[Path, Manifest]:
    made = link.export()
    assert made is not None
    return made


def refused(link: Link, place: Path, *why: str) -> None:
    """The import is refused with these words, and the mirror is as it was, to the last file."""
    before, files = everything(link.inside), all_files(link.inside.folder)
    with pytest.raises(BundleError) as caught:
        link.import_(place)
    for word in why:
        assert word in str(caught.value)
    assert everything(link.inside) == before
    assert all_files(link.inside.folder) == files


def all_files(folder: Path) -> set[str]:
    """All there is but SQLite's own files."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("catalog.sqlite")
    }


def test_every_damage_is_found(link: Link) -> None:
    place, found = exported(link)
    assert len(found.parts) == 2
    for part in found.parts:
        path = link.media / part.name
        good = path.read_bytes()
        with tarfile.open(path) as archive:
            middle = [one.offset_data + one.size // 2 for one in archive if one.size]
        spots = [0, 100, 130, 600, *middle, len(good) - 5000, len(good) - 1]
        for spot in spots:
            path.write_bytes(good[:spot] + bytes([good[spot] ^ 1]) + good[spot + 1 :])
            refused(link, place, part.name)
        for bad in (good[:-512], good + bytes(512), b"", good[: len(good) // 2]):
            path.write_bytes(bad)
            refused(link, place, part.name)
        path.unlink()
        refused(link, place, part.name, "missing")
        path.mkdir()
        refused(link, place, part.name, "missing")
        path.rmdir()
        path.write_bytes(good)
    link.import_(place)
    link.check()


def test_parts_in_each_others_place(link: Link, world: World) -> None:
    place, found = exported(link)
    first, second = (link.media / part.name for part in found.parts)
    swapped = link.media / "swapped"
    first.rename(swapped)
    second.rename(first)
    swapped.rename(second)
    refused(link, place, first.name)
    shutil.copy(second, first)  # one comes twice
    refused(link, place, second.name)


def test_a_part_of_another_bundle(link: Link, world: World) -> None:
    place, found = exported(link)
    world.publish("app", "3.0")
    link.outside.sync()
    other = exported(link)[1]
    shutil.copy(link.media / other.parts[0].name, link.media / found.parts[0].name)
    refused(link, place, found.parts[0].name)


def test_a_manifest_that_lies(link: Link) -> None:
    place, found = exported(link)
    part = found.parts[0]
    huge = replace_in(part, size=2**50)
    for lie in (
        replace_in(found, parts=(huge, *found.parts[1:])),
        replace_in(found, parts=found.parts[:1]),
        replace_in(found, parts=(part, part)),
        replace_in(found, parts=found.parts[::-1]),
        replace_in(found, files=found.files + 1),
        replace_in(found, bytes=found.bytes - 1),
        replace_in(found, listed={**found.listed, "files": 99}),
        replace_in(found, schema="0001"),
        replace_in(found, parts=(replace_in(part, name="../outside.tar"), *found.parts[1:])),
        replace_in(found, parts=(replace_in(part, files=20_000), *found.parts[1:])),
    ):
        place.write_bytes(manifest.to_json(lie))
        refused(link, place)
    good = manifest.to_json(found)
    newer = good.replace(b'"format": 1', b'"format": 2')
    for text in (good[:-9], b"", b"{}", b"[" * 100_000, good + b" ", newer):
        place.write_bytes(text)
        refused(link, place, place.name)


def replace_in(value: T, **changes: object) -> T:
    return msgspec.structs.replace(value, **changes)


def pool_files(link: Link) -> list[Member]:
    """The files of the bundle that would be exported now."""
    place, found = exported(link)
    entries: list[Member] = []
    for part in found.parts:
        with tarfile.open(place.parent / part.name) as archive:
            file = archive.extractfile(parts.CONTENTS)
            assert file is not None
            entries += [manifest.read(line, Member, part.name) for line in file]
    return [one for one in entries if "/" in one.path]


Evil = Callable[[list[Member]], list[Member]]


def forged(link: Link, change: Evil) -> Path:
    """A bundle whose writer has the right keys: all hashes fit, whatever is in it."""
    place, found = exported(link)
    members: list[Member] = []
    bodies = link.media / "bodies"
    bodies.mkdir()

    def keep(entry: Member, chunks: Iterator[bytes]) -> None:
        (bodies / entry.sha256).write_bytes(b"".join(chunks))
        members.append(entry)

    for part in found.parts:
        parts.read(link.media / part.name, part, keep)
    members = change(members)
    for one in members:
        if not (bodies / one.sha256).exists():
            raise AssertionError(one)
    target = link.media / found.parts[0].name
    part = write_part(target, members, bodies)
    pool = [one.whole for one in members if "/" in one.path and one.ends]
    lie = replace_in(found, parts=(part,), files=len(pool), bytes=sum(one.size for one in pool))
    place.write_bytes(manifest.to_json(lie))
    return place


def write_part(target: Path, members: list[Member], bodies: Path) -> BundlePart:
    """A part with these members, whatever they say of themselves."""

    def place(one: Member) -> Path:
        with (bodies / "member").open("wb") as file:
            file.seek(one.of.offset if one.of else 0)
            file.write((bodies / one.sha256).read_bytes())
        return bodies / "member"

    return parts.write(target, members, place)


@pytest.mark.parametrize(
    "path",
    [
        "../evil", "/etc/evil", "packages/../../evil", "packages/a/../../../evil", "simple/evil",
        "packages//evil", "packages/./evil", "packages/" + "x" * 300, "packages/a\x00b",
        "packages/a\nb", ".lock", "packages",
    ],
)  # fmt: skip
def test_a_path_that_leaves_the_folder(link: Link, path: str, tmp_path: Path) -> None:
    def rename(members: list[Member]) -> list[Member]:
        last = members[-1]
        return [*members[:-1], Member(path, last.size, last.sha256)]

    try:
        place = forged(link, rename)
    except ValueError:
        return  # no tar file can hold it
    outside = set(tmp_path.rglob("*evil*"))
    refused(link, place)
    assert set(tmp_path.rglob("*evil*")) == outside


def test_members_that_are_no_files(link: Link) -> None:
    """Links and devices in the place of files that the list names."""
    place, found = exported(link)
    target = link.media / found.parts[0].name
    good = target.read_bytes()
    with tarfile.open(target) as archive:
        offsets = [one.offset for one in archive]
    for kind in (b"1", b"2", b"3", b"4", b"5", b"6", b"L", b"x", b"g", b"S"):
        for offset in offsets:
            header = bytearray(good[offset : offset + 512])
            header[156:157] = kind
            header[148:156] = b" " * 8
            header[148:156] = b"%06o\0 " % sum(header)
            target.write_bytes(good[:offset] + bytes(header) + good[offset + 512 :])
            refused(link, place, target.name)


def test_rows_that_contradict_each_other(link: Link) -> None:
    bodies = link.media / "bodies"

    def forge(name: str, old: bytes, new: bytes) -> Evil:
        def change(members: list[Member]) -> list[Member]:
            (one,) = [member for member in members if member.path == name]
            data = (bodies / one.sha256).read_bytes()
            assert old in data, (name, old)
            data = data.replace(old, new)
            digest = sha256(data).hexdigest()
            (bodies / digest).write_bytes(data)
            members[members.index(one)] = Member(name, len(data), digest)
            return members

        return change

    projects = b'{"table":"projects","slice":0,"rows":[[1,'
    entries = {one.path: one for one in pool_files(link)}
    beside = next(one for path, one in entries.items() if path.endswith(".metadata"))
    listed = entries[beside.path.removesuffix(".metadata")]
    size = str(listed.size).encode()
    for name, old, new in (
        (ROWS, projects, projects.replace(b"[[1,", b"[[7777,")),
        (ROWS, projects, projects.replace(b"[[1,", b"[[50,")),
        (ROWS, b'"table":"projects"', b'"table":"settings"'),
        (ROWS, b'"slice":0', b'"slice":-1'),
        (ROWS, b'"columns"', b'"colums"'),
        (ROWS, b"[[1,", b"[[1" + b"0" * 30 + b","),
        (ROWS, b"[[1,", b"[[true,null,"),
        (ROWS, b'"wheel"', b'"wh\\ud800"'),
        (ROWS, size, size + b"0" * 30),
        (ROWS, size, str(2**63).encode()),
        (ROWS, b'"slice":0', b'"slice":' + str(2**62).encode()),
        (ROWS, b'"active"', b'"alive"'),
        (ROWS, b'"packages/', b'"packages/../'),
        (ROWS, b'"wheel"', b'"device"'),
        (ROWS, b'"2.0"', b'"2.1"'),
        (ROWS, listed.sha256.encode(), b"z" * 64),
        (ROWS, b'"app"', b'"App/.."'),
        (ROWS, b'"columns"', b'"' + b" " * 2**24 + b'columns"'),
        (LISTING, b'"name":"app"', b'"name":"../app"'),
        (LISTING, b'"name":"app"', b'"name":"none"'),
        (LISTING, b'"path":"packages/', b'"path":"packages/00/'),
        (LISTING, b'"version":"2.0"', b'"version":"no version"'),
        (LISTING, b'"whole":false', b'"whole":true'),
        (LISTING, b'"page":', b'"gone":"lib","page":'),
        (LISTING, b'"status":"active"', b'"status":"<b>"'),
        (LISTING, b'"sha256":"', b'"sha256":"' + b"0" * 63),
        (LISTING, listed.sha256.encode(), b"0" * 64),
        (LISTING, b'"uploaded":"20', b'"uploaded":"x'),
        (LISTING, b'{"page"', b" " * 2**24 + b'{"page"'),
        (LISTING, beside.sha256.encode(), b"0" * 64),
    ):  # fmt: skip
        shutil.rmtree(link.media, ignore_errors=True)
        for record in (link.outside.folder / ".exports").glob("000002*"):
            record.unlink()
        refused(link, forged(link, forge(name, old, new)))


def test_a_file_that_is_missing_or_twice(link: Link) -> None:
    def without(end: str) -> Evil:
        return lambda members: [one for one in members if not one.path.endswith(end)]

    refused(link, forged(link, without(".metadata")), "which neither it nor this mirror has so")
    shutil.rmtree(link.media / "bodies")
    for record in (link.outside.folder / ".exports").glob("000002*"):
        record.unlink()
    refused(link, forged(link, lambda members: [*members, members[-1]]), "names a file twice")


def test_a_list_for_the_officer_that_lies(link: Link) -> None:
    """A file that the list does not name, one that is not there, and what is no list at all."""
    fresh = pool_files(link)[0]
    filename = fresh.path.rpartition("/")[2].removesuffix(".metadata").encode()
    bodies = link.media / "bodies"

    def write(new: Callable[[bytes], bytes]) -> Evil:
        def change(members: list[Member]) -> list[Member]:
            data = new((bodies / members[0].sha256).read_bytes())
            digest = sha256(data).hexdigest()
            (bodies / digest).write_bytes(data)
            return [Member(INVENTORY, len(data), digest), *members[1:]]

        return change

    for lie in (
        lambda data: b"".join(row for row in data.splitlines(True) if filename not in row),
        lambda data: data + b"z,1,z-1.tar.gz,7," + b"0" * 64 + b",,\n",
        lambda data: data + b"z,1,z-1.tar.gz,=7," + b"0" * 64 + b",,\n",
        lambda data: data + b"z\n",
        lambda data: data + b"\xff",
        lambda data: b"",
    ):
        shutil.rmtree(link.media, ignore_errors=True)
        for record in (link.outside.folder / ".exports").glob("000002*"):
            record.unlink()
        place = forged(link, write(lie))
        with pytest.raises(BundleError, match=place.stem):
            list(in_bundle(place))
    shutil.rmtree(link.media)
    for record in (link.outside.folder / ".exports").glob("000002*"):
        record.unlink()
    place = forged(link, write(lambda data: data.replace(b",,\n", b",=cmd(),\n")))
    assert {row[5] for row in in_bundle(place)} == {"'=cmd()"}


def test_a_full_disk_leaves_all_as_it_was(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    place, _ = exported(link)
    monkeypatch.setattr(disk, "free", lambda folder: 1000)
    refused(link, place, "does not fit on the disk")
    with pytest.raises(NotNowError) as caught:
        link.import_(place)
    assert caught.value.exit_code == StorageError.exit_code  # nothing is wrong with the bundle
