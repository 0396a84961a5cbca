"""Bodies unpacked as they come."""

import gzip
import zlib
from collections.abc import Iterator

import pytest

from pypisync.upstream.encodings import Unpacker, encoding
from pypisync.upstream.failures import EncodingError

TEXT = b"a document " * 1000


def unpacked(named: str, data: bytes, at_once: int, most: int = 100_000) -> bytes:
    return b"".join(parts(named, data, at_once, most))


def parts(named: str, data: bytes, at_once: int, most: int) -> Iterator[bytes]:
    unpacker = Unpacker(named)
    for place in range(0, len(data), at_once):
        yield unpacker.feed(data[place : place + at_once], most)
        while not unpacker.hungry:
            yield unpacker.feed(b"", most)
    unpacker.end()


@pytest.mark.parametrize("at_once", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("named", "data"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("x-gzip", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:5000]) + gzip.compress(TEXT[5000:])),
        ("gzip", gzip.compress(TEXT) + b"\0\0 what some servers add"),
        ("gzip", gzip.compress(TEXT) + b"\x1f"),
        ("gzip", gzip.compress(b"") + gzip.compress(TEXT)),
        ("gzip, x-gzip", gzip.compress(gzip.compress(TEXT))),
        ("deflate,gzip , identity", gzip.compress(zlib.compress(TEXT))),
        ("br, gzip", gzip.compress(TEXT)),
        ("gzip, br", TEXT),
        ("gzip," * 9 + "gzip", gzip.compress(TEXT)),
        ("", TEXT),
        ("br", TEXT),
    ],
    ids=[
        "gzip", "x-gzip", "deflate", "two members", "rest", "a byte", "empty member", "twice",
        "identity", "unknown within", "unknown around", "too often", "plain", "unknown",
    ],
)  # fmt: skip
def test_a_body_is_unpacked_whatever_the_pieces(named: str, data: bytes, at_once: int) -> None:
    assert unpacked(named, data, at_once) == TEXT


@pytest.mark.parametrize("at_once", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"no gzip", "not gzip, as its head says"),
        (gzip.compress(TEXT)[:-4], "ends within its gzip"),
        (gzip.compress(TEXT) + gzip.compress(TEXT)[:20], "ends within its gzip"),
        (gzip.compress(TEXT)[:-8] + bytes(8), "not gzip, as its head says"),
        (gzip.compress(TEXT) + gzip.compress(TEXT)[:-8] + bytes(8), "not gzip, as its head says"),
    ],
    ids=["none", "cut", "cut member", "sum", "sum of a later member"],
)
def test_a_body_that_is_not_packed_so_is_told(data: bytes, why: str, at_once: int) -> None:
    with pytest.raises(EncodingError, match=why):
        unpacked("gzip", data, at_once)


@pytest.mark.parametrize("named", ["gzip", "gzip, gzip"])
def test_never_more_is_unpacked_at_once_than_asked_for(named: str) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    bomb = gzip.compress(bomb) if "," in named else bomb
    sizes = [len(part) for part in parts(named, bomb, len(bomb), 1000)]
    assert max(sizes) == 1000
    assert sum(sizes) == 10_000_000


def test_a_body_packed_twice_that_breaks_off_within_is_told() -> None:
    with pytest.raises(EncodingError, match="ends within its gzip"):
        unpacked("gzip, gzip", gzip.compress(gzip.compress(TEXT)[:-4]), 7)


def test_what_follows_the_last_member_is_not_kept() -> None:
    unpacker = Unpacker("gzip")
    assert unpacker.feed(gzip.compress(TEXT), 100_000) == TEXT
    for _ in range(3):
        assert unpacker.feed(bytes(1000), 100_000) == b""
        assert unpacker.hungry
    unpacker.end()


@pytest.mark.parametrize(
    ("headers", "named"),
    [({}, ""), ({"Content-Encoding": " GZIP "}, "gzip"), ({"Content-Encoding": "identity"}, "")],
)
def test_how_a_body_is_packed(headers: dict[str, str], named: str) -> None:
    assert encoding(headers) == named


def test_no_body_is_no_fault() -> None:
    assert unpacked("gzip", b"", 1) == b""
