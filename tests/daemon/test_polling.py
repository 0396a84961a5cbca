"""What is polled is asked for once an interval, spread over it; the clock is the test's."""

from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypisync.catalog.db.reader import Reader
from pypisync.config.load import load
from pypisync.cycle.poll import due
from pypisync.daemon.agenda import Agenda
from pypisync.schedule import parse
from tests.cli.running import configure
from tests.daemon.test_agenda import Clock, agenda, clock  # noqa: F401 - fixtures
from tests.daemon.test_service import Bench
from tests.recipe.test_feeds import only
from tests.sim.server import Server
from tests.sim.world import World

HOUR = 3600.0
START = 1_800_000_000


def asked(server: Server) -> list[str]:
    """The projects that were asked for since the last look."""
    paths = server.log.paths("simple")
    server.log.clear()
    return [path.split("/")[2] for path in paths]


def runs(database: str) -> int:
    with Reader(database) as reader:
        [(count,)] = reader.rows("SELECT count(*) FROM runs")
    return int(count)


def test_an_interval_is_cut_into_twelve_slices_of_at_least_a_minute() -> None:
    texts = ("1 day", "1 hour", "10 minutes", "90 seconds", "60 seconds", "17 * * * *")
    assert [parse(text).slice for text in texts] == [7200, 300, 60, 60, None, None]


def test_the_daemon_asks_each_project_once_an_interval_and_never_many_at_once(
    tmp_path: Path, world: World, server: Server
) -> None:
    names = [f"p{number}" for number in range(40)]
    only(world, "polling")
    for name in names:
        world.publish(name, "1.0")
    packages = {name: ["latest"] for name in names}
    config = load(configure(tmp_path, server.url, packages=packages, schedule="1 hour"), {})
    with ExitStack() as stack:
        bench = Bench(config, stack)
        asked(server)
        slices = []
        for _ in range(12):
            bench.clock += 300
            bench.jobs.poll()
            slices.append(asked(server))
        assert sorted(name for names in slices for name in names) == sorted(names)
        assert max(map(len, slices)) < len(names) / 3
        assert runs(config.database_url) == 1 + sum(map(bool, slices))
        before = runs(config.database_url)
        bench.jobs.poll()  # nobody's moment has come: not even a run is recorded
        assert asked(server) == []
        assert runs(config.database_url) == before
        world.publish("p7", "2.0")
        for _ in range(12):
            bench.clock += 300
            bench.jobs.poll()
        assert (config.destination / "simple/p7/index.html").read_text().count("p7-2.0-") >= 1


def test_a_cycle_that_takes_long_makes_nobody_be_asked_twice(
    tmp_path: Path, world: World, server: Server
) -> None:
    names = [f"p{number}" for number in range(40)]
    only(world, "polling")
    for name in names:
        world.publish(name, "1.0")
    packages = {name: ["latest"] for name in names}
    config = load(configure(tmp_path, server.url, packages=packages, schedule="1 hour"), {})
    with ExitStack() as stack:
        bench = Bench(config, stack)
        asked(server)
        found: dict[str, list[float]] = {name: [] for name in names}

        def slow() -> float:  # each look at the clock takes a while
            bench.clock += 20
            return bench.clock

        begun = bench.clock
        bench.jobs.mirror.now = slow
        while bench.clock < begun + 3 * HOUR + 600:  # the last moments are looked for a while later
            bench.clock += 300
            bench.jobs.poll()
            for name in asked(server):
                found[name].append(bench.clock)
    for moments in found.values():
        assert len(moments) >= 3
        assert all(b - a > HOUR / 2 for a, b in pairwise(moments))


def test_where_a_feed_tells_changes_nothing_runs_between_two_syncs(
    tmp_path: Path, world: World, server: Server
) -> None:
    world.publish("a", "1.0")
    config = load(configure(tmp_path, server.url, schedule="1 hour"), {})
    with ExitStack() as stack:
        bench = Bench(config, stack)
        server.log.clear()
        for _ in range(12):
            bench.clock += 300
            bench.jobs.poll()
        assert server.requests() == 0
        assert runs(config.database_url) == 1


