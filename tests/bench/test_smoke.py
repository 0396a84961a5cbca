"""Every workload runs: with small sizes, once, and without what would have to be installed."""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests import forked
from tests.acceptance import fronts
from tests.bench import measure
from tests.bench.measure import Cost, Setup
from tests.bench.report import as_json, figure, remark, table
from tests.bench.workloads import WORKLOADS

# These differ from others in size alone.
ALIKE = (
    *("initial-small", "initial-late", "full-index"),
    *("closure-50k", "closure-500k", "closure-all"),
)
NAMES = [name for name in WORKLOADS if name not in ALIKE]


PRELOADED = forked.Preloaded(path=str(Path(__file__).parents[2]))
START = measure.run
MODULES = [
    module
    for name, module in sorted(sys.modules.items())
    if name.startswith("tests.bench.") and getattr(module, "run", None) is START
]
SERVERS = [
    module
    for name, module in sorted(sys.modules.items())
    if name.startswith("tests.bench.") and getattr(module, "running", None) is fronts.running
]
STARTED = "start-up"  # the workload whose commands are started, as those of a measurement are


def fork(command: Iterable[str | Path], **environment: str) -> Cost:
    """Run a command as a measurement does, but that Python need not import the product."""
    program, *words = map(str, command)
    if program != sys.executable:
        return START([program, *words], **environment)
    words = words[1:]  # python -m
    begun = time.perf_counter()
    done = forked.run(PRELOADED, words, Path.cwd(), {**os.environ, **environment})
    assert done.returncode in (0, 1), done.stderr
    wall = time.perf_counter() - begun
    return Cost(wall, wall, 0.0, 0.0, done.stdout)


def serving(
    command: Sequence[str], port: int, folder: Path, more: Mapping[str, str]
) -> AbstractContextManager[str]:
    """The same for the product's own server."""
    assert command[:2] == [sys.executable, "-m"]
    return fronts.forked_one(PRELOADED, command[2:], port, folder, more)


@pytest.mark.parametrize("name", NAMES)
def test_a_workload_measures_something(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # the disk is not what is tested
    if name != STARTED:
        for module in MODULES:
            monkeypatch.setattr(module, "run", fork)
        for module in SERVERS:
            monkeypatch.setattr(module, "running", serving)
    figures = WORKLOADS[name](Setup(runs=1, quick=True))
    if all(found.note.startswith("skipped: ") for found in figures):
        pytest.skip(figures[0].note)
    assert any(found.values for found in figures if found.unit)
    assert len({found.name for found in figures}) == len(figures)
    assert all(value >= 0 for found in figures for value in found.values)


def test_medians_are_shown_with_their_spread() -> None:
    figures = [figure("wall", [3.0, 1.0, 2.5], "s"), remark("peer", "skipped: not there")]
    lines = table("small", figures).splitlines()
    assert lines[1].split() == ["wall", "2.50", "(1.00-3.00)", "s"]
    assert lines[2].split() == ["peer", "-", "skipped:", "not", "there"]
    [wall, peer] = json.loads(as_json({"small": figures}))["small"]
    assert wall["median"] == statistics.median(wall["values"]) == 2.5
    assert peer["values"] == []
