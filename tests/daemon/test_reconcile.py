"""What the changelog did not tell is found by comparing with all of upstream."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pypisync.catalog.facts import pending
from pypisync.catalog.facts.pending import KnownProject
from pypisync.cycle.feeds import differing
from tests.recipe.mirrors import Bench
from tests.recipe.test_equality import decided
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

WEEK = 7 * 86400.0
PACKAGES = {"a": ["latest"], "b": ["latest"]}


def small(world: World) -> World:
    world.publish("a", "1.0", requires=["c"])
    world.publish("b", "1.0")
    world.publish("c", "1.0")
    return world


def fresh(tmp_path: Path, world: World) -> Bench:
    bench = Bench(tmp_path / "fresh", MemoryUpstream(world), PACKAGES)
    bench.sync()
    return bench


def test_an_upstream_that_was_restored(tmp_path: Path, world: World) -> None:
    bench = Bench(tmp_path / "old", MemoryUpstream(small(world)), PACKAGES)
    bench.sync()
    world.publish("a", "2.0", requires=["d"])
    world.publish("d", "1.0")
    world.remove_project("b")
    bench.sync()
    assert bench.listed() == {"a": {"2.0"}, "d": {"1.0"}}
    restored = small(World())
    bench.upstream = MemoryUpstream(restored)
    bench.sync()
    assert bench.listed() == {"a": {"1.0"}, "b": {"1.0"}, "c": {"1.0"}}
    assert decided(bench) == decided(fresh(tmp_path, restored))
    assert bench.query("SELECT value FROM settings WHERE name = 'serial'") == [
        (str(restored.serial),)
    ]
    bench.sync()  # "d" is not there for the second time
    # From there it goes on as ever, with one request when nothing changed.
    bench.upstream.log.clear()
    bench.sync()
    assert bench.upstream.requests() == 1
    restored.publish("c", "2.0")
    bench.sync()
    assert bench.listed()["c"] == {"2.0"}


def test_what_was_owed_by_the_lost_future_is_forgotten(tmp_path: Path, world: World) -> None:
    bench = Bench(tmp_path / "old", MemoryUpstream(small(world)), PACKAGES)
    bench.sync()
    world.noise(50)
    world.publish("a", "2.0")
    world.faults.fail("/simple/a/", 503)
    bench.sync()
    assert bench.query("SELECT name FROM pending") == [("a",)]
    restored = small(World())
    bench.upstream = MemoryUpstream(restored)
    assert bench.sync().exit_code == 0
    assert bench.query("SELECT name FROM pending") == []


def weekly(tmp_path: Path, world: World, lose: Callable[[], object]) -> Bench:
    """A mirror to which something was never told, a week later."""
    bench = Bench(tmp_path / "old", MemoryUpstream(small(world)), PACKAGES)
    bench.sync()
    lose()
    with bench.catalog().begin() as connection:
        pending.set_setting(connection, pending.SERIAL, str(world.serial))
    bench.sync()
    return bench


def test_a_change_that_was_never_told_is_found_within_a_week(tmp_path: Path, world: World) -> None:
    def lose() -> None:
        world.remove_project("b")
        world.publish("c", "2.0")

    bench = weekly(tmp_path, world, lose)
    assert bench.listed() == {"a": {"1.0"}, "b": {"1.0"}, "c": {"1.0"}}
    bench.clock += WEEK
    bench.sync()
    bench.sync()  # "b" is not there for the second time
    assert decided(bench) == decided(fresh(tmp_path, world))
    assert bench.listed() == {"a": {"1.0"}, "c": {"2.0"}}


def test_a_list_that_cannot_be_had_is_no_reason_to_stop(tmp_path: Path, world: World) -> None:
    memory = MemoryUpstream(small(world))
    bench = Bench(tmp_path / "old", memory, PACKAGES)
    bench.sync()
    bench.clock += WEEK
    world.publish("a", "2.0")
    names = memory.names

    def refuse() -> dict[str, int]:
        world.faults.fail("/pypi", 503, times=1)
        world.faults.fail("/simple/", 503, times=1)
        return dict(names())

    memory.names = refuse  # type: ignore[method-assign] # the one call that is to fail
    assert bench.sync().exit_code == 0
    assert bench.listed()["a"] == {"2.0"}
    memory.names = names  # type: ignore[method-assign]
    memory.log.clear()
    bench.sync()
    assert [entry.call for entry in memory.log.entries] == [
        "changelog_since_serial", "list_packages_with_serial"
    ]  # fmt: skip


NAMES = st.sampled_from("abcdef")
KNOWN = st.builds(
    KnownProject, st.integers(0, 5), st.sampled_from(["active", "gone", "quarantined", "archived"])
)


@given(st.dictionaries(NAMES, KNOWN), st.dictionaries(NAMES, st.integers(0, 5)))
def test_only_known_projects_that_differ_are_owed(
    known: dict[str, KnownProject], listed: dict[str, int]
) -> None:
    owed = differing(known, listed)
    assert owed.keys() <= known.keys()
    for name, project in known.items():
        there = listed.get(name)
        if project.status == "active":
            assert (name in owed) == (there is None or there not in (0, project.serial))
        if project.status == "gone":
            assert (name in owed) == (there is not None)
        assert owed.get(name, there or 0) == (there or 0)
