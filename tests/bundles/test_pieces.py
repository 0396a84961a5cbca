"""Files that no part can hold come in pieces, over several parts."""

import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypisync.cli.inventory import in_bundle
from pypisync.core.bundles import manifest, pieces
from pypisync.core.bundles.manifest import LISTING, ROWS, Manifest, Member, Piece
from pypisync.errors import BundleError
from pypisync.storage import parts
from pypisync.storage.exports import Exports
from tests.bundles.copies import copied
from tests.bundles.links import Link, one_generation
from tests.bundles.test_faults import Evil, exported, forged, refused, replace_in
from tests.sim.world import World

SPLIT = 2**20
BIG = 2_500_000  # bytes, more or less


@pytest.fixture
def link(tmp_path: Path, world: World) -> Link:
    return copied(of_pieces, tmp_path, world)


def of_pieces(folder: Path, world: World) -> Link:
    """An inside with one bundle; outside a wheel that is larger than a part has come."""
    link = one_generation(folder, world)
    link.carry()
    shutil.rmtree(link.media)
    world.publish("big", "1.0", size_padding=BIG)
    world.publish("app", "2.0", requires=["big"])
    link.outside.sync()
    return link


def members(link: Link, found: Manifest) -> list[list[Member]]:
    return [parts.read_list(link.media / part.name, part) for part in found.parts]


def test_no_part_is_larger_than_the_split(link: Link) -> None:
    place, found = exported(link)
    assert len(found.parts) == 4
    assert all((link.media / part.name).stat().st_size <= SPLIT for part in found.parts)
    cut = [one for part in members(link, found) for one in part if one.of]
    assert len(cut) == 3
    assert [len(part) for part in members(link, found)][1:-1] == [1, 1]  # full, and nothing else
    link.import_(place)
    link.check()


def test_plain_tar_and_cat_put_it_together(link: Link, tmp_path: Path) -> None:
    _, found = exported(link)
    (tmp_path / "out").mkdir()
    for part in found.parts:
        subprocess.run(
            ["tar", "-xf", link.media / part.name, "-C", tmp_path / "out"], check=True, timeout=60
        )
    cut = sorted((tmp_path / "out").rglob("*.piece-*"))
    whole = b"".join(path.read_bytes() for path in cut)
    name = str(cut[0].relative_to(tmp_path / "out")).partition(".piece-")[0]
    assert (link.outside.folder / name).read_bytes() == whole


