"""Files of requirements on a real disk: what is opened, and what is not."""

import os
import re
from pathlib import Path

import pytest

from pypisync.config.requirement_files import LARGEST, RequirementsEntry, read


def lines(folder: Path, *entries: str | RequirementsEntry) -> list[str]:
    """What is wrong with these entries."""
    wanted = [
        entry if isinstance(entry, RequirementsEntry) else RequirementsEntry(number, entry, None)
        for number, entry in enumerate(entries)
    ]
    _, troubles = read(wanted, folder)
    return [
        trouble.line.replace(f"{folder}/", "") or f"[{trouble.number}] {trouble.itself}"
        for trouble in troubles
    ]


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "top.txt").write_text("-r a/one.txt\nsix", encoding="utf-8")
    (tmp_path / "a/one.txt").write_text("-r b/two.txt\n-c ../limits.txt", encoding="utf-8")
    (tmp_path / "a/b/two.txt").write_text(f"-r {tmp_path}/a/three.txt", encoding="utf-8")
    (tmp_path / "a/three.txt").write_text("flask\n-e x", encoding="utf-8")
    (tmp_path / "limits.txt").write_text("six<2", encoding="utf-8")
    assert lines(tmp_path, "top.txt")[0].startswith('a/three.txt:2: "-e x": ')
    (group,), _ = read([RequirementsEntry(0, "top.txt", None)], tmp_path)
    assert [one.text for one in group.requirements] == ["flask", "six"]
    assert [one.text for one in group.constraints] == ["six<2"]


def test_only_regular_files_of_a_bounded_size_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.txt")
    (tmp_path / "folder.txt").mkdir()
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(LARGEST + 1)
    (tmp_path / "latin.txt").write_bytes(b"six\n\xe9")
    (tmp_path / "a.txt").write_text("-r fifo.txt\n-r /dev/zero\n-r http://h/x", encoding="utf-8")
    (tmp_path / "loop.txt").symlink_to("loop.txt")
    entries = ("fifo.txt", "folder.txt", "large.txt", "latin.txt", "a.txt", "no.txt", "loop.txt")
    found = lines(tmp_path, *entries, "nul\0.txt")
    assert found == [
        "[0] not a file",
        "[1] is a folder, and a file is wanted",
        "[2] too large: 32 MiB at most",
        "[3] line 2 is not UTF-8 text; save the file as UTF-8",
        'a.txt:1: "fifo.txt": not a file',
        'a.txt:2: "/dev/zero": not a file',
        'a.txt:3: "http://h/x": nothing is fetched from an address: include a file',
        "[5] no such file",
        "[6] cannot be read: Too many levels of symbolic links",
        "[7] embedded null byte",
    ]


def test_includes_together_are_bounded_too(tmp_path: Path) -> None:
    for i in range(6):
        (tmp_path / f"{i}.txt").write_bytes(b"#" * (LARGEST - 10))
    (tmp_path / "all.txt").write_text("\n".join(f"-r {i}.txt" for i in range(6)), encoding="utf-8")
    # Together 128 MiB, the including file among them.
    assert lines(tmp_path, "all.txt") == [
        'all.txt:4: "3.txt": too large: 32 MiB at most',
        'all.txt:5: "4.txt": too large: 32 MiB at most',
        'all.txt:6: "5.txt": too large: 32 MiB at most',
    ]


def test_a_loop_over_other_spellings_and_links(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-r ./x/../b.txt", encoding="utf-8")
    (tmp_path / "b.txt").write_text("-r link.txt", encoding="utf-8")
    (tmp_path / "x").mkdir()
    (tmp_path / "link.txt").symlink_to("a.txt")
    assert lines(tmp_path, "a.txt", "link.txt") == [
        'b.txt:1: "link.txt": includes itself; a file may include others only',
        '[1] the same file as "a.txt"; name it once',
    ]


@pytest.mark.parametrize("resolve", [None, False])
def test_a_lock_file_is_taken_as_it_is(tmp_path: Path, resolve: bool | None) -> None:
    (tmp_path / "uv.lock").write_text("version = 1\n", encoding="utf-8")
    (group,), troubles = read([RequirementsEntry(0, "uv.lock", resolve)], tmp_path)
    assert (group.name, group.resolve, troubles) == ("uv.lock", False, [])
    (line,) = lines(tmp_path, RequirementsEntry(0, "uv.lock", resolve=True))
    assert re.match(r"\[0\] a lock file is mirrored exactly", line)
