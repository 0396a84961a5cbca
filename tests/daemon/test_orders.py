"""Orders beside a daemon: it carries them out, and tells the outcome to whoever gave them."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from pypisync.cli import ordering
from pypisync.cycle import rollback, work
from pypisync.daemon.service import Daemon
from pypisync.errors import StorageError
from pypisync.storage import orders
from pypisync.storage.orders import Outcome
from tests.cli.running import command, configure, environ, fork, invoke
from tests.daemon.process import Forked, until
from tests.recipe.mirrors import Bench, read_tree
from tests.sim.memory import MemoryUpstream
from tests.sim.server import Server
from tests.sim.world import World


@pytest.fixture
def config(tmp_path: Path, world: World, server: Server) -> Path:
    """A mirror in its second state; of the first one a file is left that nobody needs."""
    world.publish("a", "1.0")
    path = configure(tmp_path, server.url, packages={"a": ["latest"]}, grace="1 h", retention="1 h")
    assert fork(path, "sync").code == 0
    world.publish("a", "2.0")
    assert fork(path, "sync").code == 0
    return path


def wheel(config: Path, version: str) -> Path:
    (found,) = config.parent.glob(f"data/packages/*/*/*/a-{version}-*.whl")
    return found


def begun(config: Path, *arguments: str) -> subprocess.Popen[str]:
    """A command that waits."""
    return subprocess.Popen(
        command(config, *arguments),
        cwd=config.parent,
        env=environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ordered(config: Path) -> Callable[[], bool]:
    return lambda: bool(orders.names(config.parent / "data"))


def test_a_daemon_repairs_prunes_and_syncs_and_tells(config: Path, world: World) -> None:
    with Forked(config) as daemon:
        daemon.wait_for("leading")
        wheel(config, "2.0").write_bytes(b"overwritten")
        done = fork(config, "verify", "--repair")
        assert (done.code, done.lines[0][1:]) == (0, ["size", done.lines[0][2], "repaired"])
        assert "the daemon (pid" in done.err
        assert fork(config, "verify").code == 0
        done = fork(config, "prune", "--json")
        assert (done.code, done.json["deleted"]) == (0, True)
        world.publish("a", "3.0")
        done = fork(config, "sync", "--now", "--wait")
        assert done.code == 0, done.err
        assert "generation 3" in done.out
        assert read_tree(config.parent / "data") == {"a": {"3.0"}}
        assert fork(config, "rollback", "1").code == 0
        # What the command says is so when it says so.
        assert read_tree(config.parent / "data") == {"a": {"1.0"}}
        assert fork(config, "tag", "1", "good").code == 0
        assert fork(config, "generations").lines[-1][3] == "good"
        daemon.terminate()


def test_a_cycle_ends_the_command_as_it_ends_itself(config: Path, world: World) -> None:
    with Forked(config) as daemon:
        daemon.wait_for("leading")
        world.publish("a", "3.0", requires=["b"])
        world.publish("b", "1.0")
        world.faults.fail("/packages/*/b-1.0-*.whl")
        done = fork(config, "sync", "--now", "--wait")
        assert done.code == 1
        assert "held: a==3.0" in done.err
        world.faults.fail("*")
        done = fork(config, "sync", "--now", "--wait")
        assert done.code == 3
        assert "127.0.0.1" in done.err
        daemon.terminate()


def test_it_obeys_an_order_that_is_older_than_itself(config: Path) -> None:
    data = config.parent / "data"
    wheel(config, "2.0").write_bytes(b"overwritten")
    given = work.repairing("old", rehash=True).give(data, "old")
    with Forked(config) as daemon:
        daemon.wait_for("leading")
        outcome = until(lambda: orders.heard(data, given))
        assert outcome.exit_code == 0
        assert [fault["repaired"] for fault in outcome.result["faults"]] == [True]
        daemon.terminate()


def test_whoever_waits_does_it_when_the_daemon_dies(config: Path) -> None:
    with Forked(config) as daemon:
        daemon.wait_for("leading")
        daemon.send(signal.SIGSTOP)
        wheel(config, "2.0").write_bytes(b"overwritten")
        waiting = begun(config, "verify", "--repair")
        until(ordered(config))
        daemon.kill()
        out, err = waiting.communicate(timeout=60)
        assert (waiting.returncode, out.rstrip().endswith("repaired")) == (0, True), err
    assert not orders.names(config.parent / "data")


def test_a_daemon_that_stood_by_takes_the_order_over(config: Path) -> None:
    with Forked(config) as daemon:
        daemon.wait_for("leading")
        with Forked(config, "second") as second:
            second.wait_for("standing_by")
            daemon.send(signal.SIGSTOP)
            waiting = begun(config, "sync", "--now", "--wait")
            until(ordered(config))
            daemon.kill()
            out, err = waiting.communicate(timeout=60)
            assert waiting.returncode == 0, err
            assert out.startswith("serial ")
            second.terminate()


def test_ctrl_c_leaves_the_order(config: Path) -> None:
    with Forked(config) as daemon:
        daemon.wait_for("leading")
        daemon.send(signal.SIGSTOP)
        waiting = begun(config, "rollback", "1")
        assert waiting.stderr is not None
        assert "waiting" in waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        _, err = waiting.communicate(timeout=60)
        assert waiting.returncode == 130
        assert "the order stays" in err
        daemon.send(signal.SIGCONT)
        until(lambda: read_tree(config.parent / "data") == {"a": {"1.0"}})
        daemon.terminate()


def test_the_later_of_two_orders_counts_and_the_other_is_told(tmp_path: Path) -> None:
    first = rollback.to_generation(1).give(tmp_path, "first")
    second = rollback.to_generation(2).give(tmp_path, "second")
    told = orders.heard(tmp_path, first)
    assert told == Outcome(1, ["a later order took the place of this one"])
    assert orders.given(tmp_path) == [second]
    assert orders.heard(tmp_path, second) is None
    orders.tell(tmp_path, [second], Outcome(0, ["done"]))
    assert orders.heard(tmp_path, second) == Outcome(0, ["done"])
    assert orders.given(tmp_path) == []


class Asked:
    """An agenda and its jobs: how often a cycle was brought forward."""

    mirror = SimpleNamespace(now=lambda: 0.0)
    cycles = 0

    def bring_forward(self, name: str, now: float) -> None:
        assert (name, now) == ("sync", 0.0)
        self.cycles += 1


@pytest.mark.parametrize("text", ["2", "1"])
def test_an_order_is_heard_whose_forerunner_was_carried_out_between_two_looks(
    tmp_path: Path, text: str
) -> None:
    config: Any = SimpleNamespace(destination=tmp_path)
    nothing: Any = SimpleNamespace(info=lambda *_, **__: None)
    daemon = Daemon(config, nothing, nothing, nothing, nothing, web=nothing)
    asked: Any = Asked()
    for cycles in (1, 2, 3):
        given = orders.give(tmp_path, "index", text if cycles > 1 else "1")
        path = tmp_path / ".orders" / "index"
        os.utime(path, ns=(cycles, cycles))
        for _ in range(2):
            daemon._heed(asked, asked)
            assert asked.cycles == cycles
        orders.tell(tmp_path, [given], Outcome())
        if cycles == 2:
            daemon._heed(asked, asked)  # a look at which none waits


def test_the_same_order_given_again_still_waits(tmp_path: Path) -> None:
    """Nobody looks for the outcome of either, so both are the same file."""
    for _ in range(3):
        order = orders.give(tmp_path, "index", "follow")
        assert orders.given(tmp_path) == [order]


def test_a_fault_of_ours_is_told_as_well(
    tmp_path: Path, memory: MemoryUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for ever."""

    def broken(*_: object) -> NoReturn:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(work, "prune", broken)
    bench = Bench(tmp_path, memory, {"a": ["latest"]})
    mirror = bench.mirror(bench.catalog())
    given = [work.pruning(slip).give(tmp_path, slip) for slip in ("1", "2")]
    given.append(work.cycle("3").give(tmp_path, "3"))
    with pytest.raises(RuntimeError):
        work.do_ordered(mirror)
    with pytest.raises(RuntimeError), work.cycle_told(mirror):
        broken()
    for order in given:
        told = orders.heard(tmp_path, order)
        assert told is not None
        assert told.exit_code == 1
        assert "please report it: RuntimeError: unforeseen" in told.said[0]


