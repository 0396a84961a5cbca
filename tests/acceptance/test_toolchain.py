"""``toolchain: true``: one's own project installs from the mirror, with what it is built with."""

import json
import sys
from pathlib import Path

import pytest

from pypisync.core.wanted.roots import TOOLCHAIN
from tests.acceptance.clients import CLIENTS, Client, try_install
from tests.acceptance.serving import serve
from tests.cli.running import configure, invoke
from tests.sim import backend, dists
from tests.sim.server import Server
from tests.sim.world import World

PROJECT = '[project]\nname = "own"\nversion = "1.0"\ndependencies = ["leaf"]\n'
BUILD_SYSTEM = """
[build-system]
requires = ["hatchling>=1.5"]
build-backend = "hatchling.build"
"""


@pytest.fixture(scope="module")
def world() -> World:
    """The toolchain as stand-ins; hatchling needs another project, as it really does."""
    world = World()
    world.publish("leaf", "1.0")
    world.publish("pathspec", "0.12")
    for name in set(TOOLCHAIN) - {"setuptools", "hatchling"}:
        world.publish(name, "1.0")
    world.publish_setuptools_like()
    code = Path(backend.__file__).read_text(encoding="utf-8")
    modules = (
        ("hatchling/__init__.py", "import pathspec\n"),
        ("hatchling/build.py", code),
    )
    hatchling = dists.Dist("hatchling", "1.27", ("pathspec>=0.10",), modules=modules)
    filename = dists.wheel_filename(hatchling, "py3-none-any")
    world.add_file("hatchling", "1.27", filename, dists.build_wheel(hatchling))
    return world


def own_project(folder: Path, build_system: str) -> Path:
    """A project that nobody has published."""
    made = dists.Dist("own", "1.0", ("leaf",))
    plan = {
        "dynamic_requires": [],
        "imports": [],
        "module": "own",
        "stem": "own-1.0",
        "metadata": dists.metadata_text(made),
        "wheel": "Wheel-Version: 1.0\nGenerator: sim\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    folder.mkdir()
    (folder / "own.py").write_text("version = '1.0'\n", encoding="utf-8")
    (folder / "sim.json").write_text(json.dumps(plan), encoding="utf-8")
    (folder / "pyproject.toml").write_text(PROJECT + build_system, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def index(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """The folder of a mirror with the toolchain, and of one without."""
    found = {}
    with Server(world) as server:
        for toolchain in (True, False):
            folder = tmp_path_factory.mktemp(f"toolchain-{toolchain}".lower())
            config = configure(
                folder,
                endpoint=server.url,
                packages={"leaf": ["latest"]},
                environment={"python_version": [f"3.{sys.version_info.minor}"], "extra": []},
                toolchain=toolchain,
            )
            done = invoke(config, "sync")
            assert done.code == 0, done.err
            found[toolchain] = folder / "data"
    return found


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("build_system", [BUILD_SYSTEM, ""], ids=["hatchling", "none named"])
def test_a_project_of_ones_own_installs_from_the_mirror_alone(
    client: Client, build_system: str, index: dict[bool, Path], tmp_path: Path
) -> None:
    project = own_project(tmp_path / "own", build_system)
    with serve(index[True], "json") as address:
        done = try_install(client, address, tmp_path, str(project))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "target" / "own.py").exists()
    assert (tmp_path / "target" / "leaf.py").exists()


@pytest.mark.parametrize("client", CLIENTS)
def test_without_the_toolchain_it_does_not(
    client: Client, index: dict[bool, Path], tmp_path: Path
) -> None:
    project = own_project(tmp_path / "own", BUILD_SYSTEM)
    with serve(index[False], "json") as address:
        done = try_install(client, address, tmp_path, str(project))
    assert done.returncode != 0
    assert "hatchling" in done.stderr
