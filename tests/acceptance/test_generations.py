"""Older generations from the built wheel: served, installed by real pip and uv, gone back to."""

from pathlib import Path

import pytest

from tests.acceptance import fronts, worlds
from tests.acceptance.clients import CLIENTS, install
from tests.acceptance.product import Mirror, Product
from tests.sim.server import Server
from tests.sim.world import World


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_clients_install_what_was(
    product: Product, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres").fresh() if kind == "postgresql" else None
    world = World()
    world.publish("app", "1.0", requires=["lib"])
    world.publish("lib", "1.0")
    with Server(world) as server:
        keys = worlds.configuration(server.url, url) | {"packages": {"app": ["latest"]}}
        mirror = Mirror(product, tmp_path / "mirror", keys)
        if url is None:
            mirror.keys["database"] = f"sqlite:///{tmp_path / 'mirror' / 'data' / 'm.sqlite'}"
        mirror.sync()
        world.publish("app", "2.0", requires=["lib>=2"])
        world.publish("lib", "2.0")
        world.remove_release("lib", "1.0")
        mirror.sync()
        config = str(mirror.configuration)
        done = product.pypisync("tag", "1", "stable", "--config", config)
        assert done.returncode == 0, done.stderr
        with fronts.product(mirror, tmp_path) as address:
            for client in CLIENTS:
                folder = tmp_path / client
                old = install(client, f"{address}/generations/1/simple/", folder / "old", "app")
                assert old == {"app": "1.0", "lib": "1.0"}
                new = install(client, f"{address}/simple/", folder / "new", "app")
                assert new == {"app": "2.0", "lib": "2.0"}
            done = product.pypisync("rollback", "stable", "--config", config)
            assert done.returncode == 0, done.stderr
            mirror.sync()
            for client in CLIENTS:
                back = install(client, f"{address}/simple/", tmp_path / client / "back", "app")
                assert back == {"app": "1.0", "lib": "1.0"}
