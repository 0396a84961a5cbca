"""A stop at any point, then a run, ends as if there had been no stop."""

from itertools import count
from pathlib import Path

import pytest

from pypisync.catalog.db.reader import Reader
from pypisync.config.load import load
from pypisync.cycle.report import Report
from pypisync.cycle.sync import sync_once
from pypisync.errors import Stopped
from pypisync.wiring import open_mirror
from tests.cli.running import configure
from tests.recipe.mirrors import tree_bytes
from tests.sim.server import Server
from tests.sim.world import World


def sync(config: Path, stop_after: int | None = None) -> Report:
    """One cycle that is told to stop when it has asked so often whether it should."""
    asked = count()

    def stop() -> bool:
        return stop_after is not None and next(asked) >= stop_after

    with open_mirror(load(config, {}), stop=stop) as mirror:
        return sync_once(mirror)


def facts(config: Path) -> list[tuple[str, str]]:
    """How the requirements of each release are known."""
    with Reader(load(config, {}).database_url) as reader:
        return list(reader.rows("SELECT version, knowledge FROM releases ORDER BY project_id, id"))


@pytest.mark.parametrize("stop_after", [0, 1, 3, 8, 14, 20, 22, 26, 30, 38, 44, 55, 72])
def test_a_stop_anywhere(tmp_path: Path, world: World, server: Server, stop_after: int) -> None:
    world.publish_setuptools_like()
    world.publish("a", "1.0", requires=["b", "c"])
    world.publish("b", "1.0", metadata=False, requires=["d"])
    world.publish("c", "1.0", wheels=(), sdist=True, sdist_metadata="none", claim=None)
    world.publish("d", "1.0", size_padding=300_000)
    packages = {"a": ["latest"]}
    good = configure(tmp_path / "good", server.url, packages=packages)
    sync(good)
    config = configure(tmp_path / "stopped", server.url, packages=packages)
    try:
        report = sync(config, stop_after)
    except Stopped:
        with Reader(load(config, {}).database_url) as reader:
            assert reader.value("SELECT outcome FROM runs") == "stopped"
            assert reader.value("SELECT count(*) FROM pending WHERE attempts > 0") == 0
    else:
        assert report.exit_code == 0
    sync(config)
    assert facts(config) == facts(good)
    assert tree_bytes(config.parent / "data") == tree_bytes(good.parent / "data")
