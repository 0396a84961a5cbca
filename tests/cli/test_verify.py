"""``verify`` finds every kind of damage, and ``--repair`` leaves what a good sync leaves."""

import gzip
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

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
    connection = sqlite3.connect(data / "pypisync.sqlite", isolation_level=None)
    connection.execute("DELETE FROM stored WHERE path LIKE '%/b-%.whl'")
    connection.close()


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def page_folder(data: Path, name: str) -> Path:
    folder = data / "simple" / name
    folder.mkdir(exist_ok=True)
    return folder


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
    assert set(kinds) == {kind}
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
