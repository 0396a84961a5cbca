"""Pages on the disk: written only when they change, whole, and gone as a whole."""

import errno
import gzip
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from pypisync.core.publish.pages import (
    Page,
    PageFile,
    project_html,
    project_json,
    root_html,
    root_json,
)
from pypisync.errors import Malformed, StorageError
from pypisync.storage import disk
from pypisync.storage.tree import Tree

INDEXES = ["index.html", "index.v1_html", "index.v1_json"]
FILES = sorted(INDEXES + [f"{name}.gz" for name in INDEXES])
PATH = f"packages/aa/bb/{'c' * 60}/spam-1.0.tar.gz"


def page(serial: int = 1, name: str = "spam") -> Page:
    file = PageFile("spam-1.0.tar.gz", "1.0", PATH, "0" * 64, 9, None, None, None, None, None)
    return Page(name, serial, "active", None, (file,))


def state(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Name -> (inode, time of change, size)."""
    return {
        entry.name: (entry.stat().st_ino, entry.stat().st_mtime_ns, entry.stat().st_size)
        for entry in folder.iterdir()
    }


def whole_page(folder: Path, json: bytes, html: bytes) -> None:
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == FILES
    assert (folder / "index.v1_json").read_bytes() == json
    assert (folder / "index.html").read_bytes() == html
    assert (folder / "index.v1_html").read_bytes() == html
    for name in INDEXES:
        assert gzip.decompress((folder / f"{name}.gz").read_bytes()) == (folder / name).read_bytes()


def test_a_page_is_written_in_every_form(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    old = os.umask(0o077)
    try:
        assert tree.write_page(page()) == 6
    finally:
        os.umask(old)
    tree.flush()
    folder = tmp_path / "simple/spam"
    whole_page(folder, project_json(page()), project_html(page()))
    assert (folder / "index.v1_html").samefile(folder / "index.html")
    assert (folder / "index.v1_html.gz").samefile(folder / "index.html.gz")
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}
    assert folder.stat().st_mode & 0o777 == 0o755
    assert list((tmp_path / ".partial").iterdir()) == []
    assert (folder / "index.html.gz").read_bytes()[4:8] == b"\0\0\0\0"  # no time in it


def test_an_unchanged_page_is_not_touched(tmp_path: Path) -> None:
    Tree(tmp_path).write_page(page())
    before = state(tmp_path / "simple/spam")
    assert Tree(tmp_path).write_page(page()) == 0
    assert state(tmp_path / "simple/spam") == before


def test_a_changed_page_is_new_files(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.write_page(page())
    before = state(tmp_path / "simple/spam")
    with (tmp_path / "simple/spam/index.html").open("rb") as reader:
        assert tree.write_page(page(serial=2)) == 6
        assert reader.read() == project_html(page())  # a reader under way is not disturbed
    after = state(tmp_path / "simple/spam")
    assert all(after[name][0] != before[name][0] for name in FILES)
    whole_page(tmp_path / "simple/spam", project_json(page(2)), project_html(page(2)))


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_or_missing_file_is_mended_alone(tmp_path: Path, name: str) -> None:
    tree = Tree(tmp_path)
    tree.write_page(page())
    victim = tmp_path / "simple/spam" / name
    victim.unlink()
    assert tree.write_page(page()) == 1
    victim.unlink()
    victim.write_bytes(b"\x1f\x8b damaged")
    assert tree.write_page(page()) == 1
    whole_page(tmp_path / "simple/spam", project_json(page()), project_html(page()))


def test_a_removed_page_leaves_no_folder(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.write_page(page())
    tree.write_page(page(name="eggs"))
    assert tree.pages() == {"spam", "eggs"}
    assert tree.remove_page("spam")
    tree.flush()
    assert not (tmp_path / "simple/spam").exists()
    assert list((tmp_path / ".partial").iterdir()) == []
    assert tree.pages() == {"eggs"}
    assert not tree.remove_page("spam")


def test_a_removal_cut_short_is_no_obstacle_to_the_next(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.write_page(page())
    gone = disk.scratch(tmp_path, "simple/spam", "gone")
    gone.mkdir()
    (gone / "index.html").write_text("left by a crash")
    assert tree.remove_page("spam")
    assert tree.pages() == set()
    assert not gone.exists()


def test_removal_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "simple").mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("precious")
    (tmp_path / "simple/spam").symlink_to(outside)
    assert Tree(tmp_path).remove_page("spam")
    assert not (tmp_path / "simple/spam").is_symlink()
    assert (outside / "file").read_text() == "precious"


def test_a_page_goes_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never a folder without its index: servers answer 403 for it, which stops uv."""
    tree = Tree(tmp_path)
    folder = tmp_path / "simple/spam"
    seen = []

    def look(step: str, path: Path) -> None:
        if folder.exists():
            seen.append(sorted(entry.name for entry in folder.iterdir()))

    monkeypatch.setattr(disk, "before", look)
    tree.write_page(page())
    tree.remove_page("spam")
    assert seen
    assert all(names == FILES for names in seen)


def test_the_root_is_written_like_a_page(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    projects = [("spam", 3), ("eggs", 2)]
    assert tree.pages() == set()
    assert tree.write_root(projects, 3) == 6
    assert tree.write_root(projects, 3) == 0
    whole_page(tmp_path / "simple", root_json(projects, 3), root_html(["eggs", "spam"]))
    # Other serials concern the JSON alone; what is not a list of as many is not touched.
    assert tree.change_root({"eggs": 4}, 4, 2) == 2
    whole_page(
        tmp_path / "simple", root_json([("spam", 3), ("eggs", 4)], 4), root_html(["eggs", "spam"])
    )
    assert tree.change_root({"eggs": 4}, 4, 2) == 0
    assert tree.change_root({"eggs": 5}, 5, 3) is None
    (tmp_path / "simple/index.html").unlink()
    assert tree.change_root({"eggs": 5}, 5, 2) is None
    tree.write_page(page())
    assert tree.pages() == {"spam"}


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "Spam", "a--b", "a.b", "a\n", "x" * 256]
)
def test_only_normalised_names_become_folders(tmp_path: Path, name: str) -> None:
    tree = Tree(tmp_path)
    with pytest.raises(Malformed, match="normalised project name"):
        tree.write_page(replace(page(), name=name))
    with pytest.raises(Malformed, match="normalised project name"):
        tree.remove_page(name)
    assert list(tmp_path.iterdir()) == []


