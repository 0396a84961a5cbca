"""The chaos test itself: it runs, it finds what is broken, and it shortens what broke it."""

import json
import random
from datetime import datetime
from pathlib import Path

import pytest

from tests.chaos import promises
from tests.chaos.clock import Clock, leap
from tests.chaos.promises import BrokenError
from tests.chaos.shrink import shrunk
from tests.chaos.stage import Stage
from tests.chaos.steps import Step, drawn
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World


def test_a_short_attack(tmp_path: Path) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    draw = random.Random(seed)
    quick = [step for step in drawn(seed, 60) if step.kind in {"change", "fault"}]
    steps = [
        *quick[:6],
        Step("kill", draw.randrange(60)),
        *quick[6:9],
        Step("settle"),
        Step("carry"),
    ]
    with Stage(tmp_path / "mirror", seed) as stage:
        for step in steps:
            stage.play(step)
        assert stage.counts["kill"] == stage.counts["settle"] == stage.counts["carry"] == 1


def test_the_clock_is_set_and_the_process_of_the_stream_is_killed(tmp_path: Path) -> None:
    with Stage(tmp_path / "mirror", 1) as stage:  # with this seed there is one
        stage.play(Step("strike", 0, ("kill",)))
        assert stage.counts["children SIGKILL"] == 1
        stage.play(Step("start"))
        for number in range(20):
            if 2 * 3_600 <= leap(number) < 10 * 86_400 and number % 3:
                stage.play(Step("clock", number))
                break
        if Clock(tmp_path).there:
            told = (tmp_path / "mirror" / "daemon.log").read_text(encoding="utf-8")
            moments = [
                datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()
                for line in told.splitlines()
            ]
            assert moments[-1] - moments[0] >= 2 * 3_600


def test_a_file_that_is_not_what_its_page_says_is_seen(tmp_path: Path) -> None:
    with Stage(tmp_path / "mirror", 1) as stage:
        stage.play(Step("cycle"))
        data = tmp_path / "mirror" / "disk" / "data"
        wheel = next((data / "packages").rglob("*.whl"))
        wheel.write_bytes(b"x" + wheel.read_bytes()[1:])
        with pytest.raises(BrokenError, match="links"):
            promises.links(data)
        wheel.unlink()
        with pytest.raises(BrokenError, match="links"):
            promises.links(data)
        stray = wheel.with_name("p9-1.0-py3-none-any.whl")
        stray.touch()
        url = f"sqlite:///{data.with_suffix('.sqlite')}"
        with pytest.raises(BrokenError, match="unknown"):
            promises.nothing_else(data, url, set())


def test_the_same_seed_draws_the_same_steps() -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    assert drawn(seed, 50) == drawn(seed, 50)
    assert drawn(seed, 50)[-1].kind == "settle"


def test_what_breaks_is_shortened_to_what_is_needed() -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    draw = random.Random(seed)
    needed = set(draw.sample(range(50), 3))
    assert shrunk(range(50), lambda part: needed <= set(part)) == sorted(needed)


def test_what_upstream_took_away_may_be_awaited_and_nothing_else(tmp_path: Path) -> None:
    worlds = World(), World()
    for world in worlds:
        world.publish("lib", "1.0")
        world.publish("lib", "2.0")
        world.publish("app", "1.0", requires=["lib"])
    takes, keeps = (promises.Closed(world) for world in worlds)
    bench = Bench(tmp_path, MemoryUpstream(worlds[0]), {"app": ["latest"]})
    bench.sync()
    for closed in (takes, keeps):
        closed.check(tmp_path, bench.database, running=False)
    worlds[0].remove_release("lib", "2.0")
    worlds[0].faults.fail("/packages/*/lib-1.0*", 503)
    for _ in range(2):
        bench.sync()
        assert bench.listed() == {"app": {"1.0"}}
        takes.check(tmp_path, bench.database, running=False)
        with pytest.raises(BrokenError, match="not lacking upstream"):
            keeps.check(tmp_path, bench.database, running=False)
    worlds[0].heal()
    bench.sync()
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}}
    takes.check(tmp_path, bench.database, running=False)
