"""Real index servers as the upstream: sync from them, change something, sync again, install."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import fronts, peers
from tests.acceptance.clients import CLIENTS, Client, install
from tests.acceptance.peers import SERVERS, Peer
from tests.acceptance.product import Mirror, Product, environment_of_this_machine
from tests.recipe.mirrors import read_tree

ROOTS = ["app", "only-sdist"]


@pytest.fixture(params=SERVERS)
def peer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Peer]:
    with peers.started(request.param, tmp_path) as running:
        running.publish("base", "1.0")
        running.publish("lib", "1.0", "base")
        running.publish("app", "1.0", "lib")
        running.publish("only-sdist", "1.0", "base", sdist=True)
        yield running


def test_a_mirror_of_it_follows_and_installs(peer: Peer, product: Product, tmp_path: Path) -> None:
    """Everything comes from the peer; whatever PyPI has is asked of nobody."""
    keys = {
        "environment": environment_of_this_machine(),
        "packages": {name: ["latest"] for name in ROOTS},
        "indexes": [{"name": "peer", "address": peer.root, "projects": ["*"]}],
        "reserved": ["*"],
        "endpoint": "http://127.0.0.1:9",  # nobody is there, and nobody is asked
    }
    mirror = Mirror(product, tmp_path / "mirror", keys)
    mirror.sync()
    first = {"app": {"1.0"}, "lib": {"1.0"}, "base": {"1.0"}, "only-sdist": {"1.0"}}
    assert read_tree(mirror.tree) == first
    peer.publish("lib", "2.0", "base")
    peer.publish("app", "2.0", "lib>=2")
    mirror.sync()
    assert read_tree(mirror.tree) == first | {"app": {"2.0"}, "lib": {"2.0"}}
    with fronts.product(mirror, tmp_path) as address:
        for client in CLIENTS:
            assert installed(client, address, tmp_path) == {
                "app": "2.0",
                "lib": "2.0",
                "base": "1.0",
                "only-sdist": "1.0",
            }
    peer.remove("app", "2.0")
    mirror.sync()
    assert read_tree(mirror.tree)["app"] == {"1.0"}


def installed(client: Client, address: str, folder: Path) -> dict[str, str]:
    return install(client, f"{address}/simple/", folder / client, *ROOTS)
