"""Lock files are mirrored exactly: the releases and files that they name, and nothing else."""

from pathlib import Path

from pypisync.core.filters.file_rules import FilePolicy
from pypisync.core.wanted.groups import Locked
from pypisync.core.wanted.roots import NamedFile
from tests.recipe.grouped import TAGS, bench, filenames, lock, pin, rich
from tests.recipe.mirrors import tree_bytes
from tests.sim.world import World


def test_a_lock_is_mirrored_exactly(tmp_path: Path, database: str) -> None:
    world = rich()
    pins = (pin(world, "app", "1.0", "linux_2_17_x86_64.whl", "312-win_amd64.whl"),)
    mirror = bench(tmp_path, world, lock(*pins), url=database)
    # Nothing of this keeps a file from being there, and nothing adds one.
    mirror.policy = FilePolicy(("win_amd64",), "targets", "never")
    report = mirror.sync()
    assert (report.failed, report.held, report.exit_code) == ({}, {}, 0)
    assert filenames(mirror) == {
        "app": [
            "app-1.0-cp311-cp311-manylinux_2_17_x86_64.whl",
            "app-1.0-cp312-cp312-win_amd64.whl",
        ]
    }
    assert mirror.selection() == {("app", "1.0")}
    assert mirror.query("SELECT knowledge FROM releases WHERE knowledge <> 'unknown'") == []
    assert mirror.sync().generation == 0  # nothing new


def test_a_release_none_of_whose_files_is_kept(tmp_path: Path) -> None:
    world = World()
    world.publish("a", "1.0", wheels=["py3-none-win_amd64"])
    mirror = bench(tmp_path, world, lock(pin(world, "a", "1.0")))
    mirror.policy = FilePolicy((), "targets", "never")
    assert mirror.sync().exit_code == 0
    assert filenames(mirror) == {"a": ["a-1.0-py3-none-win_amd64.whl"]}


def test_yanked_releases_and_pre_releases_are_mirrored(tmp_path: Path) -> None:
    world = World()
    world.publish("a", "1.0")
    world.publish("a", "2.0rc1")
    world.yank("a", "1.0")
    mirror = bench(tmp_path, world, lock(pin(world, "a", "1.0"), pin(world, "a", "2.0rc1")))
    assert mirror.sync().exit_code == 0
    assert mirror.listed() == {"a": {"1.0", "2.0rc1"}}


def test_a_local_version_is_another_version(tmp_path: Path) -> None:
    world = World()
    world.publish("a", "1.0")
    world.publish("a", "1.0+cpu")
    mirror = bench(tmp_path, world, lock(Locked("a", "1.0")))
    mirror.sync()
    assert mirror.listed() == {"a": {"1.0"}}


def test_pins_without_files_have_those_that_are_kept(tmp_path: Path) -> None:
    mirror = bench(tmp_path, rich(), lock(Locked("app", "2.0")))
    mirror.policy = FilePolicy(("cp312",), "all", "never")
    mirror.sync()
    assert filenames(mirror) == {
        "app": [f"app-2.0-{tag}.whl" for tag in TAGS if "cp312" not in tag]
    }


def test_files_by_name_where_there_is_no_hash(tmp_path: Path) -> None:
    files = (NamedFile("app-2.0.tar.gz"), NamedFile("app-2.0-py3-none-any.whl"))
    mirror = bench(tmp_path, rich(), lock(Locked("app", "2.0", files)))
    report = mirror.sync()
    assert report.failed == {
        "app-2.0-py3-none-any.whl": "uv.lock names it, and upstream has no such file"
    }
    assert filenames(mirror) == {"app": ["app-2.0.tar.gz"]}


def test_what_the_closure_wants_too_keeps_its_files(tmp_path: Path, database: str) -> None:
    world = rich()
    mirror = bench(tmp_path, world, lock(pin(world, "app", "3.0", ".tar.gz")), url=database)
    mirror.policy = FilePolicy((), "targets", "never")
    mirror.packages = {"app": ["latest"]}
    linux = "app-3.0-cp311-cp311-manylinux_2_17_x86_64.whl"
    for _ in range(2):
        mirror.sync()
        assert filenames(mirror) == {
            "app": [linux, "app-3.0.tar.gz"],
            "dep": ["dep-3.0-py3-none-any.whl"],
        }
        mirror.packages = {}
        mirror.sync()
        assert filenames(mirror) == {"app": ["app-3.0.tar.gz"]}
        mirror.packages, mirror.groups = {"app": ["latest"]}, []
        mirror.sync()
        assert filenames(mirror)["app"] == [linux]
        mirror.groups = [lock(pin(world, "app", "3.0", ".tar.gz"))]


def test_dropping_a_group_removes_what_only_it_called_for(tmp_path: Path, database: str) -> None:
    world = rich()
    one = lock(pin(world, "app", "1.0", ".tar.gz"), pin(world, "app", "2.0"), name="one.lock")
    two = lock(pin(world, "app", "1.0", "cp312-win_amd64.whl"), pin(world, "dep", "2.0"))
    mirror = bench(tmp_path, world, one, two, url=database)
    mirror.sync()
    assert mirror.listed() == {"app": {"1.0", "2.0"}, "dep": {"2.0"}}
    mirror.groups = [two]
    mirror.sync()
    assert filenames(mirror) == {
        "app": ["app-1.0-cp312-cp312-win_amd64.whl"],
        "dep": ["dep-2.0-py3-none-any.whl"],
    }
    assert not list(mirror.folder.rglob("app-1.0.tar.gz"))
    mirror.groups = []
    mirror.sync()
    assert filenames(mirror) == {}
    assert tree_bytes(mirror.folder, "packages") == {}
    for table in ("roots", "locked", "root_choices", "selected"):
        assert mirror.query(f"SELECT count(*) FROM {table}") == [(0,)]


