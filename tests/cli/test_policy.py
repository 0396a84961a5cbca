"""What the policy means and what it does, as ``check``, ``status`` and the metrics tell it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries.status import read_status
from pypisync.cli import status
from pypisync.core.filters.policy import RULES, Block, Policy
from pypisync.core.values import moment
from pypisync.schedule import parse
from pypisync.web.counts import alone
from pypisync.web.health import Health
from pypisync.web.metrics import Metrics
from tests.cli.running import ask_at, configure, invoke
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.state import Vulnerable
from tests.sim.world import World
from tests.web.test_health import figures

DAY = 86400
SHA = "0" * 64
GIVEN = {
    "min_age": "7 days",
    "min_age_of": {"NumPy": 0, "left.pad": "30 days"},
    "freeze_at": "2026-11-01T00:00:00Z",
    "exempt": ["urllib3==2.6.3"],
    "block": [
        {"name": "leftpad", "specifier": ">=1.4,<1.6", "reason": "stolen account"},
        {"name": "b", "filename": "b-1.tar.gz", "sha256": SHA, "reason": "malware"},
    ],
    "max_file_size": "1 GiB",
    "vulnerabilities": "report",
}


def test_check_says_what_the_policy_bars(tmp_path: Path) -> None:
    config = configure(tmp_path, policy=GIVEN)
    lines = [line for line in invoke(config, "check").lines if line[0].startswith("policy.")]
    assert lines == [
        ["policy.min_age", "7 days"],
        ["policy.min_age_of", "left-pad: 30 days"],
        ["policy.min_age_of", "numpy: 0 seconds"],
        ["policy.freeze_at", "2026-11-01T00:00:00Z"],
        ["policy.exempt", "urllib3==2.6.3"],
        ["policy.block", "leftpad>=1.4,<1.6: stolen account"],
        ["policy.block", f"b b-1.tar.gz {SHA}: malware"],
        ["policy.max_file_size", "1 GiB"],
        ["policy.vulnerabilities", "report"],
    ]
    said = invoke(config, "check", "--json").json["policy"]
    assert said["min_age"] == 7 * DAY
    assert dict(said["min_age_of"]) == {"numpy": 0, "left-pad": 30 * DAY}
    assert said["freeze_at"] == moment("2026-11-01T00:00:00Z")
    assert [block["reason"] for block in said["block"]] == ["stolen account", "malware"]
    assert said.keys() == GIVEN.keys()


def test_check_says_little_of_a_policy_that_bars_nothing(tmp_path: Path) -> None:
    lines = invoke(configure(tmp_path), "check").lines
    assert [line for line in lines if line[0].startswith("policy.")] == [
        ["policy.vulnerabilities", "ignore"]
    ]


# One project for each rule; all of them have an older release that passes.
LATER = "2026-02-20T00:00:00Z"
BARS = Policy(
    min_age_of=(("young", 30 * DAY), ("undated", DAY)),
    freeze_at=moment("2026-03-01T00:00:00Z"),
    block=(Block("stolen", "bad", ">=2"), Block("malware", filename="ugly-2.0-py3-none-any.whl")),
    max_file_size=30_000,
)
BARRED = {"block": 2, "undated": 1, "freeze_at": 1, "min_age": 1, "max_file_size": 1}


@pytest.fixture
def bench(tmp_path: Path, world: World) -> Bench:
    """A mirror on which each rule but one bars something."""
    names = ("young", "undated", "frozen", "bad", "ugly", "large")
    for name in names:
        world.publish(name, "1.0", uploaded="2026-01-01")
        uploaded = "2026-03-02" if name == "frozen" else LATER
        padding = 40_000 if name == "large" else 0
        world.publish(name, "2.0", uploaded=uploaded, size_padding=padding)
    world.files["undated-2.0-py3-none-any.whl"].uploaded = None  # type: ignore[assignment]
    made = Bench(tmp_path / "data", MemoryUpstream(world), {key: ["latest"] for key in names})
    made.bars = BARS
    made.clock = moment("2026-03-03T00:00:00Z")
    made.sync()
    return made


def line(bench: Bench, now: float) -> str | None:
    """What ``status`` says of the policy at a moment."""
    with Reader(bench.database) as reader:
        return dict(status._lines(read_status(reader), now)).get("barred")


def test_status_says_which_rule_bars_how_much(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bench.listed() == {key: {"1.0"} for key in bench.packages}
    text = (
        "6 files by the policy: 2 by block, 1 by undated, 1 by freeze_at, 1 by min_age,"
        " 1 by max_file_size; the next is old enough "
    )
    matures = moment(LATER) + 30 * DAY
    assert line(bench, matures - 3 * DAY) == f"{text}in 3 d"
    assert line(bench, matures + 1) == f"{text}with the next sync"
    config = configure(tmp_path, database="sqlite:///data/catalog.sqlite")
    answer = invoke(config, "status", "--json").json
    assert answer["barred"] == sum(BARRED.values())
    assert answer["barred_by"] == dict.fromkeys(RULES, 0) | BARRED
    assert datetime.fromtimestamp(answer["matures"], UTC) == datetime(2026, 3, 22, tzinfo=UTC)
    # It is no fault: what is left is published, and all of it.
    ask_at(monkeypatch, bench.clock)
    done = invoke(config, "status")
    assert done.code == 0
    assert ["barred", line(bench, bench.clock)] in done.lines


def test_status_follows_time_and_the_policy(bench: Bench) -> None:
    bench.clock = moment(LATER) + 30 * DAY
    bench.sync()
    assert bench.listed()["young"] == {"2.0"}
    said = line(bench, bench.clock) or ""
    assert said.startswith("5 files by the policy: ")
    assert "min_age" not in said
    assert "old enough" not in said
    bench.bars = Policy()
    bench.sync()
    assert bench.listed() == {key: {"2.0"} for key in bench.packages}
    assert line(bench, bench.clock) is None


def test_a_root_of_which_the_policy_leaves_nothing_fails_with_the_rule(bench: Bench) -> None:
    bench.bars = Policy(block=(Block("stolen", "bad"),), min_age_of=(("young", 365 * DAY),))
    report = bench.sync()
    assert report.failed['root bad "latest"'].startswith("the policy bars 2.0 (blocked: stolen)")
    assert "younger than 365 days until 2027-" in report.failed['root young "latest"']
    assert {"bad", "young"}.isdisjoint(bench.listed())


def test_metrics_tell_the_files_of_each_rule(bench: Bench) -> None:
    health = Health(bench.folder, bench.database, parse("1 hour"), now=lambda: bench.clock)
    found = figures(Metrics(health, alone()).exposition("")[0].decode())
    said = {rule: found[f"pypisync_barred_files {rule}"] for rule in RULES}
    assert said == dict.fromkeys(RULES, 0) | BARRED


def test_vulnerable_files_are_told_apart(tmp_path: Path, world: World) -> None:
    world.publish("a", "1.0")
    world.publish("a", "2.0")
    world.state_vulnerabilities("a", "2.0", Vulnerable("GHSA-1"))
    bench = Bench(tmp_path / "data", MemoryUpstream(world), {"a": ["latest"]})
    bench.bars = Policy(vulnerabilities="block")
    bench.sync()
    assert bench.listed() == {"a": {"1.0"}}
    assert line(bench, bench.clock) == "1 file by the policy: 1 by vulnerabilities"
