"""Lock files: made from the mirror, and made elsewhere but installed from it."""

import re
import sys
from importlib.metadata import distributions
from pathlib import Path

from tests.acceptance import worlds
from tests.acceptance.clients import Done, try_uv, uv
from tests.acceptance.product import Mirror
from tests.acceptance.serving import serve

WANTED = ("app[fast]", "native", "aged", "legacy", "young")
HERE = {name: worlds.TOGETHER[name] for name in ("app", "core", "leaf", "speed", "native")} | {
    name: worlds.TOGETHER[name] for name in ("aged", "ages", "legacy", "young")
}


def write_project(folder: Path, environment: str | None, pythons: str) -> Path:
    """A project that depends on what the team mirrors. Returns its folder."""
    folder.mkdir()
    limits = "" if environment is None else f'environments = ["{environment}"]\n'
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "ours"\nversion = "1"\nrequires-python = "{pythons}"\n'
        f"dependencies = {list(WANTED)}\n[tool.uv]\npackage = false\n{limits}",
        encoding="utf-8",
    )
    return folder


def lock(project: Path, index: str) -> Done:
    """Run ``uv lock`` with this index alone."""
    return try_uv(project, "lock", "--default-index", index)


def locked(project: Path) -> dict[str, str]:
    """The version of every project in the lock file."""
    text = (project / "uv.lock").read_text(encoding="utf-8")
    found = re.findall(r'^name = "(.+)"\nversion = "(.+)"', text, re.MULTILINE)
    return dict(found)


def synced(project: Path, index: str) -> dict[str, str]:
    """What ``uv sync --frozen`` installs from the lock file as it is.

    The index is for what sdists need to be built: no lock file holds that.
    """
    uv(project, "sync", "--frozen", "--default-index", index, "--python", sys.executable)
    [packages] = project.glob(".venv/lib/python3*/site-packages")
    return {found.name: found.version for found in distributions(path=[str(packages)])}


def test_a_lock_for_the_configured_environments(index: str, tmp_path: Path) -> None:
    project = write_project(tmp_path / "p", worlds.UV_ENVIRONMENT, worlds.UV_PYTHONS)
    done = lock(project, index)
    assert done.returncode == 0, done.stderr
    assert locked(project).items() >= HERE.items()
    assert "windows-only" not in locked(project)
    assert synced(project, index) == HERE


def test_a_lock_for_other_environments_too_needs_a_mirror_for_them(
    index: str, open_mirror: Mirror, tmp_path: Path
) -> None:
    project = write_project(tmp_path / "p", None, f">={worlds.PYTHON}")
    refused = lock(project, index)
    assert refused.returncode != 0
    assert "windows-only" in refused.stderr
    with serve(open_mirror.tree, "json") as open_index:
        done = lock(project, open_index)
    assert done.returncode == 0, done.stderr
    assert locked(project)["windows-only"] == "1.0"


def test_a_lock_made_upstream_installs_after_a_change_of_host(
    index: str, upstream_index: str, tmp_path: Path
) -> None:
    project = write_project(tmp_path / "p", worlds.UV_ENVIRONMENT, worlds.UV_PYTHONS)
    made = lock(project, upstream_index)
    assert made.returncode == 0, made.stderr
    path = project / "uv.lock"
    text = path.read_text(encoding="utf-8")
    host, upstream = index.removesuffix("/simple/"), upstream_index.removesuffix("/simple/")
    assert text.count(upstream) > len(HERE)
    text = text.replace(upstream, host)
    # native 2.0 has wheels for Windows alone: uv locks it upstream, and cannot install it here.
    path.write_text(text, encoding="utf-8")
    assert synced(project, index) == HERE


def test_a_lock_with_the_host_replaced_is_in_step_without_a_slash_at_the_end(
    open_mirror: Mirror, tmp_path: Path
) -> None:
    project = write_project(tmp_path / "p", worlds.UV_ENVIRONMENT, worlds.UV_PYTHONS)
    path = project / "uv.lock"
    with serve(open_mirror.tree, "json") as first, serve(open_mirror.tree, "json") as other:
        assert lock(project, first.removesuffix("/")).returncode == 0
        hosts = first.removesuffix("/simple/"), other.removesuffix("/simple/")
        path.write_text(path.read_text("utf-8").replace(*hosts), encoding="utf-8")
        before = path.read_bytes()
        plain = ("--locked", "--default-index", other.removesuffix("/"))
        uv(project, "sync", *plain, "--python", sys.executable)
        assert path.read_bytes() == before
        spelled = try_uv(project, "sync", "--locked", "--default-index", other)
        assert "needs to be updated" in spelled.stderr  # as the documents say