def test_another_choice_of_files_of_the_same_release(tmp_path: Path) -> None:
    world = rich()
    mirror = bench(tmp_path, world, lock(pin(world, "app", "1.0", ".tar.gz")))
    mirror.sync()
    mirror.groups = [lock(pin(world, "app", "1.0", "win_amd64.whl"))]
    mirror.sync()
    assert filenames(mirror) == {"app": [f"app-1.0-{tag}.whl" for tag in TAGS if "win" in tag]}


def test_what_upstream_does_not_have_is_a_failure_each_once(tmp_path: Path, database: str) -> None:
    world = rich()
    odd = NamedFile("app-1.0-py3-none-any.whl", "0" * 64)
    real = pin(world, "app", "1.0", ".tar.gz").files
    pins = (
        Locked("app", "1.0", (odd, *real, NamedFile(sha256="1" * 64))),
        Locked("app", "9.0", (NamedFile("app-9.0.tar.gz", "2" * 64),)),
        Locked("nowhere", "1.0", (NamedFile("nowhere-1.0.tar.gz", "3" * 64),)),
    )
    mirror = bench(tmp_path, world, lock(*pins), lock(*pins, name="b.lock"), url=database)
    report = mirror.sync()
    names = "b.lock names it, and upstream has no such"
    assert report.failed == {
        "app-1.0-py3-none-any.whl": f"{names} file",
        f"app==1.0 sha256:{'1' * 64}": f"{names} file",
        "app==9.0": f"{names} release",
        "nowhere==1.0": f"{names} project",
    }
    assert report.exit_code == 1
    assert filenames(mirror) == {"app": ["app-1.0.tar.gz"]}
    assert mirror.sync().failed == report.failed
    world.publish("app", "9.0", wheels=(), sdist=True)
    assert mirror.sync().failed.keys() - report.failed.keys() == {"app-9.0.tar.gz"}


def test_a_file_that_upstream_removes_is_a_failure(tmp_path: Path) -> None:
    world = rich()
    mirror = bench(tmp_path, world, lock(pin(world, "app", "1.0", ".tar.gz", "312-win_amd64.whl")))
    assert mirror.sync().exit_code == 0
    world.remove_file("app", "1.0", "app-1.0.tar.gz")
    report = mirror.sync()
    names = "uv.lock names it, and upstream has no such"
    assert report.failed == {"app-1.0.tar.gz": f"{names} file"}
    assert filenames(mirror) == {"app": ["app-1.0-cp312-cp312-win_amd64.whl"]}
    world.remove_release("app", "1.0")
    report = mirror.sync()
    assert report.failed == {"app==1.0": f"{names} release"}
    assert filenames(mirror) == {}


# -- what does not come ---------------------------------------------------------------------


def test_files_that_come_are_published_without_those_that_do_not(tmp_path: Path) -> None:
    world = rich()
    mirror = bench(tmp_path, world, lock(pin(world, "app", "1.0", ".tar.gz", "312-win_amd64.whl")))
    world.faults.fail("*/app-1.0.tar.gz", 503)
    report = mirror.sync()
    assert list(report.failed) == ["app-1.0.tar.gz"]
    assert report.held == {}
    assert filenames(mirror) == {"app": ["app-1.0-cp312-cp312-win_amd64.whl"]}
    world.heal()
    assert mirror.sync().exit_code == 0
    assert filenames(mirror)["app"] == ["app-1.0-cp312-cp312-win_amd64.whl", "app-1.0.tar.gz"]


def test_the_old_pin_stays_as_it_was_until_the_new_one_is_there(
    tmp_path: Path, database: str
) -> None:
    world = rich()
    old, new = (lock(pin(world, "app", version, ".tar.gz")) for version in ("1.0", "2.0"))
    mirror = bench(tmp_path, world, old, url=database)
    mirror.sync()
    mirror.groups = [new]
    world.faults.fail("*/app-2.0.tar.gz", 404)
    for _ in range(2):
        report = mirror.sync()
        assert report.held == {"app==2.0": "not stored yet: app-2.0.tar.gz"}
        # Exactly its file, and nothing that it needs.
        assert filenames(mirror) == {"app": ["app-1.0.tar.gz"]}
        assert mirror.query("SELECT origin FROM v_reasons WHERE version = '1.0'") == [("held",)]
    world.heal()
    assert mirror.sync().exit_code == 0
    assert filenames(mirror) == {"app": ["app-2.0.tar.gz"]}


def test_a_root_that_moves_on_keeps_what_it_had_although_it_is_pinned(tmp_path: Path) -> None:
    world = World()
    world.publish("app", "1.0", requires=["dep<2"], sdist=True)
    world.publish("dep", "1.0")
    mirror = bench(tmp_path, world, lock(pin(world, "app", "1.0", ".whl")))
    mirror.packages = {"app": ["latest"]}
    mirror.sync()
    before = filenames(mirror)
    world.publish("app", "2.0")
    world.faults.fail("*/app-2.0-*.whl", 404)
    assert set(mirror.sync().held) == {"app==2.0"}
    assert filenames(mirror) == before
    world.heal()
    mirror.sync()
    assert filenames(mirror) == {"app": ["app-1.0-py3-none-any.whl", "app-2.0-py3-none-any.whl"]}


def test_a_project_that_cannot_be_read_yet(tmp_path: Path) -> None:
    world = rich()
    mirror = bench(tmp_path, world, lock(pin(world, "app", "1.0", ".tar.gz")))
    world.faults.fail("*/app/*", 503)
    report = mirror.sync()
    assert list(report.failed) == ["app"]
    world.heal()
    assert mirror.sync().exit_code == 0
    assert mirror.listed() == {"app": {"1.0"}}
