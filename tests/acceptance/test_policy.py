"""What the policy bars cannot be installed, nor fetched by its own address."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.acceptance import fronts
from tests.acceptance.clients import CLIENTS, install, try_install
from tests.acceptance.product import Mirror, Product, environment_of_this_machine
from tests.sim.server import Server
from tests.sim.state import Vulnerable
from tests.sim.world import World

FAR = "2999-01-01"  # an upload that stays young


@pytest.fixture
def mirror(product: Product, world: World, tmp_path: Path) -> Iterator[Mirror]:
    """A mirror of an application, of which and of whose library the newest is 2.0."""
    for version in ("1.0", "2.0"):
        world.publish("app", version, requires=["lib"])
        world.publish("lib", version)
    world.publish("app", "3.0", requires=["lib>=3"], uploaded=FAR)
    with Server(world) as server:
        keys = {
            "endpoint": server.url,
            "environment": environment_of_this_machine(),
            "packages": {"app": ["latest"]},
            "policy": {"min_age": "1 day"},
        }
        yield Mirror(product, tmp_path / "mirror", keys)


def status_of(url: str) -> int:
    """How the server answers to a direct address."""
    try:
        with urlopen(url) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def test_clients_get_the_newest_that_is_left(mirror: Mirror, world: World, tmp_path: Path) -> None:
    mirror.sync()
    (tmp_path / "serve").mkdir()
    with fronts.product(mirror, tmp_path / "serve") as address:
        index = f"{address}/simple/"
        for client in CLIENTS:
            wanted = {"app": "2.0", "lib": "2.0"}
            assert install(client, index, tmp_path / client / "before", "app") == wanted
        paths = {name: file.path for name, file in world.files.items()}
        direct = address + paths["app-2.0-py3-none-any.whl"]
        assert (status_of(direct), status_of(f"{direct}.metadata")) == (200, 200)
        assert status_of(address + paths["app-3.0-py3-none-any.whl"]) == 404

        world.state_vulnerabilities("lib", "2.0", Vulnerable("PYSEC-2026-1"))
        block = {"name": "app", "specifier": ">=2", "reason": "stolen account"}
        mirror.keys["policy"] |= {"block": [block], "vulnerabilities": "block"}
        mirror.sync()
        assert (status_of(direct), status_of(f"{direct}.metadata")) == (404, 404)
        assert status_of(address + paths["lib-2.0-py3-none-any.whl"]) == 404
        for client in CLIENTS:
            wanted = {"app": "1.0", "lib": "1.0"}
            assert install(client, index, tmp_path / client / "after", "app") == wanted
            assert try_install(client, index, tmp_path / client / "pin", "app==2.0").returncode != 0
    config = str(mirror.configuration)
    why = mirror.product.pypisync("why", "app==2.0", "--config", config)
    assert (why.returncode, "(blocked: stolen account)" in why.stdout) == (1, True)
    why = mirror.product.pypisync("why", "lib==2.0", "--config", config)
    assert "(vulnerable: PYSEC-2026-1)" in why.stdout
    status = json.loads(mirror.product.pypisync("status", "--json", "--config", config).stdout)
    assert (status["barred"], status["vulnerable"], status["well"]) == (3, 0, True)
