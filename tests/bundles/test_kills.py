"""Exports, imports and links of a chain that are killed by -9 and started again, as processes.

Where they are killed is drawn. ``PYPISYNC_TEST_KILLS`` says how often; tests/bundles/test_crash.py
goes through every point within one process.
"""

import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from tests import forked
from tests.bundles.links import Link, linked
from tests.bundles.test_crash import contents
from tests.cli.running import PRELOADED, configure, environ
from tests.recipe.mirrors import Bench, read_tree
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World
from tests.web.sites import serving_bench

KILLS = int(os.environ.get("PYPISYNC_TEST_KILLS", "3"))
ROOTS = {"app": ["latest"]}
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.long


def draw() -> random.Random:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    return random.Random(seed)


def command(kill_at: int, config: Path, *words: str) -> int:
    """Runs a command, to be killed at a change of the disk. Returns how many there were."""
    killed = ["tests.bundles.killed", str(kill_at), *words, "--config", str(config)]
    done = forked.run(PRELOADED, killed, ROOT, environ())
    if done.returncode == -signal.SIGKILL:
        return 0
    assert done.returncode == 0, done.stderr
    return int(done.stderr.splitlines()[-1])


def killed(config: Path, *words: str, drawn: random.Random) -> int:
    """Runs a command that is killed, then to its end. Returns how often it was killed."""
    kills, most = 0, 400
    for _ in range(KILLS):
        seen = command(drawn.randint(1, most), config, *words)
        kills += not seen
        most = max(2, seen or most // 2)
    command(0, config, *words)
    return kills


@pytest.fixture
def link(memory_path: Path, world: World) -> Link:
    """An outside with news for an inside that has nothing; files that are cut."""
    world.publish("app", "1.0", requires=["lib"])
    world.publish("lib", "1.0", size_padding=2_500_000)
    made = linked(memory_path, world, {"app": ["latest"]})
    made.outside.sync()
    return made


def configuration(bench: Bench, folder: Path, **keys: Any) -> Path:
    """A configuration file for the mirror of a bench."""
    bench.folder.mkdir(exist_ok=True)
    return configure(
        folder,
        destination_folder=str(bench.folder),
        database=bench.database,
        **keys,
    )


def test_bundles(link: Link, memory_path: Path) -> None:
    drawn, media = draw(), memory_path / "media"
    outside = configuration(link.outside, memory_path / "o")
    inside = configuration(link.inside, memory_path / "i")
    export = ("export", "--full", "--unsigned", "--split", "1MiB", "--to")
    calm = memory_path / "calm"
    command(0, outside, *export, str(calm))
    assert killed(outside, *export, str(media), drawn=drawn)
    assert contents(media) == contents(calm)  # the same state, so the same bytes
    assert [path.name for path in media.iterdir() if path.is_dir()] == []
    assert killed(inside, "import", "--unsigned", str(media), drawn=drawn)
    link.check()
    assert list((link.inside.folder / ".partial").iterdir()) == []


def test_links_of_a_chain(memory_path: Path, world: World) -> None:
    """The middle is killed when it begins, the tail when there is news; both end as the head."""
    drawn = draw()
    world.publish("app", "1.0", requires=["lib"])
    world.publish("lib", "1.0")
    head = Bench(memory_path / "head", MemoryUpstream(world), {"app": ["latest"]}, retention=1e9)
    head.sync()
    with serving_bench(head) as address:
        middle, tail = (Bench(memory_path / at, MemoryUpstream(World()), {}) for at in ("m", "t"))
        one = configuration(middle, memory_path / "1", endpoint=address, packages=ROOTS)
        assert killed(one, "sync", drawn=drawn)
        with serving_bench(middle) as below:
            two = configuration(tail, memory_path / "2", endpoint=below, packages=ROOTS)
            command(0, two, "sync")
            assert read_tree(tail.folder) == read_tree(head.folder)
            world.publish("app", "2.0", requires=["new"])
            world.publish("new", "1.0")
            head.sync()
            command(0, one, "sync")
            assert killed(two, "sync", drawn=drawn)
            assert read_tree(tail.folder) == read_tree(middle.folder) == read_tree(head.folder)
            assert set(read_tree(tail.folder)) == {"app", "new"}
