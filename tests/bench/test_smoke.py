"""Every workload runs: with small sizes, once, and without what would have to be installed."""

import json
import statistics

import pytest

from tests.bench.measure import Setup
from tests.bench.report import as_json, figure, remark, table
from tests.bench.workloads import WORKLOADS

# These differ from others in size alone.
ALIKE = (
    *("initial-small", "initial-late", "full-index"),
    *("closure-50k", "closure-500k", "closure-all"),
)
NAMES = [name for name in WORKLOADS if name not in ALIKE]


@pytest.mark.parametrize("name", NAMES)
def test_a_workload_measures_something(name: str) -> None:
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
