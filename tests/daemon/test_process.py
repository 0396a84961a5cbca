"""A real process: started, told things by signals, stopped, and what it says of itself."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
import requests

import tests.sim.server
from pypisync.catalog.db.reader import Reader
from pypisync.config.load import load
from pypisync.errors import StorageError
from pypisync.storage.lock import writer_lock
from tests.acceptance.fronts import free_port
from tests.cli.running import configure, fork, invoke
from tests.daemon.process import Forked, Running, until
from tests.recipe.mirrors import read_tree, tree_bytes
from tests.sim.server import Server
from tests.sim.world import World

# Nobody can use these; none of them takes the place of what is in use.
UNUSABLE = (
    ("destination_folder", "pypisync.json5/x", "pypisync.json5: something else stands"),
    ("database", "sqlite:///no/such/folder/x.sqlite", "unable to open database file"),
    ("listen", "no.such.host.invalid:80", "cannot be served at"),
)


def rows(config: Path, sql: str) -> list[Any]:
    with Reader(load(config, {}).database_url) as reader:
        return list(reader.rows(sql))


def counts(config: Path) -> dict[str, int]:
    """How many rows each table has, but for the record of runs."""
    names = rows(config, "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'runs'")
    return {name: rows(config, f"SELECT count(*) FROM {name}")[0][0] for (name,) in names}


def test_a_day_in_the_life(tmp_path: Path, world: World, server: Server) -> None:
    """One process, as starting one is dear: ready, asked, reloaded, refused, stopped."""
    world.publish("a", "1.0", requires=["b"])
    world.publish("b", "1.0")
    world.publish("z", "1.0")
    config = configure(tmp_path, server.url, packages={"a": ["latest"]})
    data = tmp_path / "data"
    with Running(config) as daemon:
        daemon.wait_told("READY=1")
        daemon.wait_for("run")
        assert read_tree(data) == {"a": {"1.0"}, "b": {"1.0"}}
        # Nothing changed: one request, nothing written but the run's record.
        server.log.clear()
        before, stamps = counts(config), {p: p.stat().st_mtime_ns for p in data.rglob("*.html")}
        said = fork(config, "sync", "--now")
        assert (said.code, said.out) == (
            0,
            f"asked the daemon (pid {daemon.process.pid}) for a cycle\n",
        )
        line = daemon.wait_for("run", 2)
        assert line["outcome"] == "done"
        assert server.log.counts() == {"xmlrpc": 1}
        assert counts(config) == before
        assert {p: p.stat().st_mtime_ns for p in data.rglob("*.html")} == stamps
        assert line["seconds"] < 1
        # A bad configuration is refused with its reason, and the old one stays.
        configure(tmp_path, server.url, packages={"a": ["latest"], "z": ["newest"]})
        daemon.send(signal.SIGHUP)
        assert "packages.z[0]" in daemon.wait_for("refused")["reason"]
        for number, (key, value, said_of_it) in enumerate(UNUSABLE, 2):
            configure(tmp_path, server.url, packages={"a": ["latest"]}, **{key: value})
            daemon.send(signal.SIGHUP)
            assert said_of_it in daemon.wait_for("refused", number)["reason"]
        assert (
            invoke(config, "status", "--json").json["refused"][1]
            == daemon.wait_for("refused", len(UNUSABLE) + 1)["reason"]
        )
        # A good one is used by a cycle at once, and only what it touches is asked for.
        configure(tmp_path, server.url, packages={"a": ["latest"], "z": ["latest"]})
        server.log.clear()
        world.publish("b", "2.0")
        daemon.send(signal.SIGHUP)
        daemon.wait_for("run", 3)
        assert read_tree(data) == {"a": {"1.0"}, "b": {"2.0"}, "z": {"1.0"}}
        assert sorted(server.log.paths("simple")) == ["/simple/b/", "/simple/z/"]
        # It says how it is, and so does "status"; another sync is told who is at work.
        daemon.wait_told(f"STATUS=serial {world.serial}, next sync ")
        status = invoke(config, "status", "--json").json
        assert status["daemon"] == daemon.process.pid
        assert (
            3000 < status["next_run"] - rows(config, "SELECT max(started) FROM runs")[0][0] < 4200
        )
        assert (status["lag_serials"], status["read_serial"]) == (0, world.serial)
        refused = invoke(config, "sync")
        assert refused.code == 4
        assert f"the daemon (pid {daemon.process.pid})" in refused.err
        code, seconds = daemon.terminate()
        assert code == 0
        assert seconds < 5
        daemon.wait_told("STOPPING=1")
    status = invoke(config, "status", "--json").json
    assert (status["daemon"], status["next_run"]) == (None, None)
    assert ["daemon", "none is running"] in invoke(config, "status").lines
    with pytest.raises(StorageError, match="no daemon is running"):
        raise StorageError(invoke(config, "sync", "--now").err)


def test_another_folder_and_address_are_taken_up_without_a_restart(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    ports = free_port(), free_port()
    roots = {"a": ["latest"]}
    config = configure(tmp_path, server.url, packages=roots, listen=f"127.0.0.1:{ports[0]}")
    with Forked(config) as daemon:
        daemon.wait_for("run")
        assert page(ports[0]) == 200
        listen = f"127.0.0.1:{ports[1]}"
        configure(tmp_path, server.url, packages=roots, listen=listen, destination_folder="new")
        daemon.send(signal.SIGHUP)
        assert daemon.wait_for("serving", 2)["address"] == f"http://{listen}"
        daemon.wait_for("leading", 2)
        daemon.wait_for("run", 2)
        assert read_tree(tmp_path / "new") == {"a": {"1.0"}}
        assert page(ports[1]) == 200
        with pytest.raises(requests.ConnectionError):
            page(ports[0])
        with writer_lock(tmp_path / "data"):  # nobody has it any more
            pass
        # Another database beside the same folder; and no serving any more.
        configure(
            tmp_path, server.url, packages=roots,
            destination_folder="new", database="sqlite:///other.sqlite",
        )  # fmt: skip
        daemon.send(signal.SIGHUP)
        daemon.wait_for("run", 3)
        assert rows(config, "SELECT outcome FROM runs") == [("done",)]
        with pytest.raises(requests.ConnectionError):
            page(ports[1])
        assert daemon.terminate()[0] == 0


def test_a_changed_requirements_file_is_read_anew(
    tmp_path: Path, world: World, server: Server
) -> None:
    for name in "ab":
        world.publish(name, "1.0")
        world.publish(name, "2.0")
    team = tmp_path / "team.txt"
    team.write_text("a<2\n")
    config = configure(tmp_path, server.url, requirements=["team.txt"])
    with Forked(config) as daemon:
        daemon.wait_for("run")
        assert read_tree(tmp_path / "data") == {"a": {"1.0"}}
        team.write_text("a\nb==1.0\n")
        daemon.send(signal.SIGUSR1)  # a cycle alone keeps to what was read
        daemon.wait_for("run", 2)
        assert read_tree(tmp_path / "data") == {"a": {"1.0"}}
        daemon.send(signal.SIGHUP)
        daemon.wait_for("run", 3)
        assert read_tree(tmp_path / "data") == {"a": {"2.0"}, "b": {"1.0"}}
        team.write_text("a ==\n")
        daemon.send(signal.SIGHUP)
        assert "team.txt" in daemon.wait_for("refused")["reason"]


def page(port: int) -> int:
    """How the index is answered."""
    return requests.get(f"http://127.0.0.1:{port}/simple/", timeout=20).status_code


def test_a_restart_does_not_sync_again_but_keeps_what_is_due(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    config = configure(tmp_path, server.url, packages={"a": ["latest"]})
    assert fork(config, "sync").code == 0
    server.log.clear()
    with Forked(config) as daemon:
        due = daemon.wait_for("leading")["next"]
        daemon.wait_told("STATUS=serial")
        assert invoke(config, "status").lines[1][1].endswith(due)
        daemon.terminate()
    assert server.requests() == 0


def test_a_restart_with_another_configuration_starts_a_cycle(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    world.publish("z", "1.0")
    config = configure(tmp_path, server.url, packages={"a": ["latest"]}, schedule="1 day")
    assert fork(config, "sync").code == 0
    both = {"a": ["latest"], "z": ["latest"]}
    configure(tmp_path, server.url, packages=both, schedule="1 day")
    with Forked(config) as daemon:
        daemon.wait_for("run")
        assert read_tree(tmp_path / "data") == {"a": {"1.0"}, "z": {"1.0"}}
        daemon.terminate()


def test_it_stops_in_the_middle_of_a_large_file(
    tmp_path: Path, world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file would take hours; what has come stays, and the next life goes on from there."""
    size = 20_000_000
    world.publish("a", "1.0", size_padding=size)
    config = configure(tmp_path, server.url, packages={"a": ["latest"]})
    partial = tmp_path / "data" / ".partial"
    monkeypatch.setattr(tests.sim.server._Connection, "_send", _dribble)
    with Forked(config) as daemon:
        until(lambda: any(size_of(p) > 100_000 for p in partial.glob("*part")), "the first bytes")
        code, seconds = daemon.terminate()
        assert code == 0
        assert seconds < 5
        ended = daemon.events("run")[-1]
        assert (ended["outcome"], ended["level"]) == ("stopped", "info")  # it was told to
    monkeypatch.undo()
    assert rows(config, "SELECT outcome FROM runs") == [("stopped",)]
    [part] = partial.glob("*part")
    kept = part.stat().st_size
    assert 0 < kept < size
    with Forked(config) as daemon:
        assert daemon.wait_for("run")["outcome"] == "done"
        ranges = [e.headers["range"] for e in server.log.entries if "range" in e.headers]
        assert f"bytes={kept}-" in ranges
        assert read_tree(tmp_path / "data") == {"a": {"1.0"}}


