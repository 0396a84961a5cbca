"""Vulnerabilities that upstream knows: shown, or barred so that another release is taken."""

import dataclasses
from pathlib import Path

import pytest
from msgspec.structs import replace

from pypisync.core.filters.policy import Policy
from pypisync.cycle import maintenance
from tests.recipe.mirrors import Bench
from tests.recipe.test_configuration import stamps, stored
from tests.recipe.test_policy import DAY, ROOTS, same, sync
from tests.sim.memory import MemoryUpstream
from tests.sim.state import Vulnerable
from tests.sim.world import World

BLOCK = Policy(vulnerabilities="block")
REPORT = Policy(vulnerabilities="report")
KNOWN = Vulnerable("PYSEC-2026-1", ("CVE-2026-7",), ("3.0",), "Runs what it is given")
SHOWN = "SELECT project, version, id, aliases, fixed_in, selected, barred FROM v_vulnerabilities"


@pytest.fixture
def bench(tmp_path: Path, memory: MemoryUpstream, database: str) -> Bench:
    return Bench(tmp_path / "mirror", memory, ROOTS, url=database, grace=30 * DAY, bars=BLOCK)


@pytest.fixture
def chain(world: World) -> None:
    """Two vulnerable releases of lib before a good one, and one that only the newest needs."""
    world.publish("app", "1.0", requires=["lib"])
    for version in ("1.0", "2.0", "3.0"):
        needs = ["deep"] if version == "3.0" else []
        world.publish("lib", version, requires=needs, sdist=True, build_requires=[])
    world.publish("deep", "1.0")
    for version in ("2.0", "3.0"):
        world.state_vulnerabilities("lib", version, KNOWN)


@pytest.mark.usefixtures("chain")
def test_another_release_is_taken_in_rounds(bench: Bench, memory: MemoryUpstream) -> None:
    assert sync(bench, "2026-03-01").exit_code == 0
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}}
    assert {name for name in stored(bench.folder) if "3.0" in name or "2.0" in name} == set()
    assert bench.query(SHOWN + " ORDER BY version") == [
        ("lib", "2.0", "PYSEC-2026-1", "CVE-2026-7", "3.0", 0, 1),
        ("lib", "3.0", "PYSEC-2026-1", "CVE-2026-7", "3.0", 0, 1),
    ]
    assert same(bench, "2026-03-01")
    memory.log.clear()
    before = stamps(bench.folder)
    assert sync(bench, "2026-03-01T01:00:00Z").exit_code == 0
    assert (len(memory.log.entries), stamps(bench.folder)) == (1, before)


@pytest.mark.usefixtures("chain")
def test_they_are_only_reported(bench: Bench, memory: MemoryUpstream) -> None:
    bench.bars = REPORT
    assert sync(bench, "2026-03-01").exit_code == 0
    assert bench.listed()["lib"] == {"3.0"}
    assert bench.query(SHOWN) == [("lib", "3.0", "PYSEC-2026-1", "CVE-2026-7", "3.0", 1, 0)]
    assert len(memory.log.paths("json_release")) == 3
    bench.bars = BLOCK  # what is known of lib 3.0 need not be asked again
    memory.log.clear()
    assert sync(bench, "2026-03-02").exit_code == 0
    assert memory.log.paths("json_release") == ["/pypi/lib/2.0/json", "/pypi/lib/1.0/json"]
    assert bench.listed()["lib"] == {"1.0"}
    assert {name for name in stored(bench.folder) if "3.0" in name} == set()
    bench.bars = Policy()
    memory.log.clear()
    assert sync(bench, "2026-03-03").exit_code == 0
    assert bench.listed()["lib"] == {"3.0"}
    assert memory.requests("json_release") == memory.requests("simple") == 0


def test_one_that_becomes_known_later_is_found_by_the_sweep(
    bench: Bench, world: World, memory: MemoryUpstream
) -> None:
    """It writes no journal row; neither does its withdrawal."""
    world.publish("app", "1.0")
    world.publish("app", "2.0")
    sync(bench, "2026-03-01")
    world.state_vulnerabilities("app", "2.0", KNOWN)
    sync(bench, "2026-03-02")
    assert bench.listed() == {"app": {"2.0"}}
    sweep(bench)
    assert sync(bench, "2026-03-02T03:00:00Z").exit_code == 0
    assert bench.listed() == {"app": {"1.0"}}
    assert stored(bench.folder) == {"app-1.0-py3-none-any.whl"}
    world.state_vulnerabilities(
        "app", "2.0", dataclasses.replace(KNOWN, withdrawn="2026-03-02T04:00:00Z")
    )
    sync(bench, "2026-03-03")
    assert bench.listed() == {"app": {"1.0"}}
    for _ in range(2):
        sweep(bench)
    assert sync(bench, "2026-03-03").exit_code == 0
    assert bench.listed() == {"app": {"2.0"}}
    assert bench.query(SHOWN) == []
    assert same(bench, "2026-03-03")


def sweep(bench: Bench) -> None:
    """A slice of the daemon's slow round."""
    catalog = bench.catalog()
    maintenance.sweep(bench.mirror(catalog))
    catalog.close()


def test_without_a_daemon_they_are_asked_for_once_a_week(
    bench: Bench, world: World, memory: MemoryUpstream
) -> None:
    world.publish("app", "1.0")
    world.publish("app", "2.0")
    sync(bench, "2026-03-01")
    world.state_vulnerabilities("app", "2.0", KNOWN)
    sync(bench, "2026-03-07T23:00:00Z")
    assert bench.listed() == {"app": {"2.0"}}
    sync(bench, "2026-03-08T01:00:00Z")
    assert bench.listed() == {"app": {"1.0"}}


def test_a_root_with_vulnerable_releases_only_says_so(bench: Bench, world: World) -> None:
    world.publish("app", "1.0")
    world.state_vulnerabilities("app", "1.0", KNOWN)
    report = sync(bench, "2026-03-01")
    reason = "the policy bars 1.0 (vulnerable: PYSEC-2026-1)"
    assert report.failed == {'root app "latest"': reason}
    assert bench.listed() == {}
    bench.bars = replace(BLOCK, exempt=(("app", "1.0"),))
    assert sync(bench, "2026-03-01").exit_code == 0
    assert bench.listed() == {"app": {"1.0"}}


@pytest.mark.parametrize("policy", [BLOCK, REPORT])
def test_a_release_that_could_not_be_examined_waits_if_it_matters(
    bench: Bench, world: World, policy: Policy
) -> None:
    world.publish("app", "1.0")
    bench.bars = policy
    world.faults.fail("/pypi/*", 503, None)
    report = sync(bench, "2026-03-01")
    assert list(report.failed) == ["vulnerabilities of app==1.0"]
    assert report.held == (
        {"app==1.0": "its vulnerabilities could not be read yet"} if policy == BLOCK else {}
    )
    assert bench.listed() == ({} if policy == BLOCK else {"app": {"1.0"}})
    world.heal()
    assert sync(bench, "2026-03-01").exit_code == 0
    assert bench.listed() == {"app": {"1.0"}}
    world.faults.fail("/pypi/*", 503, None)  # what was examined once stays
    assert sync(bench, "2026-03-09").exit_code == 1
    assert bench.listed() == {"app": {"1.0"}}
