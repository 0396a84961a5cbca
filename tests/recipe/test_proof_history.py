"""Generations are remembered with the verdicts that they were published with."""

from pathlib import Path

import pytest

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries import generations
from pypisync.catalog.queries.generations import Moved, ProofMoved
from pypisync.cycle import rollback
from pypisync.cycle.mirror import Silent
from pypisync.cycle.repair import repair
from pypisync.cycle.verify import Check
from tests.recipe.mirrors import Bench
from tests.recipe.test_proofs import BOTH, TWO
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

OLD, NEW = BOTH.split(", ")
ALL = "SELECT * FROM published_proofs ORDER BY id"


@pytest.fixture
def bench(tmp_path: Path, memory: MemoryUpstream, world: World, database: str) -> Bench:
    """A mirror with one generation, in which ``app`` is proven."""
    world.publish("app", "1.0", requires=["lib"])
    world.publish("lib", "1.0")
    made = Bench(tmp_path / "mirror", memory, {"app": ["latest"]}, environment=TWO, url=database)
    made.retention = 1e9
    made.sync()
    return made


def moved(bench: Bench, old: int, new: int) -> list[ProofMoved]:
    with Reader(bench.database) as reader:
        return generations.difference(reader, old, new).proofs


def history(bench: Bench) -> list[tuple[object, ...]]:
    """Subject, verdict, first and last generation."""
    return bench.query("SELECT subject, verdict, first, last FROM published_proofs ORDER BY id")


def tear(world: World) -> None:
    """``app`` cannot be installed on the newer Python any more."""
    world.publish("lib", "1.1", requires=['gone; python_version >= "3.13"'])
    world.remove_release("lib", "1.0")


def test_a_pin_that_is_lost_takes_the_proof_along(bench: Bench, world: World) -> None:
    """Its file is gone here and upstream: the pages lack it, so nothing on them is proven."""
    world.publish("else", "1.0")
    bench.packages = {**bench.packages, "else": ["latest"]}
    bench.sync()
    next(bench.folder.glob("packages/**/lib-*.whl")).unlink()
    world.faults.fail("/packages/*/lib-1.0-*.whl", 404, None)
    catalog = bench.reopened()
    check = Check(catalog, bench.folder, Silent(), rehash=True)
    repair(bench.mirror(catalog), check, list(check.all()))
    states = "SELECT subject, published FROM v_proofs ORDER BY subject"
    for _ in range(2):
        assert bench.listed() == {"app": {"1.0"}, "else": {"1.0"}}
        assert bench.query(states) == [("app", 0), ("else", 1)]
        assert history(bench) == [("app", "proven", 1, 2), ("else", "proven", 2, None)]
        bench.sync()

    world.heal()
    bench.sync()
    assert bench.query(states) == [("app", 1), ("else", 1)]
    assert history(bench)[2:] == [("app", "proven", 4, None)]


def test_from_proven_to_refuted_and_back(bench: Bench, world: World) -> None:
    tear(world)
    assert bench.sync().generation == 2
    torn = ProofMoved("app", NEW, "proven", "refuted", Moved())
    other_pin = Moved(changed={"lib": "1.0 -> 1.1"})
    assert moved(bench, 1, 2) == [ProofMoved("app", OLD, "proven", "proven", other_pin), torn]
    # A tick without change writes nothing, nor does one with a change of something else.
    before = bench.query(ALL)
    bench.sync()
    world.publish("gone", "1.0", wheels=["py2-none-any"])
    bench.sync()
    assert bench.query(ALL) == before

    world.publish("gone", "1.1")
    assert bench.sync().generation == 3
    assert moved(bench, 2, 3) == [ProofMoved("app", NEW, "refuted", "proven", Moved())]
    assert moved(bench, 3, 2) == [ProofMoved("app", NEW, "proven", "refuted", Moved())]
    assert moved(bench, 1, 3) == [
        ProofMoved("app", OLD, "proven", "proven", other_pin),
        ProofMoved("app", NEW, "proven", "proven", Moved(["gone==1.1"], [], other_pin.changed)),
    ]
    assert moved(bench, 3, 3) == []
    world.publish("gone", "1.2")
    bench.sync()
    assert [one.pins.changed for one in moved(bench, 3, 4)] == [{"gone": "1.1 -> 1.2"}]


