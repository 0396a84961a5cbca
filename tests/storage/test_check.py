"""What the disk holds against what it should hold."""

import hashlib
from pathlib import Path

import pytest

from pypisync.errors import Malformed
from pypisync.storage.check import Discrepancy, check_files, file_paths, stray


def store(root: Path, path: str, data: bytes = b"data") -> tuple[str, str, int]:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return (path, hashlib.sha256(data).hexdigest(), len(data))


def test_what_is_there_and_right_is_no_fault(tmp_path: Path) -> None:
    expected = [store(tmp_path, "packages/a/x.whl"), store(tmp_path, "packages/b/y.whl", b"")]
    assert list(check_files(tmp_path, expected, rehash=True)) == []


def test_each_kind_of_fault_is_named(tmp_path: Path) -> None:
    expected = [store(tmp_path, f"packages/a/{name}.whl") for name in "abcde"]
    (tmp_path / "packages/a/a.whl").unlink()
    (tmp_path / "packages/a/b.whl").write_bytes(b"longer data")
    (tmp_path / "packages/a/c.whl").write_bytes(b"DATA")
    (tmp_path / "packages/a/d.whl").unlink()
    (tmp_path / "packages/a/d.whl").symlink_to("e.whl")
    found = list(check_files(tmp_path, expected, rehash=True))
    assert [(fault.path[-5:], fault.kind) for fault in found] == [
        ("a.whl", "missing"),
        ("b.whl", "size"),
        ("c.whl", "hash"),
        ("d.whl", "missing"),
    ]
    assert found[1].detail == "11 bytes, expected 4"
    assert found[2].detail.startswith("SHA-256 is ")
    quick = list(check_files(tmp_path, expected, rehash=False))
    assert [fault.kind for fault in quick] == ["missing", "size", "missing"]


def test_an_unknown_hash_is_not_compared(tmp_path: Path) -> None:
    path, _, size = store(tmp_path, "packages/a/x.whl.metadata")
    assert list(check_files(tmp_path, [(path, "", size)], rehash=True)) == []


def test_a_path_that_leaves_the_mirror_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed):
        list(check_files(tmp_path, [("packages/../../etc/passwd", "", 1)], rehash=True))


def test_a_file_in_place_of_a_folder_is_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "packages").write_text("")
    (fault,) = check_files(tmp_path, [("packages/a/x", "", 1)], rehash=False)
    assert fault == Discrepancy("packages/a/x", "missing", "Not a directory")


def test_all_that_lies_below_packages_is_found(tmp_path: Path) -> None:
    assert list(file_paths(tmp_path)) == []
    for path in ("packages/b/2.whl", "packages/a/1.whl", "packages/a/0.whl", ".partial/x.part"):
        store(tmp_path, path)
    store(tmp_path, "simple/index.html")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("")
    (tmp_path / "packages/link").symlink_to(outside)
    assert list(file_paths(tmp_path)) == [
        "packages/a/0.whl",
        "packages/a/1.whl",
        "packages/b/2.whl",
        "packages/link",
    ]


def test_a_link_to_a_folder_is_no_stray(tmp_path: Path) -> None:
    """Someone moved a folder to another disk: deleting the link would lose what is behind it."""
    store(tmp_path, "elsewhere/x.whl")
    (tmp_path / "packages/b").mkdir(parents=True)
    (tmp_path / "packages/a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "packages/b/gone").symlink_to("nowhere")
    found = [stray(tmp_path, path) for path in file_paths(tmp_path)]
    assert [(fault.path, fault.kind) for fault in found] == [
        ("packages/a", "link"),
        ("packages/b/gone", "stray"),
    ]
