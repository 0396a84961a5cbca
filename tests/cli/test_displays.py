"""How a cycle is shown: bars on a terminal, lines of a log elsewhere."""

import io
import json
import os
import pty
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from pypisync.cli.common import clean, count, moment, span
from pypisync.cli.progress import Bars
from pypisync.config.load import load
from pypisync.cycle.report import Report
from pypisync.cycle.sync import sync_once
from pypisync.errors import Stopped, StorageError
from pypisync.logs import Lines
from pypisync.wiring import open_mirror
from tests.cli.running import command, configure, environ
from tests.sim.server import Server
from tests.sim.world import World


def cycle(bars: Bars | Lines) -> None:
    """What a cycle tells its display."""
    bars.step("changelog")
    bars.step("projects", 2)
    bars.advance(2)
    bars.step("projects", 3)
    bars.received(10**9)  # bytes of .metadata, which this step does not count
    bars.advance()
    bars.retry("https://files.test", "HTTP 503", 2.0)
    bars.fault("a==1.0", "HTTP 503 \x1b[31m")
    bars.feed("endpoint", "polling", "HTTP 405")
    bars.step("files", 3_000_000, "bytes")
    bars.received(2_000_000)
    bars.received(-500_000)


def terminal(output: io.StringIO) -> Console:
    """A terminal that can move its cursor, whatever the tests themselves run in."""
    return Console(file=output, force_terminal=True, width=100, _environ={"TERM": "xterm"})


def test_bars_count_what_their_step_counts() -> None:
    output = io.StringIO()
    with Bars(terminal(output)) as bars:
        cycle(bars)
        tasks = {task.description: task for task in bars._progress.tasks}
        assert (tasks["projects"].completed, tasks["projects"].total) == (3, 5)
        assert (tasks["files"].completed, tasks["files"].total) == (1_500_000, 3_000_000)
        assert tasks["changelog"].finished
        bars._progress.refresh()
        bars.done(Report(serial=7, files=2, bytes=1_500_000, held={"b==1.0": "waits"}))
    shown = output.getvalue()
    assert "retry: https://files.test in 2 s: HTTP 503" in shown
    assert "failed: " in shown
    assert "a==1.0: HTTP 503 ?[31m" in shown
    assert "feed: the changes of endpoint are read by polling (HTTP 405)" in shown
    assert "1.4 MiB/2.9 MiB" in shown
    assert "b==1.0: waits" in shown


def test_a_bar_that_counts_items_shows_the_bytes_that_come_for_them() -> None:
    """One large wheel that has to be read stands at 0/1 for long, and is not stuck."""
    output = io.StringIO()
    with Bars(terminal(output)) as bars:
        bars.step("requirements", 1)
        bars.received(3 * 2**20)
        bars._progress.refresh()
    assert "0/1, 3 MiB" in output.getvalue()


def test_bars_say_why_it_ended() -> None:
    output = io.StringIO()
    with Bars(terminal(output)) as bars:
        bars.step("files", 3, "bytes")
        bars.ended(StorageError("no space left"), "failed")
    assert "no space left" in output.getvalue()


@pytest.mark.parametrize("as_json", [False, True])
def test_lines_hold_one_fact_each(capsys: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    lines = Lines(as_json=as_json)
    cycle(lines)
    held = {f"r{number}==1": "waits\nfor more" for number in range(30)}
    lines.done(Report(serial=7, held=held, failed={"a==1.0": "HTTP 503"}))
    shown = capsys.readouterr().err.splitlines()
    assert not any("\x1b" in line for line in shown)
    assert len(shown) == 7 + 20 + 1  # as many of what is held as are useful
    if as_json:
        logged = [json.loads(line) for line in shown]
        assert [line["event"] for line in logged[:7]] == [
            "changelog", "projects", "projects", "retry", "failed", "feed", "files"
        ]  # fmt: skip
        assert (logged[3]["level"], logged[3]["seconds"]) == ("info", 2.0)
        assert (logged[4]["level"], logged[4]["what"]) == ("warning", "a==1.0")
        assert (logged[5]["level"], logged[5]["kind"]) == ("info", "polling")
        assert logged[6]["bytes"] == 3_000_000
        assert (logged[-1]["held"], logged[-1]["failed"]) == (30, 1)
    else:
        assert "reason='HTTP 503 ?[31m'" in shown[4]


def test_a_sync_on_a_terminal(tmp_path: Path, world: World, server: Server) -> None:
    world.publish("a", "1.0", requires=["b"])
    world.publish("b", "1.0")
    config = configure(tmp_path, server.url, packages={"a": ["latest"]})
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command(config, "sync", "--json"),
        stdout=subprocess.PIPE,
        stderr=follower,
        env={**environ(), "COLUMNS": "100", "TERM": "xterm"},
        text=True,
    )
    os.close(follower)
    shown = b""
    try:
        while chunk := os.read(leader, 65536):
            shown += chunk
    except OSError:  # Linux says so when the last writer has closed
        pass
    os.close(leader)
    answer, _ = process.communicate()
    assert process.returncode == 0
    assert json.loads(answer)["generation"] == 1
    text = shown.decode()
    assert "requirements" in text
    assert "generation 1" in text
    assert "event" not in text


def test_figures_for_people() -> None:
    assert [count(0, "file"), count(1, "entry"), count(1200, "entry")] == [
        "0 files", "1 entry", "1,200 entries"
    ]  # fmt: skip
    assert [span(s) for s in (0, 12.34, 60, 3600, 7325, 90061)] == [
        "0 s", "12.3 s", "1 min", "1 h", "2 h 2 min", "1 d 1 h"
    ]  # fmt: skip
    assert moment(0) == "1970-01-01 00:00:00Z"
    assert clean("a\x1b[2J\n\t\u202eb") == "a?[2J ?b"


def test_whom_a_cycle_waits_for_is_logged_meanwhile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the thread that waits, with the number of the run; here a stop ends the wait at once."""
    told: list[str] = []

    class Watching(Lines):
        def retry(self, what: str, reason: str, seconds: float) -> None:
            told.append(what)
            super().retry(what, reason, seconds)

    config = load(configure(tmp_path, "http://127.0.0.1:9", upstream={"retries": 4}), {})
    opened = open_mirror(config, watch=Watching(as_json=True), stop=lambda: bool(told))
    with opened as mirror, pytest.raises(Stopped):
        sync_once(mirror)
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    [line] = [one for one in logged if one["event"] == "retry"]
    assert (line["what"], line["seconds"], line["run"]) == ("http://127.0.0.1:9", 1.0, 1)
    assert "refused" in line["reason"]
