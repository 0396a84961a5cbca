"""Files whose SHA-256 upstream does not state: what is stated is checked, and all is computed."""

import json
from hashlib import sha512
from pathlib import Path

import pytest

from pypisync.core.filters.policy import Block, Policy
from pypisync.core.wanted.groups import Group, Locked
from pypisync.core.wanted.roots import NamedFile
from tests.recipe.closed import unmet
from tests.recipe.mirrors import Bench, tree_bytes
from tests.sim.memory import MemoryUpstream
from tests.sim.server import Server
from tests.sim.world import World

NAME = "app-1.0-py3-none-any.whl"


@pytest.fixture
def bench(tmp_path: Path, memory: MemoryUpstream) -> Bench:
    return Bench(tmp_path / "mirror", memory, {"app": ["latest"]})


def page(bench: Bench, name: str = "app") -> dict[str, dict[str, object]]:
    """The JSON page's files by name."""
    path = bench.folder / "simple" / name / "index.v1_json"
    return {file["filename"]: file for file in json.loads(path.read_bytes())["files"]}


def replace_bytes(world: World, filename: str, other: str) -> None:
    """Serve the bytes of another file under this name, as an index that builds anew does."""
    world.files[filename].__dict__["built"] = world.files[other].built


@pytest.mark.parametrize(
    ("hashes", "verified"), [((), "unverified"), (("md5",), "md5:"), (("sha512", "md5"), "sha512:")]
)
def test_the_hash_is_computed_and_listed(
    hashes: tuple[str, ...], verified: str, bench: Bench, world: World
) -> None:
    world.publish("app", "1.0", requires=["lib"], hashes=hashes)
    world.publish("lib", "1.0")
    bench.packages = {"app": ["==1.0"]}
    assert bench.sync().exit_code == 0
    built = world.files[NAME].built
    assert page(bench)[NAME]["hashes"] == {"sha256": built.sha256}
    assert page(bench)[NAME]["size"] == len(built.content)
    [(digest, how)] = bench.query("SELECT sha256, verified FROM v_files WHERE project = 'app'")
    assert (digest, how[: len(verified)]) == (built.sha256, verified)
    assert bench.query("SELECT verified FROM v_files WHERE project = 'lib'") == [("sha256",)]
    assert unmet(bench.folder) == set()
    before = tree_bytes(bench.folder)
    world.role_change("app")
    assert bench.sync().files == 0
    world.yank("app", "1.0", "old")
    assert bench.sync().files == 0
    assert page(bench)[NAME]["hashes"] == {"sha256": built.sha256}
    assert tree_bytes(bench.folder) != before


def test_what_is_stated_is_checked(bench: Bench, world: World) -> None:
    world.publish("app", "1.0", hashes=["sha512"])
    good = world.files[NAME].built
    stated = sha512(good.content).hexdigest()
    world.faults.body(world.files[NAME].path, b"x" * len(good.content))
    report = bench.sync()
    assert stated in report.failed[NAME]
    assert "sha512 is" in report.failed[NAME]
    assert bench.listed() == {}
    world.heal()
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"app": {"1.0"}}


def test_bytes_that_change_later_are_held_and_told_and_never_published(
    bench: Bench, world: World
) -> None:
    world.publish("app", "1.0", metadata=False, hashes=())
    world.publish("app-2", "9.0", size_padding=5000)
    assert bench.sync().exit_code == 0
    first = page(bench)[NAME]
    path = world.files[NAME].path
    content = world.files["app_2-9.0-py3-none-any.whl"].built.content
    world.faults.body(path, content)
    # The mirror's copy is lost: what comes instead is not what came first.
    stored = next(bench.folder.rglob(NAME))
    stored.unlink()
    with bench.catalog().begin() as connection:
        connection.exec_driver_sql("DELETE FROM stored WHERE path LIKE '%whl'")
        connection.exec_driver_sql("UPDATE projects SET unpublished = true")
    report = bench.sync()
    assert "or it was so when it came" in report.failed[NAME] or "bytes" in report.failed[NAME]
    assert not list(bench.folder.rglob(NAME))
    world.heal()
    assert bench.sync().exit_code == 0
    assert page(bench)[NAME] == first


