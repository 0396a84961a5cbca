"""What commands say: figures that are what came, and advice that fits what happened."""

import json
import os
from pathlib import Path

import pytest

from pypisync.cli.common import clean
from pypisync.config.load import load
from pypisync.core.display import counted
from pypisync.core.values import index_address
from pypisync.errors import ConfigError, Refused, StorageError
from pypisync.storage import disk
from pypisync.upstream.projects import _check
from pypisync.upstream.session import Reply
from tests.cli.running import configure, invoke
from tests.sim.server import Server
from tests.sim.world import World


def test_what_is_said_to_be_fetched_is_what_came(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0", requires=["b"])
    world.publish("b", "1.0")
    config = configure(tmp_path, server.url)
    first = invoke(config, "sync", "--json").json
    assert first["files"] == len(server.log.paths("file")) == 2
    assert first["bytes"] >= sum(p.stat().st_size for p in tmp_path.glob("data/packages/**/*.whl"))
    for path in tmp_path.glob("data.sqlite*"):
        path.unlink()
    again = invoke(config, "sync", "--json").json
    assert (again["files"], again["bytes"]) == (0, 0)


@pytest.mark.parametrize(
    "address",
    [
        "https://h/api/pypi/pypi",
        "https://h/repository/pypi",
        "https://h/artifactory/api/pypi/simple",
    ],
)
def test_a_repository_may_be_called_so(address: str) -> None:
    assert index_address(address + "/") == address


@pytest.mark.parametrize("address", ["https://pypi.org/simple", "https://pypi.org/pypi/"])
def test_a_part_of_an_index_is_none(address: str) -> None:
    with pytest.raises(ValueError, match="whole index"):
        index_address(address)


def test_a_number_that_there_is_none_of_is_not_told_as_0(
    tmp_path: Path, world: World, server: Server
) -> None:
    """An index that is polled has no serials, and a cycle without news publishes nothing."""
    world.publish("a", "1.0")
    asked = {"feed": "polling", "pace": 0, "retries": 0}
    config = configure(tmp_path, server.url, upstream=asked)
    for number in (1, 0):
        done = invoke(config, "sync", "--log-json")
        line = json.loads(done.err.splitlines()[-1])
        assert "serial" not in line
        assert line.get("generation", 0) == number
        assert ("generation" in line) == bool(number)
    said = [invoke(config, command).out for command in ("status", "generations")]
    assert [text for text in said if "serial 0" in text] == []
    assert said[-1].splitlines()[-1].split("\t")[2] == "-"


def test_releases_that_were_read_are_called_so(
    tmp_path: Path, world: World, server: Server
) -> None:
    """What is read is not all that the pages list: here the file of ``b`` cannot be had."""
    world.publish("a", "1.0", requires=["b"])
    world.publish("b", "1.0")
    world.faults.fail("/packages/*/b-1.0-*.whl", 404)
    config = configure(tmp_path, server.url)
    report = invoke(config, "sync", "--json").json
    listed = invoke(config, "status", "--json").json["listed"]
    assert (report["projects_read"], listed["projects"]) == (2, 0)
    assert (report["releases_read"], listed["releases"]) == (2, 0)
    assert not report.keys() & {"projects", "releases"}


def test_postgres_is_told_from_postgresql(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="postgresql://"):
        load(configure(tmp_path, database="postgres://me@host/mirror"), {})


def test_a_folder_that_cannot_be_made() -> None:
    with pytest.raises(StorageError, match="choose another folder"):
        disk.make_folder(Path("/proc/nothing/mirror"))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"destination_folder": "file"},
            "{0}/file: something else stands where a folder is wanted",
        ),
        (
            {"destination_folder": "file/in/it"},
            "{0}/file: something else stands where a folder is wanted",
        ),
        ({"destination_folder": "/proc/data"}, "/proc/data: cannot be made in /proc"),
        ({"database": "sqlite:///file/a.sqlite"}, "{0}/file is no folder: make it"),
        ({"database": "sqlite:///none/a.sqlite"}, "{0}/none is no folder: make it"),
    ],
)
def test_check_tells_of_a_folder_that_cannot_be(
    tmp_path: Path, keys: dict[str, str], said: str
) -> None:
    (tmp_path / "file").touch()
    config = configure(tmp_path, **keys)
    before = sorted(tmp_path.rglob("*"))
    for arguments in (["check"], ["check", "--json"]):
        done = invoke(config, *arguments)
        assert done.code == 4
        assert done.out
        assert done.err.startswith(said.format(tmp_path))
    assert sorted(tmp_path.rglob("*")) == before
    done = invoke(config, "sync")
    assert done.code == 4
    assert ".lock" not in done.err
    assert said.partition(":")[0].format(tmp_path) in done.err


def test_check_tells_of_a_folder_that_this_user_may_not_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    config = configure(tmp_path)
    assert invoke(config, "check").code == 0
    monkeypatch.setattr("tempfile.mkdtemp", refuse)  # root may write everywhere
    done = invoke(config, "check")
    assert done.code == 4
    assert f"{tmp_path}/data: the user that runs this may not write here" in done.err
    (tmp_path / "data").mkdir()
    monkeypatch.setattr("os.access", lambda _, mode, **__: not mode & os.W_OK)
    assert invoke(config, "check").code == 4


def test_an_index_that_wants_credentials_says_so() -> None:
    with pytest.raises(Refused, match="its credentials"):
        _check(Reply(401, "http://index.example/simple/a/", {}, b""))


def test_lines_and_counts() -> None:
    assert clean('FATAL: role "x"\n  does not exist\n') == 'FATAL: role "x" does not exist'
    assert clean("a\x1b[2Jb") == "a?[2Jb"
    assert (counted(1, "file"), counted(1200, "dependency")) == ("1 file", "1,200 dependencies")


def test_old_eggs_need_nothing_to_be_done(tmp_path: Path, world: World, server: Server) -> None:
    world.publish("a", "1.0")
    world.add_file("a", "1.0", "a-1.0.exe")
    config = configure(tmp_path, server.url)
    invoke(config, "sync")
    assert "nothing is to be done" in invoke(config, "status").out


def test_check_warns_of_a_database_that_a_web_server_would_serve(tmp_path: Path) -> None:
    assert "a web server" not in invoke(configure(tmp_path), "check").out
    (tmp_path / "data").mkdir()
    (tmp_path / "data/pypisync.sqlite").touch()  # of an earlier version
    warned = invoke(configure(tmp_path), "check").out
    assert "a web server that serves the whole folder serves pypisync.sqlite as well" in warned
    outside = configure(tmp_path, database="sqlite:///pypisync.sqlite")
    assert "a web server" not in invoke(outside, "check").out
