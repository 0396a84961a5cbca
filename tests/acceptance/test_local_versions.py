"""Local versions (PEP 440, such as 2.9.0+cpu): PypiSync, pip and uv choose the same."""

from pathlib import Path

import pytest

from pypisync.core.standards import specifiers, versions
from tests.acceptance.clients import CLIENTS, Client, try_install
from tests.acceptance.serving import serve
from tests.cli.running import configure, invoke
from tests.recipe.mirrors import read_tree
from tests.sim.server import Server
from tests.sim.world import World

VERSIONS = ("2.8.0", "2.9.0", "2.9.0+cpu", "2.9.0+cu126", "2.10.0+cpu", "2.11.0")
SPECIFIERS = (
    "==2.9.0", "==2.9.0+cpu", "==2.9.0+cu118", "==2.9.*", "==2.10.0", "~=2.9.0", "~=2.9",
    "<=2.9.0", "<2.9.0", "<2.10.0", "<=2.10.0", ">=2.10.0,<2.11", ">2.10.0", ">2.9.0,<2.10.0",
    "!=2.11.0", "!=2.11.0,!=2.10.0", "!=2.11.0,!=2.10.0+cpu", "===2.9.0", ">=2.9.0,<=2.9.0",
)  # fmt: skip


def newest(specifier: str) -> str:
    """The newest version that a specifier admits, by PypiSync; "" if there is none."""
    matcher = specifiers.matcher(specifier)
    keys = {text: versions.key(parsed) for text in VERSIONS if (parsed := versions.parse(text))}
    matching = [text for text, key in keys.items() if matcher.matches(key, text)]
    return max(matching, key=keys.__getitem__, default="")


@pytest.fixture(scope="module")
def world() -> World:
    world = World()
    for version in VERSIONS:
        world.publish("torch", version)
    world.publish("user", "1.0", requires=["torch==2.9.0"])
    return world


@pytest.mark.parametrize("client", CLIENTS)
def test_clients_choose_what_the_specifiers_are_read_as(
    client: Client, world: World, tmp_path: Path
) -> None:
    chosen = {}
    with Server(world) as server:
        for specifier in SPECIFIERS:
            asked = [f"torch{specifier}", "--dry-run"]
            done = try_install(client, f"{server.url}/simple/", tmp_path, *asked)
            said = done.stdout + done.stderr
            found = [v for v in VERSIONS if f"torch-{v}\n" in said or f"torch=={v}\n" in said]
            chosen[specifier] = found[-1] if found and not done.returncode else ""
    assert chosen == {specifier: newest(specifier) for specifier in SPECIFIERS}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("latest", {"2.11.0", "2.9.0+cu126"}),
        ("latest<2.10.0", {"2.9.0+cu126"}),
        ("2.10.0", {"2.10.0+cpu", "2.9.0+cu126"}),
        ("2.9.0+cpu", {"2.9.0+cpu", "2.9.0+cu126"}),
        ("2 latest<2.10", {"2.9.0+cpu", "2.9.0+cu126"}),
    ],
)
def test_selectors_prefer_local_versions_to_the_public_one(
    selector: str, expected: set[str], world: World, tmp_path: Path
) -> None:
    """And ``torch==2.9.0`` of a requirement is met by the newest local version of it."""
    with Server(world) as server:
        packages = {"torch": [selector], "user": ["latest"]}
        assert invoke(configure(tmp_path, server.url, packages=packages), "sync").code == 0
    assert read_tree(tmp_path / "data")["torch"] == expected


@pytest.mark.parametrize("client", CLIENTS)
def test_local_versions_install_from_the_mirror(
    client: Client, world: World, tmp_path: Path
) -> None:
    with Server(world) as server:
        config = configure(tmp_path, server.url, packages={"user": ["latest"]})
        assert invoke(config, "sync").code == 0
    for kind in ("html", "json"):
        with serve(tmp_path / "data", kind) as address:
            done = try_install(client, address, tmp_path / kind, "user")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "2.9.0+cu126" in done.stdout + done.stderr
