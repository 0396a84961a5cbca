"""The main loop and its parts, with signals and clocks of the test's."""

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from signal import Signals
from threading import Event
from typing import Any

import pytest

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.publication import runs
from pypisync.cli.common import moment
from pypisync.config.load import Config, load
from pypisync.cycle.mirror import Mirror, Silent
from pypisync.cycle.report import Report
from pypisync.daemon.jobs import Jobs
from pypisync.daemon.notify import Notifier
from pypisync.daemon.service import Daemon
from pypisync.daemon.vitals import STUCK, Vitals
from pypisync.errors import Stopped
from pypisync.logs import Lines, logger
from pypisync.schedule import RETRY
from pypisync.web.workers import Workers
from pypisync.wiring import writing
from tests.cli.running import configure
from tests.recipe.mirrors import LINUX, read_tree
from tests.sim.server import Server
from tests.sim.world import World


class Script:
    """Signals that come when what they wait for has happened."""

    def __init__(self, *steps: tuple[Callable[[], bool], Signals]) -> None:
        self._steps = list(steps)

    def wait(self, seconds: float) -> Signals | None:
        if self._steps and self._steps[0][0]():
            return self._steps.pop(0)[1]
        return None


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_failed_cycle_is_logged_once_and_comes_again_soon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = load(configure(tmp_path, packages={"a": ["latest"]}, schedule="1 day"), {})
    seen: list[str] = []

    class Told(Notifier):
        def status(self, text: str) -> None:
            seen.append(text)

    def planned() -> bool:
        # Not before the cycle is over, and planned anew: until then it is due at once.
        if not config.destination.with_suffix(".sqlite").exists():
            return False
        with Reader(config.database_url) as reader:
            ends = [finished for (finished,) in reader.rows("SELECT finished FROM runs")]
        if not ends or ends[0] is None:
            return False
        soon = {moment(ends[0] + 600 + late) for late in range(-1, 60)}
        return any(text.partition("next sync ")[2] in soon for text in seen[-1:])

    queue = Script((planned, Signals.SIGTERM))
    log = logger(as_json=True)
    with Workers() as web:
        Daemon(config, lambda: config, queue, Told({}, lambda: 0.0), log, web=web).run()
    lines = logged(capsys)
    [failed] = [line for line in lines if line["event"] == "run"]
    assert (failed["outcome"], failed["level"], failed["run"]) == ("failed", "error", 1)
    assert "127.0.0.1:9" in failed["reason"]
    with Reader(config.database_url) as reader:
        [(finished,)] = reader.rows("SELECT finished FROM runs")
    again = [text for text in seen if "next sync" in text][-1].partition("next sync ")[2]
    # Ten minutes after the end; on a busy machine it is planned some moments later.
    assert again in {moment(finished + 600 + late) for late in range(-1, 60)}


