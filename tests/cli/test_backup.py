"""``backup`` and ``restore``: a mirror that is lost comes back, on both databases."""

import os
import shutil
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from pypisync.catalog.db.leader import leading
from pypisync.config.load import load
from pypisync.storage.lock import writer_lock
from tests.cli.running import configure, invoke
from tests.recipe.mirrors import read_tree
from tests.sim.server import Server
from tests.sim.world import World


@pytest.fixture
def config(
    tmp_path: Path,
    world: World,
    server: Server,
    database: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A mirror with a named generation."""
    if database.startswith("postgresql"):  # its own pg_dump: one of another version refuses
        programs = request.getfixturevalue("postgres").programs
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    world.publish("a", "1.0")
    path = configure(tmp_path, server.url, database=database, retention="7 days")
    assert invoke(path, "sync").code == 0
    assert invoke(path, "tag", "1", "good").code == 0
    return path


def test_what_is_lost_comes_back(config: Path, world: World) -> None:
    data, file = config.parent / "data", config.parent / "kept" / "backup"
    file.parent.mkdir()
    done = invoke(config, "backup", str(file))
    assert (done.code, [path.name for path in file.parent.iterdir()]) == (0, ["backup"]), done.err
    world.publish("a", "2.0")
    assert invoke(config, "sync").code == 0
    shutil.rmtree(data / "simple")
    shutil.rmtree(data / "packages")
    done = invoke(config, "restore", str(file))
    assert done.code == 0, done.err
    # It needs nothing beside it, which a medium that is read only could not take.
    assert [path.name for path in file.parent.iterdir()] == ["backup"]
    done = invoke(config, "verify", "--repair")
    assert (done.code, done.err) == (0, "")
    assert read_tree(data) == {"a": {"1.0"}}
    assert [line[3] for line in invoke(config, "generations").lines][-1] == "good"
    assert invoke(config, "sync").code == 0
    assert read_tree(data) == {"a": {"2.0"}}
    assert invoke(config, "verify").code == 0


def test_nothing_is_restored_while_another_writes(config: Path) -> None:
    file = config.parent / "backup"
    assert invoke(config, "backup", str(file)).code == 0
    with writer_lock(config.parent / "data", daemon=True):
        assert invoke(config, "restore", str(file)).code == 4
        assert invoke(config, "backup", str(file)).code == 0
    understood = load(config, {})
    if understood.database_url.startswith("postgresql"):
        with leading(understood.database_url):  # a daemon on another machine, with another folder
            assert invoke(config, "restore", str(file)).code == 4


def test_the_database_itself_is_no_place_for_its_backup(config: Path) -> None:
    url = load(config, {}).database_url
    if url.startswith("sqlite"):
        file = Path(make_url(url).database or "")
        inode = file.stat().st_ino
        done = invoke(config, "backup", str(file.parent / "." / file.name))
        assert (done.code, "is the database itself" in done.err) == (4, True)
        assert file.stat().st_ino == inode


def test_what_was_there_is_kept_however_often_one_restores(config: Path, world: World) -> None:
    """The first restore may have been the mistake: what it put aside is the way back."""
    url = load(config, {}).database_url
    if not url.startswith("sqlite"):
        return
    database, file = Path(make_url(url).database or ""), config.parent / "backup"
    assert invoke(config, "backup", str(file)).code == 0
    world.publish("a", "2.0")
    assert invoke(config, "sync").code == 0
    for end in ("", "-2", "-3"):
        done = invoke(config, "restore", str(file))
        assert (done.code, f"{database}.before-restore{end}\n" in done.out) == (0, True)
    assert len(invoke(config, "generations").lines) == 1
    assert invoke(config, "restore", f"{database}.before-restore").code == 0
    assert len(invoke(config, "generations").lines) == 2


@pytest.mark.parametrize("content", [b"", b"no database" * 1000, None])
def test_what_is_no_backup_is_refused(config: Path, content: bytes | None) -> None:
    file = config.parent / "backup"
    if content is not None:
        file.write_bytes(content)
    done = invoke(config, "restore", str(file))
    assert (done.code, str(file) in done.err or "pg_restore" in done.err) == (4, True)
    assert invoke(config, "status").code == 0
    assert not list(config.parent.rglob("*.part"))


def test_a_backup_that_cannot_be_written_leaves_nothing(config: Path) -> None:
    done = invoke(config, "backup", str(config.parent / "missing" / "backup"))
    assert done.code == 4
    assert not (config.parent / "missing").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may restore for another user")
@pytest.mark.parametrize("lost", [False, True])
def test_what_root_restores_belongs_to_whom_it_belonged(config: Path, *, lost: bool) -> None:
    url = load(config, {}).database_url
    if url.startswith("sqlite"):
        database, file = Path(make_url(url).database or ""), config.parent / "backup"
        assert invoke(config, "backup", str(file)).code == 0
        for path in (database, database.parent):
            os.chown(path, 12345, 12345)
        if lost:
            database.unlink()
        assert invoke(config, "restore", str(file)).code == 0
        assert (database.stat().st_uid, database.stat().st_gid) == (12345, 12345)
