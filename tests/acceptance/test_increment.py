"""A second cycle costs what changed, counted in requests and in files written."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.acceptance import worlds
from tests.acceptance.clients import install, try_install
from tests.acceptance.product import Mirror, Product
from tests.acceptance.serving import serve
from tests.sim.server import Server
from tests.sim.world import World


class Pair(NamedTuple):
    """An upstream that changes, and a mirror that has been filled from it."""

    world: World
    server: Server
    mirror: Mirror

    def sync(self, code: int = 0) -> set[str]:
        """Run a cycle. Returns the published files that came, went or were written anew."""
        before = self.mirror.stamps()
        self.server.log.clear()
        self.mirror.sync(code)
        after = self.mirror.stamps()
        return {path for path, _ in before.items() ^ after.items()}

    def asked(self) -> list[str]:
        """The paths of the last cycle's requests."""
        return self.server.log.paths()


@pytest.fixture
def pair(product: Product, database: str, tmp_path: Path) -> Iterator[Pair]:
    """The team's mirror, with its catalog in SQLite or PostgreSQL."""
    world = worlds.team_world()
    with Server(world) as server:
        keys = worlds.configuration(server.url, database)
        mirror = Mirror(product, tmp_path / "mirror", keys)
        mirror.sync()
        yield Pair(world, server, mirror)


def test_nothing_changed(pair: Pair) -> None:
    assert pair.sync() == set()
    assert pair.asked() == ["/pypi"]  # the changelog
    pair.world.noise(50)  # what nobody here wants
    assert pair.sync() == set()
    assert pair.asked() == ["/pypi"]  # a short page of the changelog is the last


def test_one_project_changed(pair: Pair, tmp_path: Path) -> None:
    pair.world.publish("core", "2.1", requires=["leaf>=2"])
    written = pair.sync()
    assert all(about("core", path) for path in written), written
    assert any(path.startswith("simple/core/") for path in written)
    assert sum(path.endswith(".whl") for path in written) == 1  # 2.0 stays for the grace period
    assert all("core" in path for path in pair.asked() if path != "/pypi"), pair.asked()
    with serve(pair.mirror.tree, "json") as index:
        found = install("uv", index, tmp_path / "new", "core")
    assert found == {"core": "2.1", "leaf": "3.0"}


def test_yanked_and_removed(pair: Pair, tmp_path: Path) -> None:
    pair.world.yank("leaf", "3.0", reason="broken")
    written = pair.sync()
    assert all(about("leaf", path) for path in written), written
    with serve(pair.mirror.tree, "json") as index:
        assert install("uv", index, tmp_path / "1", "core") == {"core": "2.0", "leaf": "2.0"}
        pair.world.remove_project("young")
        # A root that upstream has no more is said by the exit code.
        assert all(about("young", path) for path in pair.sync(code=1))
        assert not (pair.mirror.tree / "simple" / "young").exists()
        assert try_install("uv", index, tmp_path / "2", "young").returncode != 0


def about(project: str, path: str) -> bool:
    """Whether a published file belongs to this project, or is the list of projects."""
    folder, _, name = path.rpartition("/")
    if path.startswith("packages/"):
        return name.startswith(f"{project}-")
    return folder in ("simple", f"simple/{project}")