def test_it_reloads_while_standing_by(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = configure(tmp_path, packages={"a": ["latest"]})
    config = load(path, {})
    steps = [(lambda: True, Signals.SIGHUP), (lambda: True, Signals.SIGTERM)]
    with writing(config, daemon=True), Workers() as web:
        log = logger(as_json=True)
        silent = Notifier({}, float)
        Daemon(config, lambda: load(path, {}), Script(*steps), silent, log, web=web).run()
    lines = logged(capsys)
    events = [line["event"] for line in lines]
    assert events == ["started", "standing_by", "reloaded", "stopping", "ended"]
    assert lines[1]["reason"] == f"the daemon (pid {os.getpid()}) keeps this mirror up to date"


def test_credentials_that_cannot_be_used_are_refused_at_a_reload(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = configure(
        tmp_path, packages={"a": ["latest"]}, upstream={"credentials_file": "credentials"}
    )
    file = tmp_path / "credentials"
    file.write_text("me:first")
    config = load(path, {})

    def spoilt() -> bool:
        file.write_text("no token")
        return True

    steps = [(spoilt, Signals.SIGHUP), (lambda: True, Signals.SIGTERM)]
    with writing(config, daemon=True), Workers() as web:
        log = logger(as_json=True)
        silent = Notifier({}, float)
        Daemon(config, lambda: load(path, {}), Script(*steps), silent, log, web=web).run()
    [refused] = [line for line in logged(capsys) if line["event"] == "refused"]
    assert str(file) in refused["reason"]
    assert "no token" not in refused["reason"]


def test_another_folder_waits_for_a_job_that_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = configure(tmp_path, packages={"a": ["latest"]})
    config = load(path, {})
    begun, released = Event(), Event()
    where: list[Path] = []

    def silent_cycle(mirror: Mirror) -> Report:
        where.append(mirror.pool.root)
        begun.set()
        released.wait(60)
        return Report()

    monkeypatch.setattr("pypisync.daemon.jobs.sync_once", silent_cycle)
    monkeypatch.setattr("pypisync.daemon.service._PATIENCE", 0.0)
    monkeypatch.setattr("pypisync.daemon.service._TICK", 0.01)
    ticks = iter(range(1_000_000))

    def moved() -> bool:
        if begun.is_set():
            configure(tmp_path, packages={"a": ["latest"]}, destination_folder="other")
        return begun.is_set()

    def some_ticks_later() -> bool:
        if next(ticks) > 50:  # it was waited for
            released.set()
        if len(where) > 1:  # that one is not silent: it may take its time to end
            monkeypatch.setattr("pypisync.daemon.service._PATIENCE", 60.0)
        return len(where) > 1

    queue = Script((moved, Signals.SIGHUP), (some_ticks_later, Signals.SIGTERM))
    abandoned: list[int] = []

    def load_again() -> Config:
        begun.clear()
        return load(path, {})

    with Workers() as web:
        log = logger(as_json=True)
        daemon = Daemon(
            config, load_again, queue, Notifier({}, float), log, web=web, abandon=abandoned.append
        )
        daemon.run()
    assert abandoned == []
    assert where == [tmp_path / "data", tmp_path / "other"]
    assert [line["event"] for line in logged(capsys)].count("leading") == 2


def test_the_watchdog_starves_only_when_nothing_moves() -> None:
    clock = 0.0
    vitals = Vitals(Silent(), lambda: clock)
    clock += 10 * STUCK
    assert vitals.well  # idle is not stuck
    vitals.begins("sync")
    clock += STUCK - 1
    assert vitals.well
    vitals.received(1)
    clock += STUCK - 1
    assert vitals.well
    vitals.stop()
    clock += STUCK
    assert not vitals.well
    vitals.step("projects", 10)
    vitals.advance(3)
    assert vitals.well
    assert vitals.shown() == "projects 3 of 10"
    vitals.tell_to_stop()
    assert vitals.stop()


class Bench:
    """Jobs on a mirror whose clock stands still unless it is moved."""

    def __init__(self, config: Config, stack: ExitStack, *, sync: bool = True) -> None:
        self.clock = 1_800_000_000.0
        log = logger(as_json=True)
        self.vitals = Vitals(Lines(log=log), lambda: 0.0)
        leadership = stack.enter_context(writing(config, daemon=True))
        self.jobs = Jobs(config, leadership, self.vitals, log, Lines(log=log))
        stack.callback(self.jobs.close)
        self.jobs.mirror.now = lambda: self.clock
        if sync:
            self.jobs.sync()


def test_rotated_credentials_are_used_from_the_reload_on(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    path = configure(
        tmp_path,
        server.url,
        packages={"a": ["latest"]},
        upstream={"credentials_file": "credentials", "pace": 0},
    )
    file = tmp_path / "credentials"

    def sent() -> set[str | None]:
        found = {entry.headers.get("authorization") for entry in server.log.entries}
        server.log.clear()
        return found

    file.write_text("first-token")
    with ExitStack() as stack:
        bench = Bench(load(path, {}), stack)
        assert sent() == {"Bearer first-token"}
        file.write_text("second-token")
        bench.jobs.configure(load(path, {}))  # as SIGHUP does
        bench.jobs.sync()
        assert sent() == {"Bearer second-token"}


def test_a_file_that_rots_is_found_and_fetched_again(
    tmp_path: Path, world: World, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abc":
        world.publish(name, "1.0", size_padding=10_000)
    config = load(configure(tmp_path, server.url, packages={n: ["latest"] for n in "abc"}), {})
    with ExitStack() as stack:
        bench = Bench(config, stack)
        [rotten] = config.destination.glob("packages/*/*/*/b-1.0*.whl")
        data = bytearray(rotten.read_bytes())
        data[-30] ^= 1
        rotten.write_bytes(data)
        capsys.readouterr()
        bench.jobs.rehash()  # all were read a moment ago
        assert logged(capsys) == []
        bench.clock += 31 * 86400.0
        for _ in range(6):  # three files and their metadata, one a slice
            bench.jobs.rehash()
        lines = logged(capsys)
        assert [line["path"] for line in lines if line["event"] == "damaged"] == [
            str(rotten.relative_to(config.destination))
        ]
        assert sum(line["count"] for line in lines if line["event"] == "rehash") == 6
        assert bench.jobs.damaged
        server.log.clear()
        bench.jobs.sync()
        assert [Path(path).name for path in server.log.paths("file")] == [rotten.name]
        assert set(read_tree(config.destination)) == set("abc")
        bench.jobs.rehash()
        assert not [line for line in logged(capsys) if line["event"] == "rehash"]
        bench.clock += 31 * 86400.0
        bench.vitals.tell_to_stop()
        with pytest.raises(Stopped):
            bench.jobs._step()


def test_what_no_journal_tells_is_swept_up(tmp_path: Path, world: World, server: Server) -> None:
    for name in "abc":
        world.publish(name, "1.0")
    config = load(configure(tmp_path, server.url, packages={n: ["latest"] for n in "abc"}), {})
    with ExitStack() as stack:
        bench = Bench(config, stack)
        world.archive("b", reason="done with it")
        server.log.clear()
        for _ in "abc":
            bench.clock += 3600
            bench.jobs.sweep()
            bench.jobs.sync()
        # Each project once, one an hour, and what had not changed was not sent.
        asked = [entry for entry in server.log.entries if entry.kind == "simple"]
        assert [(e.path, e.status) for e in asked] == [
            ("/simple/a/", 304), ("/simple/b/", 200), ("/simple/c/", 304)
        ]  # fmt: skip
    page = json.loads((config.destination / "simple/b/index.v1_json").read_bytes())
    assert page["project-status"] == {"status": "archived", "reason": "done with it"}


def test_a_project_that_fails_is_left_alone_for_longer_each_time(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    world.publish("b", "1.0")
    config = load(configure(tmp_path, server.url, packages={"a": ["latest"], "b": ["latest"]}), {})
    with ExitStack() as stack:
        bench = Bench(config, stack)
        world.faults.fail("/simple/a/", 503)
        world.faults.fail("/pypi/a/json", 503)
        world.publish("a", "2.0")
        tried = []
        for hour in range(1, 49):
            bench.clock += 3600
            server.log.clear()
            if hour == 40:
                world.publish("a", "3.0")
            bench.jobs.sync()
            if "/simple/a/" in server.log.paths("simple"):
                tried.append(hour)
        # What changed anew is asked for at once, and everything else went on.
        assert tried == [1, 2, 3, 5, 9, 17, 33, 40]
        world.heal()
        bench.clock += 3 * 86400.0
        bench.jobs.sync()
    assert read_tree(config.destination) == {"a": {"3.0"}, "b": {"1.0"}}


def test_a_cycle_that_ends_by_a_fault_is_recorded_and_tried_again_soon(
    tmp_path: Path, world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.publish("a", "1.0")
    config = load(configure(tmp_path, server.url, packages={"a": ["latest"]}), {})
    with ExitStack() as stack:
        bench = Bench(config, stack)
        with monkeypatch.context() as patch:
            patch.setattr("pypisync.cycle.sync.listen", lambda *_: 1 // 0)
            bench.jobs.sync()
        assert bench.jobs.again == {"sync": bench.clock + RETRY}
        with Reader(config.database_url) as reader:
            rows = list(reader.rows("SELECT outcome, finished, report FROM runs ORDER BY id"))
        assert [(outcome, finished) for outcome, finished, _ in rows][1] == ("failed", bench.clock)
        assert "ZeroDivisionError" in json.loads(rows[1][2])["failed"]["run"]


def test_a_run_that_was_killed_does_not_run_for_ever(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    config = load(configure(tmp_path, server.url, packages={"a": ["latest"]}), {})
    with ExitStack() as stack:
        bench = Bench(config, stack)
        with bench.jobs.mirror.catalog.begin() as connection:
            runs.start(connection, bench.clock)  # and then the machine lost its power
        bench.jobs.sync()
        with Reader(config.database_url) as reader:
            outcomes = [row[0] for row in reader.rows("SELECT outcome FROM runs ORDER BY id")]
    assert outcomes == ["done", "failed", "done"]


def test_a_python_that_gets_no_fixes_any_more_is_no_proof_target_from_that_day_on(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    keys = {"packages": {"a": ["latest"]}, "environment": LINUX | {"python_version": None}}
    config = load(configure(tmp_path, server.url, **keys), {})
    with ExitStack() as stack:
        bench = Bench(config, stack)
        bench.clock = datetime(2027, 10, 31, 23, tzinfo=UTC).timestamp()
        bench.jobs.sync()
        before = [one.name for one in bench.jobs.mirror.rules.machines.all]
        bench.clock += 2 * 3600
        bench.jobs.sync()
        after = [one.name for one in bench.jobs.mirror.rules.machines.all]
        with Reader(config.database_url) as reader:
            [(proven,)] = reader.rows("SELECT targets FROM v_proofs")
    assert "3.11 linux-x86_64" in before
    assert after == [name for name in before if name != "3.11 linux-x86_64"]
    assert sorted(proven.split(", ")) == sorted(after)
