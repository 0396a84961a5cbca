"""The manifest of a bundle: its bytes and its value are one, and nothing else is read."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from pypisync.core.bundles import manifest
from pypisync.core.bundles.manifest import BundlePart, FedReport, Manifest, Member, Piece, Point
from pypisync.errors import BundleError

A, B = "a" * 64, "b" * 64
PARTS = tuple(BundlePart(f"x.{number:04}.tar", 10_240, A, B, 3) for number in (1, 2))
GOOD = Manifest(
    format=1,
    mirror="0123456789abcdef" * 2,
    base=Point(1, 4, A),
    target=Point(2, 5, B),
    serial=7,
    made=1.5,
    schema="0042",
    signed=False,
    listed={"projects": 1, "releases": 2, "files": 3, "bytes": 4},
    files=6,
    bytes=40,
    parts=PARTS,
)


def test_a_manifest_is_read_from_what_is_written_of_it() -> None:
    for value in (GOOD, replace(GOOD, base=None), replace(GOOD, signed=True)):
        data = manifest.to_json(value)
        assert manifest.read_manifest(data, "m") == value
        assert data.endswith(b"}\n")
        assert data.startswith(b'{\n "format": 1,\n "mirror": "0123')  # one blank a level
        assert json.loads(data) == json.loads(manifest.to_line(value))
        assert manifest.plain(value)["target"] == {"sequence": 2, "generation": 5, "state": B}


def test_a_line_is_one_line() -> None:
    line = manifest.to_line(Member("packages/é", 3, A))
    assert line == b'{"path":"packages/\xc3\xa9","size":3,"sha256":"' + A.encode() + b'"}\n'
    assert manifest.read(line, Member, "m") == Member("packages/é", 3, A)


def refused(data: bytes) -> str:
    with pytest.raises(BundleError) as raised:
        manifest.read_manifest(data, "m")
    return str(raised.value)


def test_what_is_no_json_of_a_manifest() -> None:
    said = "m: damaged, or not as the format wants it: "
    for data in (b"", b"{", b"[]", b"{}", b'{"format":"1"}', b"[" * 100_000):
        assert refused(data).startswith(said)
    whole = json.loads(manifest.to_json(GOOD))
    for key in whole:
        if key != "format":
            less = {name: value for name, value in whole.items() if name != key}
            assert refused(json.dumps(less).encode()).startswith(said)
    assert refused(json.dumps(whole | {"more": 1}).encode()).startswith(said)


def test_one_byte_more_than_a_manifest_may_have() -> None:
    said = f"m: longer than a manifest may be ({4 * 2**20} bytes)"
    assert refused(b" " * (manifest.LARGEST + 1)) == said
    assert refused(b" " * manifest.LARGEST) != said


def test_another_format_is_for_another_version() -> None:
    """Whatever else it says: what a later format says of itself is not known here."""
    for data in (b'{"format": 2}', manifest.to_json(replace(GOOD, format=2))):
        assert refused(data) == "m: of format 2, this PypiSync reads 1: install another version"


@pytest.mark.parametrize(
    "rewritten",
    [
        lambda data: data + b"\n",
        lambda data: data.replace(b'"serial": 7', b'"serial":7'),
        lambda data: json.dumps(json.loads(data)).encode(),
    ],
)
def test_other_bytes_of_the_same_value_are_refused(rewritten: Callable[[bytes], bytes]) -> None:
    data = rewritten(manifest.to_json(GOOD))
    assert msgspec.json.decode(data, type=Manifest) == GOOD
    assert refused(data) == "m: not written as PypiSync writes it"


@pytest.mark.parametrize("parts", [PARTS[::-1], (PARTS[0], PARTS[0])])
def test_parts_are_named_in_their_order_each_once(parts: tuple[BundlePart, ...]) -> None:
    data = manifest.to_json(replace(GOOD, parts=parts))
    assert refused(data) == "m: it does not name its parts in their order, each once"


def test_it_says_how_much_is_listed() -> None:
    for missing in GOOD.listed:
        less = {name: count for name, count in GOOD.listed.items() if name != missing}
        for listed in (less, less | {"more": 1}, GOOD.listed | {"more": 1}):
            data = manifest.to_json(replace(GOOD, listed=listed))
            assert refused(data) == "m: it does not say how much its generation lists"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mirror", "0" * 31), ("mirror", "G" * 32), ("serial", -1),
        ("serial", 2**53 + 1), ("made", -0.5), ("made", 253_402_300_800.0), ("schema", "../x"),
        ("schema", "A"), ("schema", "a" * 101), ("schema", "x\n"), ("parts", []),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_refused(key: str, value: Any) -> None:
    whole = json.loads(manifest.to_json(GOOD)) | {key: value}
    assert "not as the format wants it" in refused(json.dumps(whole, indent=1).encode() + b"\n")


def test_a_report_of_another_format_is_no_report() -> None:
    report = FedReport(1, GOOD.mirror, GOOD.target, A, "0042", {"files": {0: "x"}}, ["packages/a"])
    line = manifest.to_line(report)
    assert manifest.read(line, FedReport, "r") == report
    with pytest.raises(BundleError, match=r"^r: damaged, or not as the format wants it: .*<= 1"):
        manifest.read(line.replace(b'"format":1', b'"format":2'), FedReport, "r")


NAME = "pypisync-01234567-000012-since-000003"


def test_what_a_manifest_is_called() -> None:
    name = manifest.bundle_name(GOOD.mirror, 12, 3)
    assert name == NAME
    assert manifest.told_by(f"{name}.json") == ("01234567", 12, 3)
    assert manifest.is_manifest(f"{name}.json")
    long = manifest.bundle_name(GOOD.mirror, 999_999_999, 0)
    assert manifest.told_by(f"{long}.json") == ("01234567", 999_999_999, 0)


@pytest.mark.parametrize(
    "name",
    [
        "", "x.json", f"{NAME}", f"a/{NAME}.json", f"{NAME}.json.sig", f"{NAME}.json\n",
        NAME.replace("7", "G") + ".json", NAME.replace("-0000", "-000") + ".json",
        NAME.replace("since-", "since-0000") + ".json",
    ],
)  # fmt: skip
def test_what_no_manifest_is_called(name: str) -> None:
    assert not manifest.is_manifest(name)
    with pytest.raises(ValueError, match=r"names no manifest$") as raised:
        manifest.told_by(name)
    assert str(raised.value) == f"{name!r} names no manifest"


def test_a_file_and_its_pieces() -> None:
    whole = Member("packages/x", 10, A)
    assert (whole.name, whole.whole, whole.ends) == ("packages/x", whole, True)
    first = Member("packages/x", 4, B, Piece(0, 10, A))
    assert first.name == "packages/x.piece-0000000000000000"
    assert (first.whole, first.ends) == (whole, False)
    last = Member("packages/x", 6, B, Piece(4, 10, A))
    assert last.name == "packages/x.piece-0000000000000004"
    assert (last.whole, last.ends) == (whole, True)
