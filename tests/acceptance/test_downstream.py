"""Other mirrors that follow a mirror of ours, as users run them."""

import json
import re
import shutil
import sys
from importlib.metadata import distributions
from pathlib import Path

import requests
from msgspec.structs import replace

from pypisync.config.load import load
from pypisync.cycle import rollback
from tests.acceptance import clients, fronts, peers
from tests.acceptance.clients import install, uv
from tests.acceptance.serving import serve
from tests.bench.peers import Bandersnatch
from tests.cli.running import configure, fork
from tests.recipe.mirrors import Bench, read_tree
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World
from tests.web.sites import serving, serving_bench

ROOTS = ["app", "lib", "base"]


def test_bandersnatch_mirrors_from_it_by_increments(tmp_path: Path) -> None:
    """Also what a rollback brought back; pip and uv install from bandersnatch's tree."""
    program = peers.environment("bandersnatch")
    world = World()
    world.publish("base", "1.0")
    world.publish("lib", "1.0", requires=["base"])
    world.publish("app", "1.0", requires=["lib"])
    head = Bench(
        tmp_path / "head", MemoryUpstream(world), {"app": ["latest"]}, retention=30 * 86400
    )
    head.clock = 1_800_000_000
    head.sync()
    with serving_bench(head) as address:
        below = Bandersnatch(program, tmp_path, address, ROOTS)
        below.mirror(3)
        web = below.tree / "web"
        assert listed(web) == read_tree(head.folder)
        world.publish("lib", "2.0", requires=["base"])
        head.sync()
        before = documents(address)
        below.mirror(3)
        assert documents(address) == before + 1
        assert listed(web) == read_tree(head.folder) | {"lib": {"2.0"}}
        rollback.to_generation(1).give(head.folder)
        head.sync()
        below.mirror(3)
        assert listed(web) == read_tree(head.folder)
    with serve(web, "json") as root:
        for client in ("pip", "uv"):
            found = install(client, root, tmp_path / client, "app")
            assert found == {"app": "1.0", "lib": "1.0", "base": "1.0"}


def test_a_mirror_follows_through_nginx_below_a_path(tmp_path: Path) -> None:
    """By the journal: addresses in what headquarters say lead through nginx as well."""
    world, head = headquarters(tmp_path)
    (tmp_path / "nginx").mkdir()
    with (
        serving_bench(head) as behind,
        fronts.nginx_before(behind, "/hq", tmp_path / "nginx") as address,
    ):
        config = configure(tmp_path / "branch", address, packages={"app": ["latest"]})
        assert fork(config, "sync").code == 0
        assert read_tree(tmp_path / "branch/data") == read_tree(head.folder)
        world.publish("app", "2.0")
        head.sync()
        assert fork(config, "sync").code == 0
        assert read_tree(tmp_path / "branch/data") == read_tree(head.folder)
        status = json.loads(fork(config, "status", "--json").out)
        assert status["feeds"] == {"endpoint": "changelog"}
        document = requests.get(f"{address}/pypi/app/json", timeout=20).json()
        assert all(file["url"].startswith(f"{address}/packages/") for file in document["urls"])


def headquarters(tmp_path: Path) -> tuple[World, Bench]:
    """A mirror to be followed, and its upstream."""
    world = World()
    world.publish("lib", "1.0")
    world.publish("app", "1.0", requires=["lib"])
    head = Bench(tmp_path / "head", MemoryUpstream(world), {"app": ["latest"]})
    head.clock = 1_800_000_000
    head.sync()
    return world, head


def listed(web: Path) -> dict[str, set[str]]:
    """The versions on bandersnatch's pages, whose files have the sizes and hashes stated."""
    found = {}
    for path in web.glob("simple/*/index.v1_json"):
        page = json.loads(path.read_bytes())
        found[path.parent.name] = {file["filename"].split("-")[1] for file in page["files"]}
    return found


def documents(address: str) -> float:
    """How many documents of the JSON API the mirror has sent."""
    metrics = requests.get(f"{address}/metrics", timeout=20).text
    found = re.search(r'requests_total\{kind="legacy",status="200"\} (\S+)', metrics)
    assert found
    return float(found[1])


def test_real_clients_install_from_a_mirror_of_a_mirror(tmp_path: Path) -> None:
    """Poetry, uv and pip, from the server of one that follows by the changelog, by locks."""
    poetry = peers.environment("poetry") / "bin/poetry"
    world, head = headquarters(tmp_path)
    branch = tmp_path / "branch"
    with serving_bench(head) as address:
        config = configure(branch, address, packages={"app": ["latest"]})
        assert fork(config, "sync").code == 0
        world.publish("app", "2.0", requires=["lib"])
        head.sync()
        assert fork(config, "sync").code == 0
        status = json.loads(fork(config, "status", "--json").out)
        assert status["feeds"] == {"endpoint": "changelog"}
    with serving(replace(load(config, {}), listen=("127.0.0.1", 0))) as address:
        index = f"{address}/simple/"
        project = tmp_path / "project"
        project.mkdir()
        (project / "pyproject.toml").write_text(
            '[project]\nname = "ours"\nversion = "1"\ndependencies = ["app"]\n'
            f'requires-python = ">=3.{sys.version_info[1]}"\n'
            "[tool.uv]\npackage = false\n[tool.poetry]\npackage-mode = false\n"
            f'[[tool.poetry.source]]\nname = "mirror"\nurl = "{index}"\npriority = "primary"\n'
        )
        inside = {"POETRY_VIRTUALENVS_IN_PROJECT": "true"}
        for arguments in (["lock"], ["sync"]):
            done = clients.run([str(poetry), "-n", *arguments], project, inside)
            assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert installed_in(project) == {"app": "2.0", "lib": "1.0"}
        shutil.rmtree(project / ".venv")
        uv(project, "lock", "--default-index", index)
        uv(project, "sync", "--frozen", "--default-index", index, "--python", sys.executable)
        assert installed_in(project) == {"app": "2.0", "lib": "1.0"}
        uv(project, "export", "--frozen", "--default-index", index, "-o", "locked.txt")
        wanted = ("--require-hashes", "-r", str(project / "locked.txt"))
        assert install("pip", index, tmp_path / "pip", *wanted) == {"app": "2.0", "lib": "1.0"}


def installed_in(project: Path) -> dict[str, str]:
    """What is installed in the project's own environment of app and lib."""
    [packages] = project.glob(".venv/lib/python3*/site-packages")
    found = {one.name: one.version for one in distributions(path=[str(packages)])}
    return {name: version for name, version in found.items() if name in ("app", "lib")}
