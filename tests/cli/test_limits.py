"""What ``plan`` and ``sync`` say of the limits, and how an operator passes them."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from pypisync.cycle import sync
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.report import Report
from pypisync.cycle.resume import resume
from pypisync.errors import Stopped
from tests.cli.running import LINUX, configure, invoke
from tests.recipe.mirrors import read_tree
from tests.sim.server import Server
from tests.sim.world import World

NOTE = "environment.extra is left out"


def test_above_the_limits(tmp_path: Path, world: World, server: Server) -> None:
    world.publish("a", "1.0", requires=["b", "c"])
    world.publish("b", "1.0")
    world.publish("c", "1.0", size_padding=5000)
    asked = {"packages": {"a": ["latest"]}, "limits": {"projects": 2, "bytes": "4 KiB"}}
    config = configure(tmp_path, server.url, **asked)
    planned = invoke(config, "plan")
    assert planned.code == 1
    assert ["limits.projects", "1", "2"] in planned.lines  # the others are not read
    [reason] = [line[2] for line in planned.lines if line[:2] == ["failed", "limits"]]
    assert reason.startswith("at least 3 projects and ")
    assert "a: 1 project, " in reason
    assert next(line for line in planned.lines if line[0] == "note")[1].startswith(NOTE)
    assert invoke(config, "plan", "--json").json["notes"][0].startswith(NOTE)

    done = invoke(config, "sync", "--json", "--log-json")
    assert done.code == 1
    assert done.json["failed"]["limits"].startswith("at least 3 projects")
    logged = [json.loads(line) for line in done.err.splitlines()]
    assert any(line["event"] == "warning" and NOTE in line["reason"] for line in logged)
    assert [line["what"] for line in logged if line["event"] == "failed"] == ["limits"]
    assert read_tree(tmp_path / "data") == {}
    status = invoke(config, "status")
    assert status.code == 1
    assert "limits allow 2 projects and 4 KiB a cycle" in status.out

    assert invoke(config, "sync", "--no-limits").code == 0
    assert read_tree(tmp_path / "data").keys() == {"a", "b", "c"}


def test_within_the_limits(tmp_path: Path, world: World, server: Server) -> None:
    world.publish("a", "1.0")
    environment = LINUX | {"extra": []}
    config = configure(tmp_path, server.url, packages={"a": ["latest"]}, environment=environment)
    planned = invoke(config, "plan")
    assert ["limits.projects", "1", "2,000"] in planned.lines
    assert ["limits.bytes", planned.lines[0][3], "100 GiB"] in planned.lines
    assert "note" not in planned.out
    limits = {"projects": None, "bytes": None}
    config = configure(tmp_path, server.url, packages={"a": ["latest"]}, limits=limits)
    assert ["limits.projects", "1", "any"] in invoke(config, "plan").lines
    assert invoke(config, "sync").code == 0


@pytest.mark.parametrize("obeyed", [True, False])
def test_who_stops_a_cycle_takes_back_what_was_lifted(
    tmp_path: Path, world: World, server: Server, monkeypatch: pytest.MonkeyPatch, *, obeyed: bool
) -> None:
    world.publish("a", "1.0", requires=["b"])
    world.publish("b", "1.0")
    asked = {"packages": {"a": ["latest"]}, "limits": {"projects": 1}}
    config = configure(tmp_path, server.url, **asked)

    def stopped(mirror: Mirror) -> Report:
        resume(mirror, Report(), begins=obeyed)
        os.kill(os.getpid(), signal.SIGINT)
        raise Stopped("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(sync, "sync_once", stopped)
        assert invoke(config, "sync", "--no-limits", "--accept-removals").code == 130
    done = invoke(config, "sync", "--json")
    assert done.code == 1
    assert done.json["failed"].keys() == {"limits"}


def test_a_plan_tells_what_stays_although_nothing_asks_for_it(
    tmp_path: Path, world: World, server: Server
) -> None:
    names = "abcdefg"
    for name in names:
        world.publish(name, "1.0")
    config = configure(tmp_path, server.url, packages={name: ["latest"] for name in names})
    assert invoke(config, "sync").code == 0
    assert invoke(config, "plan").code == 0
    configure(tmp_path, server.url, packages={"a": ["latest"]})
    for _ in range(2):  # also when a sync has kept it before
        planned, done = invoke(config, "plan", "--json"), invoke(config, "sync", "--json")
        assert (planned.code, done.code) == (1, 1)
        assert planned.json["failed"] == done.json["failed"]
        assert planned.json["failed"]["removals"].startswith(
            "the configuration asks for 6 of the 7"
        )
    configure(tmp_path, server.url, packages={name: ["latest"] for name in "abcd"})
    assert invoke(config, "plan").code == 0


def test_what_is_lost_is_fetched_again_whatever_the_limits(
    tmp_path: Path, world: World, server: Server
) -> None:
    """A repair adds nothing; and what a guard has stopped does not come along with it."""
    for name in "ab":
        world.publish(name, "1.0", size_padding=9000)
    limits = {"bytes": "12 KiB"}
    packages = {"a": ["latest"], "b": ["latest"]}
    config = configure(tmp_path, server.url, packages=packages, limits=limits)
    assert invoke(config, "sync", "--no-limits").code == 0
    world.publish("c", "1.0", size_padding=20000)
    configure(tmp_path, server.url, packages={**packages, "c": ["latest"]}, limits=limits)
    assert invoke(config, "sync").code == 1
    shutil.rmtree(tmp_path / "data" / "packages")
    invoke(config, "verify", "--repair")
    assert read_tree(tmp_path / "data").keys() == {"a", "b"}
    assert invoke(config, "verify").code == 0
