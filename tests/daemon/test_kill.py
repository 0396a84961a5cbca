"""Killed in the middle of every step, again and again, it ends as if it had been left alone.

The moments are seen from outside: a request that upstream never answers, or pages that appear on
the disk. Nothing of the process is prepared for it.
"""

import signal
from collections.abc import Callable
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import configure, fork
from tests.daemon.process import Forked, until
from tests.recipe.mirrors import Bench, read_tree
from tests.recipe.test_equality import decided
from tests.sim.memory import MemoryUpstream
from tests.sim.server import Server
from tests.sim.world import World

NAMES = [f"p{number}" for number in range(8)]
PACKAGES = {name: ["latest"] for name in NAMES}
# One worker asks in this order; then pages appear, and what is listed no longer goes.
PAGES, GOING = "pages", "going"
FIRST = [
    "/pypi",
    *(f"/simple/{name}/" for name in ("p0", "p3", "p7")),
    *(f"/packages/*/{name}-1.0*.whl" for name in ("p0", "p2", "p3")),
    *("/packages/*/p4-1.0-*.metadata", "/packages/*/p6-1.0*.whl"),
    *("/packages/*/p7-1.1.tar.gz", "/simple/setuptools/"),
    "/packages/*/p4-1.0*.whl",
    PAGES,
]
THEN = [
    "/pypi",
    *(f"/simple/{name}/" for name in ("p1", "p2")),
    *("/packages/*/p1-*.whl", "/packages/*/p2-*.whl", "/simple/new/", "/packages/*/new-*.whl"),
    PAGES,
    GOING,
]


def first(world: World) -> None:
    world.publish_setuptools_like()
    for number, name in enumerate(NAMES):
        requires = [NAMES[number + 1]] if number + 1 < len(NAMES) else []
        padding = 300_000 if name == "p4" else 1_000 * (number + 2)
        world.publish(name, "1.0", requires=requires, size_padding=padding)
    world.publish("p7", "1.1", wheels=(), sdist=True)


def then(world: World) -> None:
    world.publish("p1", "2.0", requires=["p2>=2"], size_padding=3_000)
    world.publish("p2", "2.0", requires=["new"], size_padding=4_000)
    world.publish("new", "1.0", size_padding=2_000)
    world.remove_release("p7", "1.1")


def moment(at: str, world: World, server: Server, data: Path) -> Callable[[], Any]:
    """Whether the moment to kill has come."""
    server.log.clear()
    if at == PAGES:
        before = pages(data)
        return lambda: pages(data) - before
    if at == GOING:
        [file] = data.glob("packages/*/*/*/p7-1.1.tar.gz")
        return lambda: not file.exists()
    world.faults.fail(at, "hang", times=1)
    return lambda: any(
        entry.status == 0 and fnmatchcase(entry.path, at) for entry in server.log.entries
    )


def pages(data: Path) -> set[tuple[str, int]]:
    """The pages as they are now: each one that is written is a new file."""
    found = set()
    for path in data.glob("simple/*/index.html"):
        with suppress(FileNotFoundError):
            found.add((path.parent.name, path.stat().st_ino))
    return found


@pytest.mark.long
def test_killed_in_every_step(tmp_path: Path, world: World, server: Server) -> None:
    keys: dict[str, Any] = {
        "packages": PACKAGES,
        "upstream": {"workers": 1, "pace": 0, "retries": 0, "timeout": 300},
    }
    calm = configure(tmp_path / "calm", server.url, **keys)
    config = configure(tmp_path / "killed", server.url, **keys)
    data = config.parent / "data"
    kills = 0
    for change, moments in ((first, FIRST), (then, THEN)):
        change(world)
        assert fork(calm, "sync").code == 0
        for number, at in enumerate(moments):
            come = moment(at, world, server, data)
            with Forked(config) as daemon:
                daemon.wait_for("leading")
                if number == 0:  # the last run was not cut off, so none is due
                    daemon.send(signal.SIGUSR1)
                until(come, f"the moment {at}")
                daemon.kill()
                kills += 1
            world.heal()
            read_tree(data)  # whatever is listed is there and whole
        with Forked(config) as daemon:
            daemon.wait_for("leading")
            daemon.send(signal.SIGUSR1)
            assert daemon.wait_for("run")["outcome"] == "done"
            assert daemon.terminate()[0] == 0
        assert catalog(config) == catalog(calm)
    assert kills >= 20


def catalog(config: Path) -> dict[str, Any]:
    """All that was decided and published."""
    data = config.parent / "data"
    url = f"sqlite:///{data.with_suffix('.sqlite')}"
    return decided(Bench(data, MemoryUpstream(World()), {}, url=url))
