"""What ``status`` is for monitoring: stale, another configuration, a disk; and what follows it."""

import sqlite3
from pathlib import Path

from pypisync.storage import orders
from pypisync.storage.lock import writer_lock
from tests.cli.running import configure, invoke
from tests.sim.server import Server
from tests.sim.world import World


def test_it_fails_when_the_last_cycle_is_too_old(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    config = configure(tmp_path, server.url)
    assert invoke(config, "sync").code == 0
    fresh = invoke(config, "status", "--json")
    assert (fresh.code, fresh.json["well"], fresh.json["unready"]) == (0, True, [])
    connection = sqlite3.connect(tmp_path / "data.sqlite", isolation_level=None)
    connection.execute("UPDATE runs SET started = started - 864000, finished = finished - 864000")
    connection.close()
    stale = invoke(config, "status")
    assert stale.code == 1
    [reason] = [line[1] for line in stale.lines if line[0] == "not ready"]
    assert reason.startswith("the last completed cycle ended 8640")
    assert invoke(config, "status", "--json").json["well"] is False


def test_a_run_goes_on_while_a_daemon_is_there(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    config = configure(tmp_path, server.url)
    assert invoke(config, "sync").code == 0
    connection = sqlite3.connect(tmp_path / "data.sqlite", isolation_level=None)
    connection.execute("UPDATE runs SET finished = NULL, outcome = 'running'")
    connection.close()
    assert "or it was killed" in invoke(config, "status").out
    with writer_lock(tmp_path / "data", daemon=True):
        shown = dict(line for line in invoke(config, "status").lines if len(line) == 2)
    assert shown["last run"].startswith("running, ")
    assert "killed" not in shown["last run"]


def test_it_shows_version_and_free_disk(tmp_path: Path, world: World, server: Server) -> None:
    world.publish("a", "1.0")
    config = configure(tmp_path, server.url)
    assert invoke(config, "sync").code == 0
    shown = dict(line for line in invoke(config, "status").lines if len(line) == 2)
    assert shown["version"][0].isdigit()
    assert shown["free"].endswith("iB")
    found = invoke(config, "status", "--json").json
    assert found["free_bytes"] > 0
    assert found["version"] == shown["version"]


def test_a_configuration_that_is_not_in_use_yet(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    world.publish("b", "1.0")
    config = configure(tmp_path, server.url)
    assert invoke(config, "sync").code == 0
    assert invoke(config, "status", "--json").json["configuration_in_use"] is True
    configure(tmp_path, server.url, packages={"a": ["latest"], "b": ["latest"]})
    assert "the next cycle uses it" in invoke(config, "status").out
    assert invoke(config, "status", "--json").json["configuration_in_use"] is False
    assert invoke(config, "sync").code == 0
    assert "changed" not in invoke(config, "status").out
    # As a standby's configuration has it, which never makes a cycle of its own.
    both = {"a": ["latest"], "b": ["latest"]}
    configure(tmp_path, server.url, packages=both, listen="localhost:1", status_pages=False)
    assert "changed" not in invoke(config, "status").out


def test_a_requirements_file_that_changed_is_another_configuration(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    asked = tmp_path / "requirements.txt"
    asked.write_text("a\n")
    config = configure(tmp_path, server.url, requirements=["requirements.txt"])
    assert invoke(config, "sync").code == 0
    asked.write_text("a>=1\n")
    assert invoke(config, "status", "--json").json["configuration_in_use"] is False


def test_a_configuration_that_the_daemon_refuses(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    config = configure(tmp_path, server.url)
    assert invoke(config, "sync").code == 0
    orders.refuse(tmp_path / "data", "pypisync.json5:3:1: no such key")
    refused = invoke(config, "status")
    assert refused.code == 1
    assert "no such key" in refused.out
    orders.refuse(tmp_path / "data", "")
    assert invoke(config, "status").code == 0


def test_before_the_first_cycle_nothing_is_shown_that_is_not_known(tmp_path: Path) -> None:
    config = configure(tmp_path, packages={"a": ["latest"]})
    assert invoke(config, "db", "upgrade").code == 0
    done = invoke(config, "status")
    assert done.code == 1
    assert ["last run", "none yet"] in done.lines
    assert [line for line in done.lines if len(line) != 2 or not all(line)] == []


def test_what_failed_is_named_once(tmp_path: Path, world: World, server: Server) -> None:
    """By whoever shows the reason: a reason that began with the name as well said it twice."""
    for name in ("refused", "poorer"):
        world.publish(name, "1.0")
    packages = {"refused": ["latest"], "poorer": ["latest"]}
    config = configure(tmp_path, server.url, packages=packages)
    assert invoke(config, "sync").code == 0
    world.publish("refused", "1.1")
    world.publish("poorer", "1.1")
    world.faults.fail("/simple/refused/", 403)
    world.faults.fail("/simple/poorer/", 406)  # so the JSON API is asked, which knows less
    assert invoke(config, "sync").code == 1
    failed = dict(
        line[1].split(": ", 1) for line in invoke(config, "status").lines if line[0] == "failed"
    )
    assert failed.keys() == {"refused", "poorer"}
    assert failed["refused"].startswith(f"{server.url}/simple/refused/ answers HTTP 403")
    assert failed["poorer"].startswith("upstream answers with the legacy JSON API alone")
