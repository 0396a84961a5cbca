"""What vanishes upstream: believed at once by a journal's word, else twice; never if much does."""

from pathlib import Path

import pytest

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries.status import Status, read_status
from pypisync.cycle import rollback
from tests.recipe.mirrors import Bench, tree_bytes
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

NAMES = [f"p{number}" for number in range(8)]
ROOTS = {name: ["latest"] for name in NAMES}
EMPTY = b'{"meta": {"api-version": "1.0"}, "name": "%s", "files": []}'


def polled(tmp_path: Path, world: World) -> Bench:
    """A mirror of eight projects of an index without a feed."""
    world.faults.xmlrpc = world.faults.json_api = False
    world.faults.body("/simple/", b"<html>")
    for name in NAMES:
        world.publish(name, "1.0")
    upstream = MemoryUpstream(world)
    upstream.follow("polling", [])
    bench = Bench(tmp_path, upstream, ROOTS)
    assert bench.sync().failed == {}
    assert len(bench.listed()) == 8
    return bench


def status(bench: Bench, name: str) -> str:
    [(found,)] = bench.query(f"SELECT status FROM v_projects WHERE name = '{name}'")
    return str(found)


def test_what_is_gone_twice_some_time_apart_is_gone(tmp_path: Path, world: World) -> None:
    bench = polled(tmp_path, world)
    world.remove_project("p0")
    report = bench.sync()
    assert "half an hour later" in report.failed["p0"]
    assert "p0" in bench.listed()
    bench.clock -= 3600 - 60  # a minute later is not some time apart
    assert "p0" in bench.sync().failed
    assert "p0" in bench.listed()
    bench.sync()
    assert status(bench, "p0") == "gone"
    assert "p0" not in bench.listed()
    assert bench.query("SELECT * FROM pending") == []


def test_what_comes_back_in_between_was_never_gone(tmp_path: Path, world: World) -> None:
    bench = polled(tmp_path, world)
    world.faults.fail("/simple/p0/", 404)
    bench.sync()
    world.faults._plan.pop()
    assert bench.sync().failed == {}
    world.faults.fail("/simple/p0/", 404)
    assert "p0" in bench.sync().failed  # counted anew
    assert "p0" in bench.listed()


def test_a_journals_word_is_believed_at_once(tmp_path: Path, world: World) -> None:
    for name in NAMES:
        world.publish(name, "1.0")
    bench = Bench(tmp_path, MemoryUpstream(world), ROOTS)
    bench.sync()
    for name in NAMES[:7]:
        world.remove_project(name)
    bench.sync()
    assert bench.listed().keys() == {"p7"}


def test_a_404_that_no_journal_explains_is_not_believed(tmp_path: Path, world: World) -> None:
    for name in NAMES:
        world.publish(name, "1.0")
    bench = Bench(tmp_path, MemoryUpstream(world), ROOTS)
    bench.sync()
    world.faults.fail("/*/p0/*", 404)
    world.publish("p0", "2.0")
    bench.sync()
    assert bench.listed()["p0"] == {"1.0"}
    world.heal()
    assert bench.sync().failed == {}
    assert bench.listed()["p0"] == {"2.0"}


@pytest.mark.parametrize("how", ["404", "empty", "login", "401", "403"])
def test_an_index_that_denies_much_is_broken(how: str, tmp_path: Path, world: World) -> None:
    bench = polled(tmp_path, world)
    before = tree_bytes(tmp_path)
    for name in NAMES[:5]:
        if how == "empty":
            world.faults.body(f"/simple/{name}/", EMPTY % name.encode())
        elif how == "login":
            world.faults.body(f"/simple/{name}/", b"<html><form>", headers={})
        else:
            world.faults.fail(f"/simple/{name}/", int(how))
    for _ in range(4):
        report = bench.sync()
        assert set(NAMES[:5]) <= report.failed.keys()
    assert tree_bytes(tmp_path) == before
    world.heal()
    world.faults.xmlrpc = world.faults.json_api = False
    assert bench.sync().failed == {}
    assert tree_bytes(tmp_path) == before


def test_what_went_of_late_counts_too(tmp_path: Path, world: World) -> None:
    """Polled projects are denied a few at a time: else a small mirror would go in small steps."""
    bench = polled(tmp_path, world)
    for part, left in ((NAMES[:3], 5), (NAMES[3:6], 5)):
        for name in part:
            world.faults.fail(f"/simple/{name}/", 404)
        for _ in range(3):
            bench.sync()
        assert len(bench.listed()) == left
    assert "6 of the 8 projects mirrored" in bench.sync().failed["p3"]
    assert shown(bench).broken is not None
    bench.clock += 86400
    for _ in range(3):
        bench.sync()
    assert len(bench.listed()) == 2


def test_the_operator_confirms_what_is_gone(tmp_path: Path, world: World) -> None:
    bench = polled(tmp_path, world)
    for name in NAMES[:5]:
        world.remove_project(name)
    for _ in range(3):
        report = bench.sync()
    assert "5 of the 8 projects mirrored" in report.failed["p0"]
    assert "--accept-removals" in report.failed["p0"]
    assert len(bench.listed()) == 8
    rollback.accept_removals().give(tmp_path)
    bench.sync()
    assert bench.listed().keys() == set(NAMES[5:])


def test_the_smallest_mirror_does_not_vanish_either(tmp_path: Path, world: World) -> None:
    world.faults.xmlrpc = world.faults.json_api = False
    world.faults.body("/simple/", b"<html>")
    world.publish("a", "1.0")
    world.publish("b", "1.0")
    bench = Bench(tmp_path, MemoryUpstream(world), {"a": ["latest"], "b": ["latest"]})
    bench.sync()
    world.faults.fail("/simple/?/", 404)
    for _ in range(3):
        bench.sync()
    assert bench.listed().keys() == {"a", "b"}


def test_what_nobody_has_seen_is_not_there_at_once(tmp_path: Path, world: World) -> None:
    bench = polled(tmp_path, world)
    bench.packages = {**bench.packages, "never": ["latest"]}
    bench.sync()
    assert status(bench, "never") == "gone"


def test_status_says_how_changes_are_told_and_that_an_index_is_broken(
    tmp_path: Path, world: World
) -> None:
    bench = polled(tmp_path, world)
    assert shown(bench).feeds == {"endpoint": "polling"}
    assert shown(bench).broken is None
    for name in NAMES[:5]:
        world.faults.fail(f"/simple/{name}/", 404)
    bench.sync()
    broken = shown(bench).broken
    assert broken is not None
    assert broken[1] == "upstream denies 5 of the 8 projects mirrored"
    since = broken[0]
    bench.sync()
    assert shown(bench).broken == (since, broken[1])
    world.heal()
    world.faults.xmlrpc = world.faults.json_api = False
    world.faults.body("/simple/", b"<html>")
    bench.sync()
    assert shown(bench).broken is None


def shown(bench: Bench) -> Status:
    with Reader(bench.database) as reader:
        return read_status(reader)
