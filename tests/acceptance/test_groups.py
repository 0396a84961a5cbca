"""Mirrors of lock files: real uv and pip install from them, and there is nothing else."""

import json
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import worlds
from tests.acceptance.clients import install, run, try_install, uv
from tests.acceptance.product import Mirror, Product
from tests.acceptance.serving import serve
from tests.sim.server import Server
from tests.sim.world import World

PROJECT = f"""
[project]
name = "ours"
version = "1"
requires-python = "{worlds.UV_PYTHONS}"
dependencies = ["app[fast]", "aged<3", "early", "only-here ; sys_platform == 'linux'"]
[tool.uv]
package = false
"""
TOGETHER = {
    "app": "2.0",
    "core": "1.5",
    "leaf": "3.0",
    "speed": "1.0",
    "aged": "2.0",
    "ages": "0.3",
    "early": "1.0",
    "beta": "2.0rc1",
    "only-here": "1.0",
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Server]:
    """The team's upstream, which goes on after the lock was made."""
    world = worlds.team_world()
    world.publish("only-here", "1.0")
    with Server(world) as running:
        yield running


@pytest.fixture(scope="module")
def locked(upstream: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a lock of each kind, made against upstream before it went on."""
    folder = tmp_path_factory.mktemp("project")
    index = ("--default-index", f"{upstream.url}/simple/")
    (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    uv(folder, "lock", *index)
    for name, form in (("frozen.txt", "requirements.txt"), ("pylock.toml", "pylock.toml")):
        uv(folder, "export", "--frozen", "--format", form, "-o", name, *index)
    go_on(upstream.world)
    return folder


def go_on(world: World) -> None:
    """Everything has a newer release by now, which is not what was locked."""
    for name in TOGETHER:
        world.publish(name, "99.0", requires=["stranger"])


def mirror_of(
    product: Product, upstream: Server, locked: Path, folder: Path, *files: Any
) -> Mirror:
    """A mirror of nothing but these files of the project, filled by one cycle."""
    shutil.copytree(locked, folder, ignore=shutil.ignore_patterns(".venv"))
    keys = {**worlds.configuration(upstream.url), "packages": {}, "requirements": list(files)}
    mirror = Mirror(product, folder, keys)
    mirror.sync()
    return mirror


def listed(mirror: Mirror) -> dict[str, list[str]]:
    """The versions on the pages."""
    return {
        page.parent.name: json.loads(page.read_bytes())["versions"]
        for page in mirror.tree.glob("simple/*/index.v1_json")
    }


LOCKED = {name: [version] for name, version in TOGETHER.items()} | {"windows-only": ["1.0"]}


@pytest.fixture(scope="module")
def of_uv_lock(
    product: Product, upstream: Server, locked: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mirror:
    """The mirror of ``uv.lock``."""
    folder = tmp_path_factory.mktemp("of-uv-lock") / "mirror"
    return mirror_of(product, upstream, locked, folder, "uv.lock")


def test_the_mirror_holds_what_the_lock_names_and_nothing_else(of_uv_lock: Mirror) -> None:
    assert listed(of_uv_lock) == LOCKED
    stored = {path.name for path in of_uv_lock.tree.glob("packages/**/*.whl")}
    assert stored == {
        path.name
        for page in of_uv_lock.tree.glob("simple/*/index.v1_json")
        for path in (Path(file["url"]) for file in json.loads(page.read_bytes())["files"])
    }


def test_uv_sync_frozen_after_a_change_of_host(
    of_uv_lock: Mirror, upstream: Server, locked: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(locked, project, ignore=shutil.ignore_patterns(".venv"))
    upstream.log.clear()
    with serve(of_uv_lock.tree, "json") as index:
        text = (project / "uv.lock").read_text(encoding="utf-8")
        text = text.replace(upstream.url, index.removesuffix("/simple/"))
        (project / "uv.lock").write_text(text, encoding="utf-8")
        uv(project, "sync", "--frozen", "--default-index", index, "--python", sys.executable)
    [packages] = project.glob(".venv/lib/python3*/site-packages")
    assert {one.name: one.version for one in distributions(path=[str(packages)])} == TOGETHER
    assert upstream.log.paths() == []


@pytest.mark.parametrize(
    "files",
    [
        ("uv.lock",),
        ("pylock.toml",),
        ({"file": "frozen.txt", "resolve": False},),
        ("frozen.txt",),
    ],
    ids=str,
)
def test_pip_installs_with_hashes(
    product: Product, upstream: Server, locked: Path, tmp_path: Path, files: tuple[Any, ...]
) -> None:
    mirror = mirror_of(product, upstream, locked, tmp_path / "mirror", *files)
    resolved = files == ("frozen.txt",)
    if resolved:  # with what the releases would get by themselves, for this platform alone
        there = listed(mirror)
        assert there["leaf"] == ["3.0", "99.0"]
        assert "windows-only" not in there
    else:
        assert listed(mirror) == LOCKED
    frozen = str(locked / "frozen.txt")
    with serve(mirror.tree, "json") as index:
        options = ("--require-hashes", "-r", frozen)
        assert install("pip", index, tmp_path / "pip", *options) == TOGETHER
        assert install("uv", index, tmp_path / "uv", *options) == TOGETHER
        for stranger in () if resolved else ("stranger", "app==99", "legacy"):
            assert try_install("pip", index, tmp_path / "no", stranger).returncode != 0


def test_pip_installs_from_its_own_lock(product: Product, upstream: Server, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    pip = (sys.executable, "-m", "pip")
    index = f"{upstream.url}/simple/"
    options = ("--isolated", "--no-cache-dir", "--index-url", index, "-o", "pylock.toml")
    done = run([*pip, "lock", *options, "app<99", "core<99", "leaf<99"], made)
    assert done.returncode == 0, done.stderr
    mirror = mirror_of(product, upstream, made, tmp_path / "mirror", "pylock.toml")
    assert listed(mirror) == {"app": ["2.0"], "core": ["1.5"], "leaf": ["3.0"]}
    with serve(mirror.tree, "json") as own:
        found = install("pip", own, tmp_path / "x", "app", "core", "leaf")
    assert found == {"app": "2.0", "core": "1.5", "leaf": "3.0"}
