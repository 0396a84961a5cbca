"""Processes beside that of the cycle: whatever happens to one, all work is done, or left to do."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pypisync.cycle import processes
from pypisync.cycle.processes import Processes
from pypisync.errors import Stopped
from tests.recipe.work import ITEMS, asker, doubler, killed, refuser, stopper


@pytest.fixture(autouse=True)
def _sees_the_tests(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The processes import the work from here, which an installation does not have."""
    root = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", root)
    yield
    assert not [one for one in threading.enumerate() if one.name == "process"]


def run(
    some: Processes,
    make: Callable[..., Callable[[int], int]],
    *given: object,
    check: Callable[[], object] = lambda: None,
) -> dict[int, int | None]:
    return dict(some.run(make, given, ITEMS, check=check, patience=0.0))


@pytest.mark.parametrize("number", [1, 2, 8])
def test_all_is_done_once_by_any_number(number: int) -> None:
    with closing(Processes(number)) as some:
        found = list(some.run(doubler, (0,), ITEMS, check=lambda: None, patience=0.0))
        assert sorted(found) == [(n, 2 * n) for n in ITEMS]
        assert run(some, doubler, 1) == dict(found)
        assert run(some, refuser) == {n: None if n % 2 else n for n in ITEMS}


@pytest.mark.parametrize("number", [1, 2, 8])
def test_what_the_work_asks_for_is_answered_here(number: int) -> None:
    asked: list[int] = []

    def answer(item: int) -> int:
        asked.append(item)
        return 10 * item if item > 0 else 1

    def found() -> dict[int, int | None]:
        return dict(some.run(asker, (5,), ITEMS, check=lambda: None, patience=0.0, answer=answer))

    with closing(Processes(number)) as some:
        assert found() == {n: 6 + (10 * n or 1) for n in ITEMS}
        assert sorted(asked) == sorted([*ITEMS, *(-n for n in ITEMS)])
        assert run(some, doubler, 0) == {n: 2 * n for n in ITEMS}


def test_a_failure_to_answer_ends_the_processes_that_ask() -> None:
    def answer(item: int) -> int:
        raise Stopped(str(item))

    some = Processes(2)
    with pytest.raises(Stopped):
        list(some.run(asker, (5,), ITEMS, check=lambda: None, patience=0.0, answer=answer))
    assert some._idle == []


def test_nothing_to_do_starts_no_process() -> None:
    some = Processes(4)
    assert list(some.run(doubler, (0,), [], check=lambda: None, patience=0.0)) == []
    assert some._idle == []


def test_a_process_that_is_killed_is_told_and_its_items_are_left() -> None:
    told: list[str] = []
    with closing(Processes(2, told.append)) as some:
        found = run(some, killed, os.getpid())
        assert set(found) == set(ITEMS)
        assert found[ITEMS[-1]] is None
        assert {n: n for n in ITEMS[:30]} == {n: found[n] for n in ITEMS[:30]}
        assert [line for line in told if "SIGKILL" in line] == told != []
        assert run(some, doubler, 0) == {n: 2 * n for n in ITEMS}


def test_a_process_that_hangs_is_ended_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_START", 0.5)
    told: list[str] = []
    with closing(Processes(1, told.append)) as some:
        found = some.run(stopper, (), ITEMS[:1], check=lambda: None, patience=0.0)
        assert list(found) == [(ITEMS[0], None)]
    assert len(told) == 1


def test_a_stop_is_heard_while_a_process_hangs() -> None:
    begun = time.monotonic()

    def check() -> None:
        if time.monotonic() > begun + 0.2:
            raise Stopped("stopped")

    some = Processes(2)
    with pytest.raises(Stopped):
        list(some.run(stopper, (), ITEMS[:2], check=check, patience=100.0))
    assert some._idle == []


@pytest.mark.parametrize("program", ["exit 3", "echo nonsense", "exec sleep 100"])
def test_a_program_that_is_no_python_of_ours_leaves_all_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str
) -> None:
    place = tmp_path / "python"
    place.write_text(f"#!/bin/sh\n{program}\n")
    place.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(place))
    monkeypatch.setattr(processes, "_START", 0.2)
    monkeypatch.setattr(processes, "_PARTS", 1)
    told: list[str] = []
    with closing(Processes(2, told.append)) as some:
        assert run(some, doubler, 0) == dict.fromkeys(ITEMS)
    assert told


def test_a_process_ends_with_that_of_the_cycle_and_says_nothing(tmp_path: Path) -> None:
    program = (
        "import os, signal\n"
        "from pypisync.cycle.processes import Processes\n"
        "from tests.recipe.work import doubler\n"
        "p = Processes(2)\n"
        "found = p.run(doubler, (0,), range(10), check=lambda: None, patience=1.0)\n"
        "next(found)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.returncode == -signal.SIGKILL
    # All that hold its standard error have ended by now: there was an end to read.
    assert done.stderr == ""


@pytest.mark.parametrize("module", ["processes", "stream_process"])
@pytest.mark.parametrize("told", [b"", pickle.dumps("what it begins with")[:9]])
def test_a_process_that_was_not_told_all_ends_and_says_nothing(module: str, told: bytes) -> None:
    program = [sys.executable, "-P", "-m", f"pypisync.cycle.{module}"]
    done = subprocess.run(program, input=told, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
