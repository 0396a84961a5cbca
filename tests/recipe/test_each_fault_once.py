"""Each fault of a network, once, in one first sync over HTTP: nothing of it is left afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pypisync.upstream.client import HttpUpstream, Settings
from tests.recipe.mirrors import Bench
from tests.sim.faults import Kind
from tests.sim.server import Server
from tests.sim.world import World

FAULTS: tuple[tuple[str, int | Kind], ...] = (
    ("/simple/lib-0/", "drop"),
    ("/simple/lib-1/", 500),
    ("/simple/lib-2/", 503),
    ("/simple/lib-3/", 429),
    ("/simple/lib-4/", "truncate"),
    ("*lib_5-*.whl.metadata", "corrupt"),
    ("*lib_6-*.whl.metadata", "truncate"),
    ("*lib_7-*.whl", "corrupt"),
    ("*lib_8-*.whl", "truncate"),
    ("*lib_9-*.whl", "drop"),
)


@pytest.fixture
def upstream(server: Server) -> Iterator[HttpUpstream]:
    found = HttpUpstream(Settings(server.url), sleep=lambda _: None)
    yield found
    found.close()


def break_each_once(world: World) -> list[str]:
    """Publish projects, and plan the faults. Returns their names."""
    roots = [f"lib-{n}" for n in range(12)]
    for name in roots:  # two wheels are too large to come in the place of their .metadata
        world.publish(name, "1.0", size_padding=300_000 if name in ("lib-5", "lib-6") else 0)
    for pattern, effect in FAULTS:
        world.faults.fail(pattern, effect, times=1)
    # Broken JSON, and a page that is cut in the middle but says that it is whole.
    world.faults.body(
        "/simple/lib-10/", b'{"meta": {', times=1, headers={"Content-Type": "application/json"}
    )
    world.faults.body(
        "/simple/lib-11/",
        b'{"name": "lib-11", "files": [',
        times=1,
        headers={"Content-Type": "application/vnd.pypi.simple.v1+json"},
    )
    return roots


def test_a_first_sync_brings_all(world: World, upstream: HttpUpstream, tmp_path: Path) -> None:
    roots = break_each_once(world)
    bench = Bench(tmp_path / "mirror", upstream, {name: ["latest"] for name in roots})
    report = bench.sync()
    assert report.failed == {}
    assert bench.listed() == {name: {"1.0"} for name in roots}
    assert not any(one.left for one in world.faults._plan)
