"""A clock that ran ahead by a year, and was put right: what it wrote delays nothing till then."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from pypisync.core.filters.policy import Policy
from pypisync.cycle import maintenance
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.sync import sync_once
from tests.recipe.mirrors import Bench
from tests.recipe.test_vanishing import polled, status
from tests.sim.memory import MemoryUpstream
from tests.sim.state import Vulnerable
from tests.sim.world import World

DAY = 86400.0
YEAR = 365 * DAY


@pytest.fixture
def bench(tmp_path: Path, world: World) -> Bench:
    world.publish("a", "1.0")
    found = Bench(tmp_path / "mirror", MemoryUpstream(world), {"a": ["latest"]})
    assert found.sync().exit_code == 0
    return found


@contextmanager
def parts(bench: Bench) -> Iterator[Mirror]:
    """The parts of a daemon's cycle."""
    catalog = bench.catalog()
    yield replace(bench.mirror(catalog), patient=True)
    catalog.close()


def test_a_project_that_failed_is_asked_for(bench: Bench, world: World) -> None:
    bench.clock += DAY  # nothing is so old that all is compared
    world.publish("a", "2.0")
    world.faults.fail("/simple/a/", 503)
    world.faults.fail("/pypi/a/json", 503)
    with parts(bench) as mirror:
        assert sync_once(mirror).failed.keys() == {"a"}
    world.heal()
    bench.clock -= DAY
    with parts(bench) as mirror:
        assert sync_once(mirror).failed == {}
    assert bench.listed() == {"a": {"2.0"}}


def test_a_denial_is_believed_half_an_hour_after_the_next_one(tmp_path: Path, world: World) -> None:
    bench = polled(tmp_path, world)
    world.remove_project("p0")
    bench.clock += YEAR
    bench.sync()
    bench.clock -= YEAR
    assert "half an hour later" in bench.sync().failed["p0"]
    assert "p0" in bench.listed()
    bench.sync()
    assert status(bench, "p0") == "gone"


def test_what_is_old_is_kept_as_long_as_was_asked_for(bench: Bench, world: World) -> None:
    bench.grace, bench.retention = DAY, 2 * DAY
    bench.clock += YEAR
    world.publish("a", "2.0")
    bench.sync()
    world.publish("a", "3.0")
    bench.sync()
    bench.clock -= YEAR
    bench.sync()
    bench.clock += DAY
    bench.sync()
    assert packages(bench) == ["a-1.0", "a-2.0", "a-3.0"]  # generations list them
    bench.clock += DAY
    bench.sync()
    assert packages(bench) == ["a-3.0"]
    assert bench.query("SELECT id FROM generations") == [(3,)]


def packages(bench: Bench) -> list[str]:
    return sorted(
        path.name.removesuffix("-py3-none-any.whl") for path in bench.folder.rglob("*.whl")
    )


def test_files_are_read_again(bench: Bench) -> None:
    bench.clock += YEAR
    with parts(bench) as mirror:
        assert maintenance.rehash(mirror, lambda: None)[0]
        while maintenance.rehash(mirror, lambda: None)[0]:
            pass
    bench.clock -= YEAR
    with parts(bench) as mirror:
        assert maintenance.rehash(mirror, lambda: None)[0]


def test_releases_are_examined_again(bench: Bench, world: World) -> None:
    bench.bars = Policy(vulnerabilities="report")
    world.publish("b", "1.0", requires=["a"])
    bench.packages = {"b": ["latest"]}
    bench.sync()
    bench.clock += YEAR
    world.publish("b", "2.0", requires=["a"])
    bench.sync()
    world.state_vulnerabilities("b", "2.0", Vulnerable("PYSEC-2026-1", (), (), "Bad"))
    bench.clock -= YEAR
    for _ in range(2):  # of two releases, each slice has one
        with parts(bench) as mirror:
            maintenance.sweep(mirror)
        bench.sync()
    assert bench.query("SELECT id FROM v_vulnerabilities") == [("PYSEC-2026-1",)]
