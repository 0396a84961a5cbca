"""Requirements read out of wheels that upstream says nothing of beside them."""

from pathlib import Path
from typing import Any

import pytest

from pypisync.cycle.mirror import metadata_ask
from pypisync.errors import Unreachable
from pypisync.upstream.api import AskFor, Deposit, PartsAsk
from tests.recipe.closed import unmet
from tests.recipe.conftest import Wired
from tests.recipe.mirrors import Bench
from tests.recipe.test_equality import decided
from tests.sim.memory import MemoryUpstream
from tests.sim.server import Server
from tests.sim.world import World

BIG = 60_000_000


def heavy(world: World) -> None:
    """heavy 3.0 conflicts, 2.0 as well and is large, 1.0 installs: only 2.0 is not mirrored."""
    world.faults.json_api = False
    world.publish("app", "1.0", requires=["heavy", "lib<2"], metadata=False)
    world.publish("heavy", "1.0", requires=["lib"], metadata=False)
    world.publish("heavy", "2.0", requires=["lib>=2"], metadata=False, size_padding=BIG)
    world.publish("heavy", "3.0", requires=["lib>=2"], metadata=False)
    world.publish("lib", "1.0", metadata=False)
    world.publish("lib", "2.0", metadata=False)


def sources(bench: Bench) -> dict[str, str]:
    rows = bench.query("SELECT project, version, source FROM v_releases WHERE knowledge = 'known'")
    return {f"{project} {version}": source for project, version, source in rows}


def test_a_large_wheel_is_known_for_little(
    tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    heavy(world)
    bench = Bench(tmp_path, wired(), {"app": ["latest"]})
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"app": {"1.0"}, "heavy": {"1.0", "3.0"}, "lib": {"1.0", "2.0"}}
    assert bench.query("SELECT verdict FROM v_proofs") == [("proven",)]
    assert sources(bench)["heavy 2.0"] == "ranges"
    assert server.log.sent < 300_000
    assert unmet(tmp_path) == set()


def test_without_ranges_the_whole_wheel_is_read(
    tmp_path: Path, world: World, server: Server, wired: Wired
) -> None:
    world.faults.json_api = False
    world.faults.no_range()
    world.publish("app", "1.0", requires=["lib"], metadata=False, size_padding=2_000_000)
    world.publish("lib", "1.0", metadata=False, size_padding=3_000_000)
    bench = Bench(tmp_path, wired(workers=1), {"app": ["latest"]})
    assert bench.sync().exit_code == 0
    assert sources(bench) == {"app 1.0": "wheel", "lib 1.0": "wheel"}
    assert server.requests("file") == 3  # one that shows it, and the two
    assert server.requests("json_release") == 2


