"""``verify`` finds every kind of damage, and ``--repair`` leaves what a good sync leaves."""

import errno
import gzip
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from pypisync.storage import disk
from pypisync.storage.lock import writer_lock
from tests.cli.running import configure, invoke, snapshot
from tests.recipe.mirrors import read_tree, tree_bytes
from tests.sim.server import Server
from tests.sim.world import World


@pytest.fixture
def config(tmp_path: Path, world: World, server: Server) -> Path:
    """A mirror of ``a``, which needs ``b``, in its first state."""
    world.publish("a", "1.0", requires=["b"])
    world.publish("b", "1.0")
    path = configure(tmp_path, server.url, packages={"a": ["latest"]})
    assert invoke(path, "sync").code == 0
    return path


def wheel(data: Path, name: str) -> Path:
    (found,) = data.glob(f"packages/*/*/*/{name}-*.whl")
    return found


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def stray(data: Path) -> None:
    path = data / "packages/aa/bb/cc/left-1.0-py3-none-any.whl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"left over")


def unrecorded(data: Path) -> None:
    connection = sqlite3.connect(data.with_suffix(".sqlite"), isolation_level=None)
    connection.execute("DELETE FROM stored WHERE path LIKE '%/b-%.whl'")
    connection.close()


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def page_folder(data: Path, name: str) -> Path:
    folder = data / "simple" / name
    folder.mkdir(exist_ok=True)
    return folder


def in_place_of_a_page(data: Path) -> None:
    empty(data / "simple/b")
    (data / "simple/b").rmdir()
    (data / "simple/b").write_text("")


def linked_page(data: Path, name: str) -> None:
    (data / "simple" / name).rename(data / "elsewhere")
    (data / "simple" / name).symlink_to("../elsewhere")


def in_place_of_a_folder(data: Path) -> None:
    folder = wheel(data, "b").parent
    empty(folder)
    folder.rmdir()
    folder.write_text("")


DAMAGE: dict[str, tuple[str, int, Callable[[Path], object]]] = {
    "a file is gone": ("missing", 1, lambda data: wheel(data, "b").unlink()),
    "a file is cut": ("size", 1, lambda data: wheel(data, "b").write_bytes(b"PK")),
    "a bit is flipped": ("hash", 1, lambda data: flip(wheel(data, "b"))),
    "metadata is gone": (
        "missing",
        1,
        lambda data: wheel(data, "a").with_name(wheel(data, "a").name + ".metadata").unlink(),
    ),
    "a stray": ("stray", 1, stray),
    "a file nobody recorded": ("missing", 1, unrecorded),
    "a page is gone": ("page", 1, lambda data: (data / "simple/a/index.html").unlink()),
    "a page is old": ("page", 1, lambda data: flip(data / "simple/a/index.v1_json")),
    "a packed page is old": (
        "page",
        1,
        lambda data: (data / "simple/a/index.html.gz").write_bytes(gzip.compress(b"old")),
    ),
    "a project's folder is gone": (
        "page",
        6,
        lambda data: empty(data / "simple/b"),
    ),
    "a stray beside a page": ("stray", 1, lambda data: (data / "simple/a/x").write_text("")),
    "a stray among the pages": ("stray", 1, lambda data: (data / "simple/x.html").write_text("")),
    "a file where a page's folder belongs": ("page stray", 7, in_place_of_a_page),
    "a link where a page's folder belongs": ("page", 1, lambda data: linked_page(data, "b")),
    "a file where a folder of files belongs": ("missing stray", 3, in_place_of_a_folder),
    "a project too many": ("page", 1, lambda data: page_folder(data, "zz")),
    "the list of projects is gone": ("page", 1, lambda data: (data / "simple/index.html").unlink()),
}


def test_a_good_mirror_has_no_faults(config: Path) -> None:
    before = snapshot(config.parent)
    done = invoke(config, "verify")
    assert (done.code, done.out, done.err) == (0, "no faults\n", "")
    assert invoke(config, "verify", "--json").json == {"faults": []}
    assert snapshot(config.parent) == before


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_and_repaired(config: Path, damage: str) -> None:
    kind, count, do = DAMAGE[damage]
    data = config.parent / "data"
    good = tree_bytes(data)
    do(data)
    hurt = snapshot(config.parent)
    found = invoke(config, "verify", "--json")
    assert found.code == 1
    kinds = [fault["kind"] for fault in found.json["faults"]]
    # Two names of one page's bytes are one file.
    assert set(kinds) == set(kind.split())
    assert len(kinds) in (count, 2 * count)
    assert not any(fault["repaired"] for fault in found.json["faults"])
    assert snapshot(config.parent) == hurt
    mended = invoke(config, "verify", "--repair", "--json")
    assert mended.code == 0, mended
    assert all(fault["repaired"] for fault in mended.json["faults"])
    assert invoke(config, "verify").out == "no faults\n"
    assert tree_bytes(data) == good
    assert read_tree(data) == {"a": {"1.0"}, "b": {"1.0"}}