def test_what_was_lifted_for_a_cycle_that_never_came_is_taken_back(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = config.parent / "data"

    def ended(*_: object) -> NoReturn:
        assert orders.names(data) == {"limits", "removals"}
        raise StorageError("the daemon has ended, and no other has taken over")

    monkeypatch.setattr(ordering, "cycle", ended)
    with Forked(config) as daemon:
        daemon.wait_for("leading")
        daemon.send(signal.SIGSTOP)  # it carries out nothing
        done = invoke(config, "sync", "--now", "--wait", "--no-limits", "--accept-removals")
        assert done.code == 4
        assert not orders.names(data)


def test_two_orders_for_work_are_both_told(tmp_path: Path) -> None:
    given = [work.pruning(slip).give(tmp_path, slip) for slip in ("1", "2")]
    assert orders.given(tmp_path) == given


def test_an_outcome_that_cannot_be_written_ends_the_wait(tmp_path: Path) -> None:
    given = work.pruning("1").give(tmp_path, "1")
    orders.withdraw(tmp_path, given)
    told = orders.heard(tmp_path, given)
    assert told is not None
    assert told.exit_code == 1
    assert "could not be told" in told.said[0]


def test_outcomes_that_nobody_came_for_go_after_a_day(tmp_path: Path) -> None:
    left = work.pruning("1").give(tmp_path, "1")
    orders.tell(tmp_path, [left], Outcome())
    (path,) = tmp_path.glob(".orders/.outcome-*")
    os.utime(path, (time.time() - 90_000,) * 2)
    orders.tell(tmp_path, [work.pruning("2").give(tmp_path, "2")], Outcome())
    assert [one.name for one in tmp_path.glob(".orders/.outcome-*")] == [".outcome-2"]


def test_wait_needs_now(config: Path) -> None:
    done = fork(config, "sync", "--wait")
    assert (done.code, "--now" in done.err) == (2, True)
