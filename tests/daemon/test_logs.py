"""Log lines: every event is described, and what they say is fit to be shown."""

import ast
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from pypisync.cycle.report import Report
from pypisync.logs import EVENTS, Lines, logger

ROOT = Path(__file__).parents[2]
LEVELS = {"info", "warning", "error", "exception"}


def events() -> Iterator[str]:
    """The name of every event that the code logs: of its own, or as a step of a cycle."""
    for path in (ROOT / "pypisync").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = ast.unparse(node.func.value)
            logs = node.func.attr in LEVELS and owner.endswith("log")
            steps = node.func.attr == "step" and owner.endswith("watch")
            first = node.args[0] if node.args else None
            if (logs or steps) and isinstance(first, ast.Constant):
                assert isinstance(first.value, str)
                yield first.value


@pytest.fixture(autouse=True)
def _no_run() -> Iterator[None]:
    yield
    structlog.contextvars.clear_contextvars()


def test_every_event_is_described_and_no_other() -> None:
    assert sorted(EVENTS) == sorted(set(events()))


def test_lines_carry_the_number_of_their_run(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(as_json=True)
    lines.begin(7)
    lines.step("projects", 3)
    other = threading.Thread(target=lines.retry, args=("https://host", "HTTP 503", 1.0))
    other.start()
    other.join()
    lines.done(Report(serial=5))
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["run"]) for line in logged] == [
        ("projects", 7), ("retry", 7), ("run", 7)
    ]  # fmt: skip


@pytest.mark.parametrize("as_json", [False, True])
def test_lines_are_fit_to_be_shown(capsys: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    log = logger(as_json=as_json)
    log.info("failed", reason="GET https://user:hunter2@host/a: \x1b[2J no\nanswer", what="Größe")
    log.error("job", job="sync", exc_info=ValueError("at postgresql://me:hunter2@host/db"))
    shown = capsys.readouterr().err
    assert "hunter2" not in shown
    assert "\x1b" not in shown
    assert "Größe" in shown
    assert "ValueError: at postgresql://***@host/db" in shown
    assert "?[2J no answer" in shown