def forbid_links(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """As on a file system without hard links."""

    def deny(step: str, path: Path) -> None:
        if step == "link":
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(disk, "before", deny)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP])
def test_without_hard_links_pages_are_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    forbid_links(monkeypatch, number)
    assert Tree(tmp_path).write_page(page()) == 6
    folder = tmp_path / "simple/spam"
    whole_page(folder, project_json(page()), project_html(page()))
    assert not (folder / "index.v1_html").samefile(folder / "index.html")
    assert Tree(tmp_path).write_page(page()) == 0


def stored(tmp_path: Path) -> Path:
    file = tmp_path / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(b"contents!")
    return file


def test_flat_links_to_the_stored_file(tmp_path: Path) -> None:
    file, tree = stored(tmp_path), Tree(tmp_path, flat=True)
    assert tree.link(PATH)
    assert (tmp_path / "flat/spam-1.0.tar.gz").samefile(file)
    assert not (tmp_path / "flat/spam-1.0.tar.gz").is_symlink()
    assert not tree.link(PATH)
    other = PATH.replace("aa", "dd")
    (tmp_path / other).parent.mkdir(parents=True)
    (tmp_path / other).write_bytes(b"newer")
    assert tree.link(other)
    assert (tmp_path / "flat/spam-1.0.tar.gz").read_bytes() == b"newer"
    tree.flush()
    assert tree.unlink("spam-1.0.tar.gz")
    assert not tree.unlink("spam-1.0.tar.gz")
    assert file.exists()


def test_flat_falls_back_to_relative_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(tmp_path)
    forbid_links(monkeypatch, errno.EXDEV)
    tree = Tree(tmp_path, flat=True)
    assert tree.link(PATH)
    assert (tmp_path / "flat/spam-1.0.tar.gz").readlink().as_posix() == f"../{PATH}"
    assert (tmp_path / "flat/spam-1.0.tar.gz").read_bytes() == b"contents!"
    assert not tree.link(PATH)
    assert tree.unlink("spam-1.0.tar.gz")


def test_flat_is_off_unless_asked_for_and_stays_in_its_folder(tmp_path: Path) -> None:
    stored(tmp_path)
    assert not Tree(tmp_path).link(PATH)
    assert not Tree(tmp_path).unlink("spam-1.0.tar.gz")
    assert not (tmp_path / "flat").exists()
    tree = Tree(tmp_path, flat=True)
    with pytest.raises(Malformed):
        tree.unlink("../" + PATH)
    with pytest.raises(Malformed):
        tree.link("../secret")
    with pytest.raises(StorageError, match="missing"):
        tree.link("packages/aa/never-there.whl")


def test_something_in_the_way_says_so(tmp_path: Path) -> None:
    (tmp_path / "simple").write_text("in the way")
    with pytest.raises(StorageError, match="a folder is wanted: move it away"):
        Tree(tmp_path).write_root([], 1)


def test_what_stands_in_a_pages_place_makes_room(tmp_path: Path) -> None:
    """A link to a folder, a file, a folder in a file's place: nothing behind a link changes."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "index.html").write_text("not ours")
    simple = tmp_path / "mirror/simple"
    simple.mkdir(parents=True)
    (simple / "linked").symlink_to(elsewhere)
    (simple / "file").write_text("")
    (simple / "within/index.html/deep").mkdir(parents=True)
    tree = Tree(tmp_path / "mirror")
    tree.write_page(page(name="linked"))
    with tree.batch():
        tree.write_page(page(name="file"))
        tree.write_page(page(name="within"))
    for name in ("linked", "file", "within"):
        assert not (simple / name).is_symlink()
        whole_page(simple / name, project_json(page(name=name)), project_html(page(name=name)))
    assert [path.name for path in elsewhere.iterdir()] == ["index.html"]
    assert (elsewhere / "index.html").read_text() == "not ours"


def test_a_page_that_is_a_link_goes_without_what_is_behind_it(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").write_text("")
    (tmp_path / "mirror/simple").mkdir(parents=True)
    (tmp_path / "mirror/simple/spam").symlink_to(tmp_path / "elsewhere")
    assert Tree(tmp_path / "mirror").remove_page("spam")
    assert not (tmp_path / "mirror/simple/spam").is_symlink()
    assert (tmp_path / "elsewhere/file").exists()


def test_strays_among_the_pages(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.write_page(page())
    tree.write_root([("spam", 1)], 1)
    assert list(tree.strays()) == []
    (tmp_path / "simple/.htaccess").write_text("")
    (tmp_path / "simple/notes.txt").write_text("")
    (tmp_path / "simple/spam/old").mkdir()
    (tmp_path / "simple/spam/old/index.html").symlink_to("/etc/passwd")
    found = list(tree.strays())
    assert found == ["simple/notes.txt", "simple/spam/old"]
    for path in found:
        tree.remove_stray(path)
    tree.flush()
    assert list(tree.strays()) == []
    assert (tmp_path / "simple/.htaccess").exists()
    with pytest.raises(Malformed):
        tree.remove_stray("simple/../packages")