def test_all_are_asked_in_each_cycle_of_a_cron_expression(
    tmp_path: Path, world: World, server: Server
) -> None:
    only(world, "polling")
    for name in "abc":
        world.publish(name, "1.0")
    packages = {name: ["latest"] for name in "abc"}
    config = load(configure(tmp_path, server.url, packages=packages, schedule="17 * * * *"), {})
    with ExitStack() as stack:
        bench = Bench(config, stack)
        for _ in range(2):
            asked(server)
            bench.clock += 60
            bench.jobs.sync()
            assert sorted(asked(server)) == ["a", "b", "c"]


def test_the_agenda_wakes_for_each_slice_and_lets_nobody_out(
    agenda: Agenda,  # noqa: F811
    clock: Clock,  # noqa: F811
) -> None:
    schedule = parse("1 hour")
    assert schedule.slice is not None
    names = [f"p{number}" for number in range(300)]
    wakes: list[list[str]] = []
    last, done = clock.seconds, Event()

    def look() -> None:
        nonlocal last
        wakes.append([name for name in names if due(name, HOUR, last, clock.seconds)])
        last = clock.seconds
        done.set()

    agenda.every("poll", look, schedule.slice, clock.seconds + schedule.slice)
    for _ in range(360):
        clock.seconds += 10
        before = agenda.next_run("poll")
        agenda.tick()
        if clock.seconds >= before:
            assert done.wait(10)
            done.clear()
    assert len(wakes) == 12
    assert sorted(name for names in wakes for name in names) == sorted(names)
    assert max(map(len, wakes)) < 60
    agenda.drop("poll")
    agenda.drop("poll")
    assert agenda.get_job("poll") is None


@given(
    st.text(min_size=1),
    st.integers(60, 86400),
    st.lists(st.floats(0, 5), max_size=40),
)
def test_each_is_due_exactly_once_in_each_interval(
    name: str, every: int, moments: list[float]
) -> None:
    """However often and however irregularly it is looked for."""
    ends = [START + every * number for number in range(7)]
    looks = sorted({*ends, *(START + every * moment for moment in moments)})
    found = [b for a, b in pairwise(looks) if due(name, every, a, b)]
    for begin, end in pairwise(ends):
        assert sum(begin < moment <= end for moment in found) == 1


@given(st.text(min_size=1), st.integers(60, 86400), st.floats(1.0, 1e6), st.floats(0.01, 1e6))
def test_a_clock_that_jumps_makes_each_due_once(
    name: str, every: int, forward: float, back: float
) -> None:
    assert due(name, every, START, START + forward * every)
    past = START - back
    assert due(name, every, START, past)
    # The cycle that asked is the newest completed one now, so what follows is as ever.
    quarters = [past + number * every / 4 for number in range(5)]
    assert sum(due(name, every, a, b) for a, b in pairwise(quarters)) == 1


@pytest.mark.parametrize("jump", [-86400.0, -1000.0, 86400.0])
def test_a_jump_of_the_clock_loses_nobody(
    jump: float, tmp_path: Path, world: World, server: Server
) -> None:
    only(world, "polling")
    names = [f"p{number}" for number in range(10)]
    for name in names:
        world.publish(name, "1.0")
    packages = {name: ["latest"] for name in names}
    config = load(configure(tmp_path, server.url, packages=packages, schedule="1 hour"), {})
    with ExitStack() as stack:
        bench = Bench(config, stack)
        asked(server)
        bench.clock += jump
        bench.jobs.poll()
        assert sorted(asked(server)) == sorted(names)
        found: list[str] = []
        for _ in range(12):
            bench.clock += 300
            bench.jobs.poll()
            found += asked(server)
        assert sorted(found) == sorted(names)