def test_what_changes_while_the_pages_stay_counts_for_the_newest(bench: Bench) -> None:
    bench.packages = {"app": ["latest"], "lib": [">=0"]}
    assert bench.sync().generation == 0
    assert history(bench) == [("app", "proven", 1, None), ("lib>=0", "proven", 1, None)]
    bench.packages = {"app": ["latest"]}
    bench.sync()
    assert history(bench) == [("app", "proven", 1, None)]


def test_before_there_are_pages(bench: Bench, world: World) -> None:
    bench.packages = {"later": ["latest"]}
    bench.folder, bench.clock = bench.folder / "other", bench.clock + 1
    bench.url = None
    bench.sync()
    assert history(bench) == [("later", "refuted", 1, None)]
    world.publish("later", "1.0")
    assert bench.sync().generation == 1
    assert history(bench) == [("later", "proven", 1, None)]


def test_roots_come_and_go(bench: Bench, world: World) -> None:
    world.publish("other", "1.0")
    bench.packages = {"other": ["latest"]}
    bench.sync()
    assert moved(bench, 1, 2) == [
        ProofMoved("app", BOTH, "proven", "", Moved()),
        ProofMoved("other", BOTH, "", "proven", Moved()),
    ]


def test_a_generation_that_repeats_another_has_its_proofs(bench: Bench, world: World) -> None:
    first = bench.query("SELECT targets, verdict, pins FROM v_published_proofs")
    tear(world)
    bench.sync()
    rollback.to_generation(1).give(bench.folder)
    world.publish("lib", "1.2", requires=["gone"])
    world.remove_release("lib", "1.1")
    bench.sync()
    at_three = "SELECT targets, verdict, pins FROM v_published_proofs WHERE first_generation = 3"
    assert bench.query(at_three) == first
    assert moved(bench, 1, 3) == []
    rollback.follow().give(bench.folder)
    bench.sync()
    assert moved(bench, 3, 4) == [ProofMoved("app", BOTH, "proven", "refuted", Moved())]


def test_after_a_rollback_what_was_published_before_counts_again(
    bench: Bench, world: World
) -> None:
    tear(world)
    bench.sync()
    rollback.to_generation(1).give(bench.folder)
    bench.sync()
    rollback.follow().give(bench.folder)
    bench.sync()
    assert moved(bench, 2, 4) == []
    assert len(moved(bench, 3, 4)) == 2


def test_proofs_are_forgotten_with_their_generations(bench: Bench, world: World) -> None:
    rollback.named("good", 1).give(bench.folder)
    bench.retention = 0.0
    for version in ("1.1", "1.2", "1.3"):
        world.publish("lib", version)
        bench.sync()
    assert history(bench) == [("app", "proven", 1, 1), ("app", "proven", 4, None)]
    assert [one.pins.changed for one in moved(bench, 1, 4)] == [{"lib": "1.0 -> 1.3"}]
    rollback.named("good", None).give(bench.folder)
    bench.sync()
    assert history(bench) == [("app", "proven", 4, None)]


def test_while_new_pins_wait_the_old_ones_are_those_on_record(bench: Bench, world: World) -> None:
    world.publish("lib", "2.0")
    world.publish("other", "1.0")
    world.faults.fail("*/lib-2.0-py3-none-any.whl", 503, None)
    bench.packages = {"app": ["latest"], "other": ["latest"]}
    assert bench.sync().generation == 2
    assert moved(bench, 1, 2) == [ProofMoved("other", BOTH, "", "proven", Moved())]
    world.heal()
    assert bench.sync().generation == 3
    assert [one.pins.changed for one in moved(bench, 2, 3)] == [{"lib": "1.0 -> 2.0"}]
