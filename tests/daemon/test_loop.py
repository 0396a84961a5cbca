"""The main loop besides its jobs: what cannot wait for the schedule, and what does not end."""

from pathlib import Path
from signal import Signals
from threading import Event

import pytest

from pypisync.config.load import load
from pypisync.cycle import maintenance
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.report import Report
from pypisync.daemon.notify import Notifier
from pypisync.daemon.service import Daemon
from pypisync.logs import logger
from pypisync.web.workers import Workers
from tests.cli.running import configure
from tests.daemon.test_service import Script, logged


def test_a_damaged_file_does_not_wait_for_the_schedule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = configure(tmp_path, schedule="17 5 1 1 *")
    config = load(path, {})
    cycles: list[Mirror] = []
    found = iter([{"packages/a": "rotten"}])

    def cycle(mirror: Mirror) -> Report:
        cycles.append(mirror)
        return Report()

    def rehash(*_: object) -> tuple[int, dict[str, str]]:
        return (1, next(found, {})) if cycles else (0, {})

    monkeypatch.setattr("pypisync.daemon.jobs.sync_once", cycle)
    monkeypatch.setattr(maintenance, "rehash", rehash)
    monkeypatch.setattr(maintenance, "REHASH_EVERY", 1)
    monkeypatch.setattr("pypisync.daemon.service._TICK", 0.01)
    queue = Script((lambda: len(cycles) == 2, Signals.SIGTERM))
    log = logger(as_json=True)
    with Workers() as web:
        Daemon(config, lambda: config, queue, Notifier({}, float), log, web=web).run()
    lines = logged(capsys)
    assert [line["path"] for line in lines if line["event"] == "damaged"] == ["packages/a"]
    assert len(cycles) == 2


def test_a_second_signal_waits_for_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = load(configure(tmp_path), {})
    begun, released = Event(), Event()
    abandoned: list[int] = []

    def silent_cycle(_: Mirror) -> Report:
        begun.set()
        released.wait(60)
        return Report()

    def abandon(code: int) -> None:
        abandoned.append(code)
        released.set()

    monkeypatch.setattr("pypisync.daemon.jobs.sync_once", silent_cycle)
    monkeypatch.setattr("pypisync.daemon.service._PATIENCE", 60.0)
    monkeypatch.setattr("pypisync.daemon.service._TICK", 0.01)
    queue = Script((begun.is_set, Signals.SIGTERM), (lambda: True, Signals.SIGINT))
    log, silent = logger(as_json=True), Notifier({}, float)
    with Workers() as web:
        Daemon(config, lambda: config, queue, silent, log, web=web, abandon=abandon).run()
    assert abandoned == [0]
    [line] = [line for line in logged(capsys) if line["event"] == "abandoned"]
    assert line["job"] == "sync"
