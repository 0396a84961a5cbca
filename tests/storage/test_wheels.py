"""What stops installers in a wheel, as it lies in the pool."""

import random
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core.standards.requires_python import Installer
from pypisync.core.standards.wheel_contents import at_opening, stops
from pypisync.errors import StorageError
from pypisync.storage.wheels import look_into
from tests.deep import scaled
from tests.sim.inside_stops import OPENED, stopped
from tests.sim.inside_words import INSIDES
from tests.sim.insides import plain

METADATA = (
    b"Metadata-Version: 2.1\nName: spam\nVersion: 2.0\nSummary: s\n"
    b"Requires-Dist: a >= 1\nRequires-Dist: b; extra == 'x'\nProvides-Extra: x\n"
)


def never() -> None:
    """Nobody wants to stop."""


def wheel(folder: Path, word: str, metadata: bytes = METADATA) -> Path:
    path = folder / "spam-2.0-py3-none-any.whl"
    path.write_bytes(INSIDES[word](plain("spam", "2.0", metadata)).bytes())
    return path


def found(path: Path, beside: bytes | None = METADATA) -> dict[Installer, str]:
    return stops(look_into(path, never), "spam", "2.0", beside)


@pytest.mark.parametrize("word", INSIDES)
def test_who_stops(tmp_path: Path, word: str) -> None:
    why = found(wheel(tmp_path, word))
    assert why.keys() == stopped(word), why
    assert all(text.isprintable() and len(text) < 300 for text in why.values())


def test_without_metadata_beside_it_installers_choose_by_the_one_inside(tmp_path: Path) -> None:
    for word in INSIDES:
        if word.startswith(("METADATA", "no METADATA")) and "twice" not in word:
            why = found(wheel(tmp_path, word), None)
            assert why.keys() <= ({"uv"} if "bzip2" in word else set()), word


@pytest.mark.parametrize("word", INSIDES)
def test_where_pip_stops(tmp_path: Path, word: str) -> None:
    path = wheel(tmp_path, word)
    assert bool(at_opening(found(path, None).get("pip", ""))) == (word in OPENED)
    assert not at_opening(found(path).get("pip", ""))


def test_what_is_damaged_in_the_folder_stops_pip_where_it_opens_it(tmp_path: Path) -> None:
    path = wheel(tmp_path, "sound")
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            at = info.header_offset + 30 + len(info.filename)
            path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
            why = found(path, None)["pip"]
            assert bool(at_opening(why)) == (".dist-info/" in info.filename), why


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"a >= 1", b"A>=1"),
        (b"Requires-Dist: a >= 1\n", b"Requires-Dist: a>=1\nRequires-Dist: a >=1\n"),
        (b"Extra: x", b"Extra: X"),
        (b"Summary: s", b"Summary: another"),
        (b"Version: 2.0\n", b"Version: 2.0.0\n"),
        (b"Name: spam", b"Name: Spam"),
    ],
)
def test_metadata_that_is_only_spelt_otherwise_stops_nobody(
    tmp_path: Path, old: bytes, new: bytes
) -> None:
    assert found(wheel(tmp_path, "sound", METADATA.replace(old, new, 1))) == {}


def test_a_local_version_that_the_filename_alone_has_does_not_stop_uv(tmp_path: Path) -> None:
    contents = look_into(wheel(tmp_path, "sound"), never)
    assert stops(contents, "spam", "2.0+local", METADATA + b"Keywords: x\n") == {}
    assert stops(contents, "spam", "2.1", METADATA + b"Keywords: x\n").keys() == {"uv"}


def test_a_wheel_that_is_gone_is_the_disks_fault(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        look_into(tmp_path / "spam-2.0-py3-none-any.whl", never)


def test_a_stop_is_seen_between_pieces(tmp_path: Path) -> None:
    one = plain("spam", "2.0", METADATA).put("spam/large.py", bytes(2**23))
    path = tmp_path / "spam-2.0-py3-none-any.whl"
    path.write_bytes(one.bytes())
    left = iter(range(3))
    with pytest.raises(StopIteration):
        look_into(path, lambda: next(left))


@pytest.mark.parametrize("size", [2**24, 2**26])
def test_bombs_take_no_memory(tmp_path: Path, size: int) -> None:
    """The larger one is not unpacked at all, and so nobody knows of the wrong checksum."""
    path = tmp_path / "spam-2.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt"):
            archive.writestr(f"spam-2.0.dist-info/{name}", bytes(size))
    data = bytearray(path.read_bytes())
    data[3000] ^= 255
    path.write_bytes(data)
    tracemalloc.start()
    try:
        assert ("pip" in found(path)) is (size < 2**26)
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()


def test_long_texts_take_no_time(tmp_path: Path) -> None:
    """Nothing here is worse than linear: a pattern that is would take minutes."""
    for text in (
        "x = " + "a" * 10**6,
        "x = a:b [" + "a," * 10**6,
        "x = " + "=" * 10**6,
        " " * 10**6,
    ):
        one = plain("spam", "2.0", METADATA)
        script = f"[console_scripts]\n{text}\n".encode()
        path = tmp_path / "spam-2.0-py3-none-any.whl"
        path.write_bytes(one.put(f"{one.about}/entry_points.txt", script).bytes())
        assert found(path).keys() <= {"pip", "uv"}


@given(st.integers(0, 2**32), st.sampled_from(sorted(INSIDES)), st.integers(1, 8))
@settings(max_examples=scaled(60), deadline=None)
def test_spoilt_bytes_are_no_surprise(
    tmp_path_factory: pytest.TempPathFactory, seed: int, word: str, count: int
) -> None:
    draw = random.Random(seed)
    path = tmp_path_factory.mktemp("spoilt") / "spam-2.0-py3-none-any.whl"
    data = bytearray(INSIDES[word](plain("spam", "2.0", METADATA)).bytes())
    for _ in range(count if data else 0):
        data[draw.randrange(len(data))] = draw.randrange(256)
    path.write_bytes(data)
    assert found(path).keys() <= {"pip", "uv"}
