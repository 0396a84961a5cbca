"""What uv and pip write is read: each of their lock files names the same releases and files."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pypisync.config.requirement_files import RequirementsEntry, read
from pypisync.core.wanted.groups import Group
from tests.acceptance import worlds
from tests.acceptance.clients import run, uv
from tests.sim.server import Server

Files = Mapping[tuple[str, str], frozenset[str]]

PROJECT = f"""
[project]
name = "ours"
version = "1"
requires-python = "{worlds.UV_PYTHONS}"
dependencies = [
    "app[fast]", "native", "legacy",
    "pinned<1.2 ; sys_platform == 'linux'", "pinned>=1.2 ; sys_platform != 'linux'",
]
[dependency-groups]
dev = ["early"]
[tool.uv]
package = false
"""


@pytest.fixture(scope="module")
def project(team: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that uv has locked, and all that can be made of it."""
    folder = tmp_path_factory.mktemp("locked")
    index = f"{team.url}/simple/"
    (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (folder / "plain.in").write_text("app[fast]\nlegacy\n", encoding="utf-8")
    uv(folder, "lock", "--default-index", index)
    for name, form in (("exported.txt", "requirements.txt"), ("pylock.toml", "pylock.toml")):
        uv(folder, "export", "--frozen", "--format", form, "-o", name, "--default-index", index)
    hashes = ("--generate-hashes", "--universal", "-o", "compiled.txt")
    uv(folder, "pip", "compile", "plain.in", *hashes, "--default-index", index)
    done = run(
        [
            *(sys.executable, "-m", "pip", "lock", "--isolated", "--no-cache-dir"),
            *("--index-url", index, "-r", "plain.in", "-o", "pylock.pip.toml"),
        ],
        folder,
    )
    assert done.returncode == 0, done.stderr
    return folder


def group(folder: Path, name: str, resolve: bool | None = None) -> Group:
    """The group that a file makes, which must have no fault."""
    groups, troubles = read([RequirementsEntry(0, name, resolve)], folder)
    assert troubles == []
    return groups[0]


def named(found: Group) -> Files:
    """The hashes of the files of each release."""
    return {
        (pin.name, pin.version): frozenset(file.sha256 for file in pin.files)
        for pin in found.locked
    }


def test_locks_of_uv_name_the_same(project: Path, team: Server) -> None:
    locked = group(project, "uv.lock")
    files = named(locked)
    versions = {name: version for name, version in files if name != "pinned"}
    assert versions == {
        "app": "2.0",
        "core": "1.5",
        "leaf": "3.0",
        "speed": "1.0",
        "native": "2.0",
        "legacy": "1.0",
        "early": "1.0",
        "beta": "2.0rc1",
        "windows-only": "1.0",
    }
    assert {version for name, version in files if name == "pinned"} == {"1.1", "1.2"}
    upstream = {file.built.sha256 for file in team.world.files.values()}
    assert all(hashes and hashes <= upstream for hashes in files.values())
    assert [note.partition(": ")[2] for note in locked.notes] == [
        "ours is from virtual, not from an index"
    ]
    assert named(group(project, "pylock.toml")) == files
    assert named(group(project, "exported.txt", resolve=False)) == files
    resolved = group(project, "exported.txt")
    assert {one.name for one in resolved.requirements} == {name for name, _ in files}
    assert {one.marker for one in resolved.requirements if one.name == "pinned"} == {
        *('sys_platform == "linux"', 'sys_platform != "linux"')
    }


def test_what_is_made_of_plain_requirements(project: Path) -> None:
    files = named(group(project, "uv.lock"))
    compiled = named(group(project, "compiled.txt", resolve=False))
    assert {name for name, _ in compiled} == {
        *("app", "core", "leaf", "legacy", "speed", "windows-only")
    }
    by_pip = named(group(project, "pylock.pip.toml"))
    assert {name for name, _ in by_pip} == {"app", "core", "leaf", "legacy", "speed"}
    assert compiled.items() <= files.items()
    assert by_pip.items() <= files.items()
    assert [one.text for one in group(project, "plain.in").requirements] == ["app[fast]", "legacy"]
