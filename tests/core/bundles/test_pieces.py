"""How files are cut, and what does not make up a file again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypisync.core.bundles import pieces
from pypisync.core.bundles.manifest import Member, Piece

A, B = "a" * 64, "b" * 64
WHOLE = Member("packages/x", 10, A)
OTHER = Member("packages/y", 10, A)


@given(st.integers(1, 10_000), st.integers(1, 3_000), st.integers(1, 120))
def test_pieces_are_one_file_without_gaps(size: int, most: int, name: int) -> None:
    entry = Member("packages/" + "x" * name, size, "0" * 64)
    found = list(pieces.cut(entry, most)) if size > most else [entry]
    before: Member | None = None
    for one in found:
        assert pieces.fault(before, one) == ""
        before = one
    assert pieces.fault(before, None) == ""
    assert sum(one.size for one in found) == size
    assert {one.whole for one in found} == {entry}
    assert sorted(one.name for one in found) == [one.name for one in found]


def piece(
    offset: int, size: int, whole: int = 10, sha256: str = A, path: str = WHOLE.path
) -> Member:
    """Bytes of a file of ten; their own hash is of no account."""
    return Member(path, size, B, Piece(offset, whole, sha256))


def test_a_file_is_cut_into_pieces_of_so_many_bytes() -> None:
    cut = list(pieces.cut(WHOLE, 4))
    assert cut == [
        Member(WHOLE.path, size, A, Piece(at, 10, A)) for at, size in ((0, 4), (4, 4), (8, 2))
    ]


def test_whole_files_follow_whole_files_and_last_pieces() -> None:
    for before in (None, WHOLE, piece(4, 6)):
        for entry in (None, WHOLE, OTHER, piece(0, 4), piece(0, 4, path=OTHER.path)):
            assert pieces.fault(before, entry) == ""


@pytest.mark.parametrize(
    "entry",
    [
        None, WHOLE, OTHER, piece(0, 4), piece(5, 5), piece(3, 7), piece(4, 6, path=OTHER.path),
        piece(4, 6, whole=11), piece(4, 6, sha256=B),
    ],
)  # fmt: skip
def test_behind_a_piece_comes_the_next_of_the_same_file(entry: Member | None) -> None:
    said = "the piece of packages/x at byte 4 is to come next, and does not"
    assert pieces.fault(piece(0, 4), entry) == said
    assert pieces.fault(piece(0, 4), piece(4, 6)) == pieces.fault(piece(0, 4), piece(4, 1)) == ""


def test_a_file_begins_with_its_first_piece() -> None:
    for before in (None, OTHER, piece(4, 6, path=OTHER.path)):
        assert pieces.fault(before, piece(1, 9)) == "packages/x begins with a piece at byte 1"


@pytest.mark.parametrize(
    ("before", "entry"),
    [
        (None, piece(0, 10)),  # the whole file is no piece
        (None, piece(0, 11)),
        (None, piece(0, 0)),
        (piece(0, 4), piece(4, 7)),
        (piece(0, 4), piece(4, 0)),
    ],
)
def test_a_piece_is_some_of_its_file(before: Member | None, entry: Member) -> None:
    said = f"a piece of packages/x has {entry.size} bytes of 10"
    assert pieces.fault(before, entry) == said