@pytest.mark.parametrize("most", [2, 3])
def test_an_export_of_more_parts_than_an_import_takes(
    link: Link, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends before any part is written, where the bytes alone tell it."""
    names = [f"{number:04}" for number in range(1, manifest.MOST_PARTS + 1)]
    assert names == sorted(names)
    monkeypatch.setattr(manifest, "MOST_PARTS", most)
    with pytest.raises(BundleError, match="larger --split"):
        link.export()
    assert len(list(link.media.glob("*.tar"))) == (0 if most == 2 else 3)
    monkeypatch.undo()
    link.carry()
    link.check()


def test_the_officers_list_knows_it_as_one_file(link: Link) -> None:
    place, _ = exported(link)
    (row,) = [row for row in in_bundle(place) if row[0] == "big"]
    assert int(row[3]) > BIG


def test_the_same_states_give_the_same_bytes(link: Link, tmp_path: Path) -> None:
    base = Exports(link.outside.folder).newest()
    _, found = exported(link)
    again = link.export(base, to=tmp_path / "again")
    assert again is not None
    assert again[1] == found
    for part in found.parts:
        assert (link.media / part.name).read_bytes() == (again[0].parent / part.name).read_bytes()


def test_of_copies_one_of_each_part_is_enough(link: Link) -> None:
    """A piece that was read half from a damaged copy is read again from another."""
    place, found = exported(link)
    (link.media / "copy-2").mkdir()
    for part in found.parts:
        good = link.media / part.name
        shutil.copy(good, link.media / "copy-2")
        data = bytearray(good.read_bytes())
        data[len(data) // 2] ^= 1
        good.write_bytes(data)
    shutil.copy(place, link.media / "copy-2")
    link.import_(link.media)
    link.check()


def cut_of(members: list[Member]) -> list[int]:
    return [i for i, one in enumerate(members) if one.of]


def says(member: Member, **changes: int | str) -> Member:
    """The piece says something else of its file."""
    assert member.of
    return replace_in(member, of=replace_in(member.of, **changes))


def moved(i: int, **changes: int | str) -> Evil:
    def change(members: list[Member]) -> list[Member]:
        at = cut_of(members)[i]
        return [*members[:at], says(members[at], **changes), *members[at + 1 :]]

    return change


def everywhere(**changes: int | str) -> Evil:
    return lambda members: [says(one, **changes) if one.of else one for one in members]


def order(*wanted: int, other: int = 99) -> Evil:
    """The pieces come in this order, some not at all, with another file before the last ones."""

    def change(members: list[Member]) -> list[Member]:
        found, rest = cut_of(members), [one for one in members if not one.of]
        come = [members[found[i]] for i in wanted]
        return [*rest[:-1], *come[:other], rest[-1], *come[other:]]

    return change


def renamed(members: list[Member]) -> list[Member]:
    at = cut_of(members)[-1]
    path = "packages/zz/zz/evil-1.0.tar.gz"
    return [*members[:at], replace_in(members[at], path=path), *members[at + 1 :]]


@pytest.mark.parametrize(
    "evil",
    [
        order(1, 2), order(0, 2), order(0, 1), order(0, 1, 1, 2), order(0, 2, 1), order(2, 1, 0),
        order(0, 1, 2, other=1), order(0, 1, 2, 0), renamed,
        moved(1, offset=1), moved(1, offset=2**40), moved(2, offset=0), moved(2, size=2**40),
        moved(2, sha256="0" * 64), everywhere(sha256="0" * 64), everywhere(size=2**50),
        everywhere(size=1_500_000),
    ],
)  # fmt: skip
def test_pieces_that_do_not_make_up_a_file(link: Link, evil: Evil) -> None:
    """A gap, an overlap, one twice, another order, something between, lies about the whole."""
    refused(link, forged(link, evil), ".tar: ")


def test_rows_may_be_cut_too(link: Link) -> None:
    """As where their rows alone are more than a medium holds."""

    def change(found: list[Member]) -> list[Member]:
        cut = []
        for one in found:
            if one.path not in (ROWS, LISTING):
                cut.append(one)
                continue
            data = (link.media / "bodies" / one.sha256).read_bytes()
            for piece in pieces.cut(one, 700):
                assert piece.of
                some = data[piece.of.offset :][: piece.size]
                digest = sha256(some).hexdigest()
                (link.media / "bodies" / digest).write_bytes(some)
                cut.append(replace_in(piece, sha256=digest))
        return cut

    link.import_(forged(link, change))
    link.check()


def test_the_first_file_is_read_over_several_parts(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5_000
    (tmp_path / "file").write_bytes(data)
    entry = Member("inventory.csv", len(data), sha256(data).hexdigest())
    found = [
        (
            tmp_path / f"{i}.tar",
            parts.write(tmp_path / f"{i}.tar", [piece], lambda _: tmp_path / "file"),
        )
        for i, piece in enumerate(parts.cut(entry, tmp_path / "file", SPLIT // 2))
    ]
    assert len(found) == 3
    assert b"".join(parts.read_first(found, "inventory.csv")) == data
    for some in (found[1:], found[::2], found[::-1]):
        with pytest.raises(BundleError, match="does not begin with"):
            list(parts.read_first(some, "inventory.csv"))


@given(st.integers(SPLIT, 2**45), st.integers(1, 250))
def test_a_piece_and_its_list_fit_a_part(size: int, name: int) -> None:
    entry = Member("packages/" + "x" * name, size, "0" * 64)
    most = parts.room_for(entry, SPLIT)
    assert most > SPLIT - 20_000
    last = size // most * most
    piece = Member(entry.path, most, "0" * 64, Piece(last, size, "0" * 64))
    assert parts.size_of(piece) + parts.size_around(len(manifest.to_line(piece))) <= SPLIT