def size_of(path: Path) -> int:
    """Bytes; 0 if it has just gone."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _dribble(connection: Any, asked: Any, answer: Any) -> None:
    """Send an answer; a large one at 200 kB a second."""
    transport, loop = connection._transport, asyncio.get_running_loop()

    def more(start: int) -> None:
        if start < len(answer.body) and not transport.is_closing():
            transport.write(answer.body[start : start + 10_000])
            loop.call_later(0.05, more, start + 10_000)

    transport.write(tests.sim.server._head(answer))
    if len(answer.body) < 1_000_000:
        transport.write(answer.body)
    else:
        more(0)


def test_it_stops_although_upstream_is_silent(tmp_path: Path, world: World, server: Server) -> None:
    """The request has a minute to be answered; the process does not wait for that."""
    world.publish("a", "1.0")
    world.faults.fail("/simple/a/", "hang")
    config = configure(
        tmp_path, server.url, packages={"a": ["latest"]}, upstream={"timeout": 60, "pace": 0}
    )
    with Forked(config) as daemon:
        until(lambda: server.requests("simple"), "the request")
        code, seconds = daemon.terminate()
        assert code == 0
        assert seconds < 15
    world.heal()
    with Forked(config) as daemon:
        assert daemon.wait_for("run")["outcome"] == "done"


def test_no_secret_is_logged(tmp_path: Path, world: World, server: Server) -> None:
    world.publish("a", "1.0")
    world.faults.fail("/simple/a/", 503)
    world.faults.fail("/pypi/a/json", 503)
    secret = server.url.replace("http://", "http://user:hunter2@")
    config = configure(tmp_path, secret, packages={"a": ["latest"]})
    with Forked(config) as daemon:
        daemon.wait_for("run")
        configure(
            tmp_path, secret, packages={"a": ["latest"]}, databse="postgresql://u:hunter2@h/d"
        )
        daemon.send(signal.SIGHUP)
        daemon.wait_for("refused")
        daemon.wait_told("STATUS=serial")
        daemon.terminate()
        assert not any("hunter2" in text for text in daemon.told)
    logged = (tmp_path / "daemon.log").read_text()
    assert "hunter2" not in logged
    failed = [line for line in map(json.loads, logged.splitlines()) if line["event"] == "failed"]
    assert [(line["what"], line["run"]) for line in failed] == [("a", 1)]  # once


def test_the_watchdog_is_fed(tmp_path: Path, world: World, server: Server) -> None:
    world.publish("a", "1.0")
    config = configure(tmp_path, server.url, packages={"a": ["latest"]})
    with Forked(config, WATCHDOG_USEC="2000000") as daemon:
        for _ in range(3):
            daemon.told.clear()
            daemon.wait_told("WATCHDOG=1")


def test_what_cannot_work_ends_at_once(tmp_path: Path) -> None:
    config = configure(tmp_path, packages={"a": ["soonest"]})
    assert fork(config, "run").code == 2
    config = configure(tmp_path, packages={"a": ["latest"]})
    (tmp_path / "data").write_text("")
    done = fork(config, "run")
    assert done.code == 4
    assert "Traceback" not in done.err


def test_a_second_daemon_stands_by_on_one_machine(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    config = configure(tmp_path, server.url, packages={"a": ["latest"]})
    with Forked(config) as first:
        first.wait_for("run")
        with Forked(config, "second") as second:
            second.wait_told("READY=1")
            second.wait_told(f"STATUS=standing by: the daemon (pid {first.process.pid})")
            first.kill()
            second.wait_for("leading")
            assert tree_bytes(tmp_path / "data")
            assert second.terminate()[0] == 0