def test_another_size_is_told_while_what_came_first_stays(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    world.publish("app", "1.0", metadata=False, hashes=())
    assert bench.sync().exit_code == 0
    first = page(bench)[NAME]
    world.publish("app-2", "9.0", size_padding=5000)
    old = world.files[NAME]
    path = old.path
    replace_bytes(world, NAME, "app_2-9.0-py3-none-any.whl")
    assert old.path == path
    world.role_change("app")
    for _ in range(2):
        bench.sync()
        assert page(bench)[NAME] == first
        [(what, why)] = bench.query("SELECT what, reason FROM v_skipped WHERE project = 'app'")
        assert what == NAME
        assert "what came first stays" in why
        world.role_change("app")


def test_a_block_by_hash_holds_once_the_hash_is_known(bench: Bench, world: World) -> None:
    world.publish("app", "1.0", hashes=())
    world.publish("app", "2.0", hashes=())
    bad = world.files["app-2.0-py3-none-any.whl"].built.sha256
    bench.bars = Policy(block=(Block(reason="bad", sha256=bad),))
    for _ in range(2):
        bench.sync()
    assert bench.listed() == {"app": {"1.0"}}
    assert not list(bench.folder.rglob("app-2.0*"))


@pytest.mark.parametrize("by_name", [True, False])
def test_a_lock_files_hash_finds_its_file(by_name: bool, tmp_path: Path, world: World) -> None:
    world.publish("app", "1.0", hashes=(), sdist=True, wheels=["py3-none-any", "cp39-cp39-win32"])
    wanted = world.files[NAME].built.sha256
    named = NamedFile(NAME if by_name else "", wanted)
    pin = Locked("app", "1.0", (named,))
    bench = Bench(
        tmp_path, MemoryUpstream(world), {}, groups=[Group("uv.lock", resolve=False, locked=(pin,))]
    )
    assert bench.sync().failed == {}
    assert list(page(bench)) == [NAME]


def test_a_lock_files_hash_that_no_file_has_is_told(tmp_path: Path, world: World) -> None:
    world.publish("app", "1.0", hashes=())
    pin = Locked("app", "1.0", (NamedFile(NAME, "ab" * 32),))
    bench = Bench(
        tmp_path, MemoryUpstream(world), {}, groups=[Group("uv.lock", resolve=False, locked=(pin,))]
    )
    report = bench.sync()
    assert any("upstream has no such file" in why for why in report.failed.values())
    assert bench.listed() == {}


def test_a_lock_files_name_is_no_other_file_without_a_hash(tmp_path: Path, world: World) -> None:
    """Neither the lock nor upstream states a hash, and two unknown hashes are not the same."""
    world.publish("app", "1.0", hashes=())
    pin = Locked("app", "1.0", (NamedFile("app-1.0.tar.gz"),))
    group = Group("uv.lock", resolve=False, locked=(pin,))
    bench = Bench(tmp_path, MemoryUpstream(world), {}, groups=[group])
    report = bench.sync()
    assert report.failed == {"app-1.0.tar.gz": "uv.lock names it, and upstream has no such file"}
    assert (report.files, bench.listed()) == (0, {})
    assert [row[-1] for row in bench.query("SELECT * FROM v_named")] == [None]


def test_over_http_as_html_without_any_hash(
    tmp_path: Path, world: World, server: Server, wired: object
) -> None:
    world.faults.simple_json = world.faults.json_api = False
    world.publish("app", "1.0", requires=["lib"], hashes=(), metadata=False)
    world.publish("lib", "1.0", hashes=["sha512"], sdist=True)
    bench = Bench(tmp_path, wired(), {"app": ["latest"]})  # type: ignore[operator]
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}}
    assert page(bench)[NAME]["hashes"] == {"sha256": world.files[NAME].built.sha256}
    assert "upload-time" not in page(bench)[NAME]
    assert unmet(tmp_path) == set()
