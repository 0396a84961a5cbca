"""Some thirty well-known roots, mirrored from the index that pip uses on this machine.

Opt-in (``pytest -m real tests/acceptance/test_real_index.py``). pip and uv must come to the same
pins from the mirror as from the index itself. Both sides are asked for what was uploaded before
the day began, so that an upload in between changes nothing. What was fetched stays in the user's
cache, or in the folder that PYPISYNC_REAL_CACHE names; its ``figures.json`` says what the sync
took.
"""

import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from tests.acceptance import real_index
from tests.acceptance.clients import uv
from tests.acceptance.product import Mirror, Product, environment_of_this_machine
from tests.acceptance.serving import serve
from tests.acceptance.test_lock import locked

pytestmark = pytest.mark.real


@dataclass(frozen=True)
class Stage:
    """The index and its mirror."""

    mirror: Mirror
    report: dict[str, Any]
    upstream: real_index.Clients
    here: real_index.Clients
    project: Path  # locked against the index

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the catalog."""
        with closing(sqlite3.connect(self.mirror.tree.with_suffix(".sqlite"))) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def stage(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The roots, the group and the lock mirrored by a first sync, whose files may be there."""
    address, cache = real_index.address(), real_index.cache()
    if not address.endswith("/simple/"):
        pytest.skip(f"{address} is no endpoint's simple index")
    before = f"{datetime.now(UTC):%Y-%m-%d}T00:00:00Z"
    upstream = real_index.Clients(address, before, cache / "clients")
    project = real_index.write_project(tmp_path_factory.mktemp("project"))
    upstream.lock(project)
    mirror = Mirror(product, cache / "mirror", _keys(address, before, project))
    # A first sync, but for the files that were fetched.
    for path in (*mirror.tree.glob("*"), *mirror.tree.parent.glob(f"{mirror.tree.name}.sqlite*")):
        if path.name != "packages":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    report = _sync(mirror, tmp_path_factory.mktemp("sync"), cache / "figures.json")
    with serve(mirror.tree, "json") as index:
        here = real_index.Clients(index, before, tmp_path_factory.mktemp("clients"))
        yield Stage(mirror, report, upstream, here, project)


def _keys(address: str, before: str, project: Path) -> dict[str, Any]:
    (project / "group.txt").write_text(real_index.GROUP, encoding="utf-8")
    local = [
        name
        for name in real_index.WITH_LOCAL_VERSIONS
        if real_index.has_local_versions(address, name)
    ]
    return {
        "endpoint": address.removesuffix("/simple/"),
        "environment": environment_of_this_machine(),
        "packages": {root: ["latest"] for root in (*real_index.ROOTS, *local)},
        "requirements": [str(project / "group.txt"), str(project / "uv.lock")],
        "wheels": "targets",
        "sdists": "fallback",
        "policy": {"freeze_at": before},
        "limits": {"projects": real_index.MOST_PROJECTS},
    }


def _sync(mirror: Mirror, folder: Path, figures: Path) -> dict[str, Any]:
    """Run a cycle, note what it took, and return its report."""
    program = str(mirror.product.folder / "venv/bin/pypisync")
    command = [program, "sync", "--json", "--log-json", "--config", str(mirror.configuration)]
    done, took = real_index.measured(command, folder)
    assert done.returncode == 0, done.stderr[-5000:]
    report: dict[str, Any] = json.loads(done.stdout)
    database = mirror.tree.with_suffix(".sqlite").stat().st_size
    noted = asdict(took) | {
        "answers": report["answers"],
        "files": report["files"],
        "bytes": report["bytes"],
        "seconds": report["seconds"],
        "proofs": report["proofs"],
        "database": database,
    }
    figures.write_text(json.dumps(noted, indent=2), encoding="utf-8")
    return report


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder that is emptied at once."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def test_it_is_done_and_proven(stage: Stage) -> None:
    assert (stage.report["failed"], stage.report["held"]) == ({}, {})
    assert stage.query("SELECT * FROM v_unmet") == []
    assert stage.query("SELECT * FROM v_pending") == []
    assert stage.report["proofs"].keys() == {"proven"}


def test_a_second_cycle_fetches_nothing(stage: Stage, tmp_path: Path) -> None:
    again = _sync(stage.mirror, tmp_path, tmp_path / "figures.json")
    assert (again["files"], again["generation"]) == (0, 0)


@pytest.mark.parametrize("root", real_index.ROOTS)
def test_uv_comes_to_the_same(root: str, stage: Stage, place: Path) -> None:
    assert stage.here.uv_pins(root, place) == stage.upstream.uv_pins(root, place)


@pytest.mark.parametrize("root", real_index.ROOTS)
def test_pip_comes_to_the_same(root: str, stage: Stage, place: Path) -> None:
    assert stage.here.pip_pins(root, place) == stage.upstream.pip_pins(root, place)


def test_a_requirements_file_comes_to_the_same(stage: Stage, place: Path) -> None:
    assert stage.here.uv_pins(real_index.GROUP, place) == stage.upstream.uv_pins(
        real_index.GROUP, place
    )
    assert stage.here.pip_pins(real_index.GROUP, place) == stage.upstream.pip_pins(
        real_index.GROUP, place
    )


def test_a_lock_file_is_installed_from_the_mirror_and_made_anew(stage: Stage, place: Path) -> None:
    again = real_index.write_project(place / "again")
    stage.here.lock(again)
    assert locked(again) == locked(stage.project)
    installed = place / "installed"
    shutil.copytree(stage.project, installed)
    real_index.replace_addresses(installed / "uv.lock", stage.here.index)
    uv(installed, "sync", "--frozen", "--python", sys.executable)
    [packages] = installed.glob(".venv/lib/python3*/site-packages")
    found = {canonicalize_name(d.name): d.version for d in distributions(path=[str(packages)])}
    assert found == {name: version for name, version in locked(again).items() if name != "ours"}


@pytest.mark.parametrize("name", real_index.WITH_LOCAL_VERSIONS)
def test_local_versions(name: str, stage: Stage) -> None:
    """Says so if the index has none, as one that admits none by its rules."""
    if not real_index.has_local_versions(stage.upstream.index, name):
        pytest.skip(f"the index has no local version of {name}")
    listed = stage.query(f"SELECT DISTINCT version FROM v_listed WHERE project = '{name}'")
    assert any("+" in version for (version,) in listed)