def test_what_was_read_is_checked_against_the_wheel(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("app", "1.0", requires=["lib"], metadata=False, size_padding=2_000_000)
    world.publish("lib", "1.0", metadata=False)
    bench = Bench(tmp_path, memory, {"app": ["latest"]})
    assert bench.sync().exit_code == 0
    assert sources(bench) == {"app 1.0": "wheel", "lib 1.0": "wheel"}
    assert memory.requests("json_release") == 0
    rows = bench.query("SELECT count(*) FROM files WHERE ranged IS NOT NULL")
    assert rows == [(0,)]


@pytest.mark.parametrize("times", [1, None])
def test_parts_that_are_damaged_for_a_time_say_nothing_for_ever(
    tmp_path: Path, world: World, times: int | None
) -> None:
    """What comes in parts is held against no hash: only the whole wheel can be damaged for good."""
    heavy(world)
    bench = Bench(tmp_path / "mirror", MemoryUpstream(world), {"app": ["latest"]})
    world.faults.corrupt("*/heavy-2.0-*", times)
    report = bench.sync()
    assert ("heavy==2.0" in report.failed) is (times is None)
    world.heal()
    assert bench.sync().exit_code == 0
    assert sources(bench)["heavy 2.0"] in {"ranges", "wheel"}
    fresh = Bench(tmp_path / "fresh", MemoryUpstream(world), bench.packages)
    fresh.sync()
    assert decided(bench) == decided(fresh)


class Failing(MemoryUpstream):
    """Fails when it is asked for parts of a file, as some hosts do by 500 or a redirect."""

    def answer(self, deposit: Deposit, ask: AskFor[Any]) -> Any:
        if isinstance(ask, PartsAsk):
            raise Unreachable(f"{ask.file.path}: HTTP 500")
        return super().answer(deposit, ask)


def test_a_host_that_fails_at_ranges_may_serve_the_whole(tmp_path: Path, world: World) -> None:
    for name, requires in (("app", ["lib"]), ("lib", [])):
        world.publish(name, "1.0", requires=requires, metadata=False, size_padding=2_000_000)
    bench = Bench(tmp_path, Failing(world), {"app": ["latest"]})
    assert bench.sync().exit_code == 0
    assert sources(bench) == {"app 1.0": "wheel", "lib 1.0": "wheel"}


def test_a_host_that_is_down_is_waited_for(tmp_path: Path, world: World) -> None:
    world.publish("app", "1.0", metadata=False, size_padding=2_000_000)
    world.faults.fail("*.whl", 503)
    bench = Bench(tmp_path, Failing(world), {"app": ["latest"]})
    assert bench.sync().held.keys() == {"app==1.0"}
    assert sources(bench) == {}
    world.heal()
    bench.upstream = MemoryUpstream(world)
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"app": {"1.0"}}


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("ranges", [True, False])
def test_metadata_beside_a_wheel_that_is_announced_and_not_there(
    status: int, ranges: bool, tmp_path: Path, world: World, wired: Wired
) -> None:
    """Hosts of plain files say 403 of it; then the wheel itself speaks, by whatever way."""
    world.faults.json_api = False
    world.faults.fail("*.metadata", status)
    if not ranges:
        world.faults.no_range()
    world.publish("app", "1.0", requires=["lib"], size_padding=2_000_000)
    world.publish("lib", "1.0", size_padding=2_000_000)
    bench = Bench(tmp_path, wired(), {"app": ["latest"]})
    bench.sync()
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}}
    assert set(sources(bench).values()) == {"wheel"}


def test_metadata_lies_beside_the_wheel_whatever_its_address_has_behind_the_place() -> None:
    ask = metadata_ask("https://host/a-1.0.whl?sig=a/b", "a", "", "own")
    assert ask.url == "https://host/a-1.0.whl.metadata?sig=a/b"
    assert metadata_ask("https://host/a-1.0.whl", "a", "", "own").url.endswith(".whl.metadata")


class Liar(MemoryUpstream):
    """Says something else of a wheel when asked for parts of it."""

    def answer(self, deposit: Deposit, ask: AskFor[Any]) -> Any:
        answer = super().answer(deposit, ask)
        if isinstance(ask, PartsAsk):
            assert isinstance(answer, bytes)
            return answer.replace(b"Requires-Dist: lib", b"Requires-Dist: lie")
        return answer


@pytest.mark.parametrize("crash", [False, True])
def test_the_wheels_own_word_counts(
    tmp_path: Path, world: World, crash: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.publish("app", "1.0", requires=["lib"], metadata=False, size_padding=2_000_000)
    for name in ("lib", "lie"):
        world.publish(name, "1.0")
    bench = Bench(tmp_path, Liar(world), {"app": ["latest"]})
    if crash:  # the wheel is there, and not yet looked at
        with monkeypatch.context() as patch:
            patch.setattr("pypisync.cycle.sync.verify", interrupted)
            with pytest.raises(KeyboardInterrupt):
                bench.sync()
    report = bench.sync()
    assert report.exit_code == 1
    assert "another METADATA" in report.failed["app==1.0"]
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}}
    assert unmet(tmp_path) == set()
    assert bench.sync().exit_code == 0
    assert sources(bench)["app 1.0"] == "wheel"


def interrupted(_: object) -> dict[str, str]:
    raise KeyboardInterrupt