def test_sizes_alone_do_not_show_a_flipped_bit(config: Path) -> None:
    flip(wheel(config.parent / "data", "b"))
    assert invoke(config, "verify", "--no-rehash").code == 0
    done = invoke(config, "verify")
    assert done.code == 1
    assert done.lines[0][1] == "hash"


def test_what_upstream_no_longer_gives_leaves_the_pages(config: Path, world: World) -> None:
    data = config.parent / "data"
    wheel(data, "a").unlink()
    world.faults.fail("/packages/*/a-1.0-*.whl", 404)
    done = invoke(config, "verify", "--repair")
    assert "a-1.0-py3-none-any.whl" in done.err
    assert "held: a==1.0" in done.err
    assert read_tree(data) == {"b": {"1.0"}}
    assert invoke(config, "verify").code == 0
    world.heal()
    assert invoke(config, "sync").code == 0
    assert read_tree(data) == {"a": {"1.0"}, "b": {"1.0"}}


def test_repairing_takes_the_lock_and_looking_does_not(config: Path) -> None:
    with writer_lock(config.parent / "data"):
        assert invoke(config, "verify").code == 0
        assert invoke(config, "verify", "--repair").code == 4


def run_sql(config: Path, *statements: str) -> None:
    connection = sqlite3.connect(config.parent / "data.sqlite", isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("tables", [("pages",), ("published",), ("pages", "published")])
def test_a_half_restored_database_deletes_nothing(config: Path, tables: tuple[str, ...]) -> None:
    data = config.parent / "data"
    good = tree_bytes(data)
    run_sql(config, *(f"DELETE FROM {table}" for table in tables))
    found = invoke(config, "verify", "--json")
    assert found.code == 1
    assert found.json["faults"][0]["kind"] == "catalog"
    assert "the database is incomplete" in found.json["faults"][0]["detail"]
    mended = invoke(config, "verify", "--repair")
    assert mended.code == 0, mended
    assert tree_bytes(data) == good
    assert invoke(config, "verify").out == "no faults\n"
    assert invoke(config, "sync").code == 0
    assert tree_bytes(data) == good


def test_a_database_of_another_mirror_deletes_nothing(
    config: Path, world: World, server: Server, tmp_path: Path
) -> None:
    """Most of what is on the disk is unknown to it."""
    world.publish("many", "1.0", requires=[f"n{number}" for number in range(9)])
    for number in range(9):
        world.publish(f"n{number}", "1.0")
    configure(tmp_path, server.url, packages={"a": ["latest"], "many": ["latest"]})
    other = configure(tmp_path / "other", server.url, packages={"b": ["latest"]})
    for each in (config, other):
        assert invoke(each, "sync").code == 0
    data = config.parent / "data"
    before = tree_bytes(data)
    (tmp_path / "other/data.sqlite").replace(data.with_suffix(".sqlite"))
    done = invoke(config, "verify", "--repair")
    assert done.code == 1
    assert "the catalog knows 1, and 11 more are on the disk: they stay" in done.err
    lists = {path for path in before if path.startswith("simple/index.")}
    after = tree_bytes(data)
    assert all(after[path] == before[path] for path in before.keys() - lists)


def test_a_folder_that_was_moved_and_linked_back_is_left(config: Path) -> None:
    data = config.parent / "data"
    folder = wheel(data, "b").parents[2]
    folder.rename(config.parent / "moved")
    folder.symlink_to(config.parent / "moved")
    found = invoke(config, "verify", "--json")
    assert [fault["kind"] for fault in found.json["faults"]] == ["link"]
    done = invoke(config, "verify", "--repair")
    assert done.code == 1
    assert "move the folder itself here" in done.out
    assert "repaired" not in done.out
    assert folder.is_symlink()
    assert list((config.parent / "moved").rglob("b-1.0-*.whl"))


def test_what_cannot_be_mended_keeps_nothing_else_from_it(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad sector below one stray."""
    data = config.parent / "data"
    good = tree_bytes(data)
    flip(wheel(data, "a"))
    empty(data / "simple/b")
    stray(data)

    def bad(step: str, path: Path) -> None:
        if step == "remove" and path.name.startswith("left-"):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(disk, "before", bad)
    done = invoke(config, "verify", "--repair")
    assert done.code == 1
    assert "left-1.0-py3-none-any.whl: Input/output error: check the disk" in done.err
    assert [line[0] for line in done.lines if line[-1] != "repaired"] == [
        "packages/aa/bb/cc/left-1.0-py3-none-any.whl"
    ]
    left = tree_bytes(data).keys() - good.keys()
    assert left == {"packages/aa/bb/cc/left-1.0-py3-none-any.whl"}
