"""A cycle that knows from the one before that nothing was left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from pypisync.catalog.db.transactions import Catalog
from pypisync.core.filters.policy import Policy
from pypisync.cycle import maintenance, rollback
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.sync import sync_once
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World


@pytest.fixture
def bench(tmp_path: Path, memory: MemoryUpstream, world: World) -> Bench:
    """A mirror that was synced twice: the second cycle knew that nothing was left."""
    world.publish("a", "1.0", requires=["b"])
    world.publish("b", "1.0")
    made = Bench(tmp_path, memory, {"a": ["latest"]})
    made.sync()
    assert "settle" not in made.sync().seconds
    return made


def test_it_tells_the_same(bench: Bench, world: World) -> None:
    world.publish("unheard-of", "1.0")  # in the changelog, and nothing to us
    report = bench.sync()
    assert (report.changes > 0, report.serial) == (True, world.serial)
    assert report.proofs == {"proven": 1}
    assert set(report.seconds) == {"resume", "listen", "prune"}


def _publish(bench: Bench, world: World) -> None:
    world.publish("b", "2.0")


def _remove(bench: Bench, world: World) -> None:
    world.remove_project("b")


def _root(bench: Bench, world: World) -> None:
    bench.packages = {"a": ["latest"], "b": ["latest"]}


def _policy(bench: Bench, world: World) -> None:
    bench.bars = Policy(vulnerabilities="report")


@pytest.mark.parametrize("change", [_publish, _remove, _root, _policy])
def test_news_are_seen(bench: Bench, world: World, change: Callable[[Bench, World], None]) -> None:
    change(bench, world)
    assert "settle" in bench.sync().seconds


def test_what_failed_is_tried_again(bench: Bench, world: World) -> None:
    world.publish("b", "2.0")
    world.faults.fail("/packages/*/b-2.0-*.whl", 503)
    assert bench.sync().exit_code == 1
    assert bench.sync().exit_code == 1
    world.heal()
    assert bench.sync().exit_code == 0
    assert bench.listed()["b"] == {"2.0"}


def test_slow_rounds_and_orders_are_seen(bench: Bench) -> None:
    """Of which no changelog tells: a sweep, damage on the disk, an operator's order."""
    catalog = bench.catalog()
    mirror = bench.mirror(catalog)
    assert (again(mirror), again(mirror)) == (True, False)
    maintenance.sweep(mirror)
    assert (again(mirror), again(mirror)) == (True, False)
    [file] = bench.folder.glob("packages/*/*/*/b-1.0-*.whl")
    file.write_bytes(b"rotten")
    bench.clock += 40 * 86400.0
    for _ in range(4):
        maintenance.rehash(mirror, lambda: None)
    assert (again(mirror), again(mirror)) == (True, False)
    assert bench.listed() == {"a": {"1.0"}, "b": {"1.0"}}
    rollback.to_generation(1).give(bench.folder)
    assert not again(mirror)  # carried out by what every cycle begins with
    rollback.follow().give(bench.folder)
    again(mirror)
    catalog.close()
    assert bench.listed() == {"a": {"1.0"}, "b": {"1.0"}}


def again(mirror: Mirror) -> bool:
    """Run a cycle of the same process. Returns whether it looked at everything."""
    return "settle" in sync_once(mirror).seconds


def test_it_asks_the_database_little(bench: Bench) -> None:
    catalog = bench.catalog()
    mirror = bench.mirror(catalog)
    with counted(catalog) as whole:
        assert again(mirror)
    with counted(catalog) as settled:
        assert not again(mirror)
    catalog.close()
    assert len(settled) < 36 < len(whole)


@contextmanager
def counted(catalog: Catalog) -> Iterator[list[str]]:
    """The statements that are executed in the block."""
    found: list[str] = []

    def executed(*given: object) -> None:
        found.append(str(given[2]))

    event.listen(catalog.engine, "before_cursor_execute", executed)
    try:
        yield found
    finally:
        event.remove(catalog.engine, "before_cursor_execute", executed)
