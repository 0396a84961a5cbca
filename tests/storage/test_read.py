"""Files are read whole, or as much of them as is wanted, however they change meanwhile."""

import os
from pathlib import Path

import pytest

from pypisync.storage import disk


@pytest.mark.parametrize("size", [0, 1, 10])
@pytest.mark.parametrize("limit", [None, 0, 1, 9, 10, 11])
def test_as_much_is_read_as_is_wanted(tmp_path: Path, size: int, limit: int | None) -> None:
    file = tmp_path / "file"
    data = os.urandom(size)
    file.write_bytes(data)
    assert disk.read(file, limit) == data[:limit]


@pytest.mark.parametrize("limit", [None, 15, 100])
def test_a_read_that_returns_less_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(20)))
    real = os.read
    monkeypatch.setattr(os, "read", lambda number, most: real(number, min(most, 7)))
    assert disk.read(file, limit) == bytes(range(20))[:limit]


def test_what_is_no_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", "link", "pipe", "file/below", "."):
        assert disk.read(tmp_path / name) is None
    before = set(Path("/proc/self/fd").iterdir())
    disk.read(tmp_path / "pipe")
    assert set(Path("/proc/self/fd").iterdir()) == before
