"""Well-known projects as they really are: mirrored, then installed by pip and uv from the mirror.

Opt-in (``pytest -m real tests/acceptance/test_real.py``), for it fetches some 330 MB by the
machine's ordinary pip. PYPISYNC_REAL_CACHE names a folder that keeps what was fetched.
"""

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.acceptance import real
from tests.acceptance.clients import install, uv
from tests.acceptance.product import Mirror, Product, environment_of_this_machine
from tests.acceptance.serving import serve
from tests.recipe.mirrors import read_tree, tree_bytes
from tests.sim.server import Server

pytestmark = pytest.mark.real


@dataclass(frozen=True)
class Stage:
    """The real projects upstream and mirrored."""

    mirror: Mirror
    upstream: str  # addresses of the two indexes
    index: str

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the catalog."""
        with closing(sqlite3.connect(self.mirror.tree.with_suffix(".sqlite"))) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def stage(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Everything fetched, served, and mirrored by one cycle."""
    kept = os.environ.get("PYPISYNC_REAL_CACHE")
    cache = Path(kept) if kept else tmp_path_factory.mktemp("fetched")
    real.fetch(cache)
    packages: dict[str, list[str]] = {}
    for text in real.ROOTS:
        root = Requirement(text)
        key = root.name + (f"[{','.join(sorted(root.extras))}]" if root.extras else "")
        packages.setdefault(key, []).append(f"latest{root.specifier}")
    with Server(real.world(cache)) as server:
        keys = {
            "endpoint": server.url,
            "environment": environment_of_this_machine(),
            "packages": packages,
        }
        mirror = Mirror(product, tmp_path_factory.mktemp("mirror"), keys)
        mirror.sync()
        with serve(mirror.tree, "json") as index:
            yield Stage(mirror, f"{server.url}/simple/", index)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder that is emptied at once: what is installed here is large."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def test_everything_is_met_and_every_link_works(stage: Stage) -> None:
    assert stage.query("SELECT * FROM v_unmet") == []
    assert stage.query("SELECT * FROM v_held") == []
    assert stage.query("SELECT * FROM v_pending") == []
    listed = read_tree(stage.mirror.tree)
    assert listed.keys() >= {canonicalize_name(Requirement(root).name) for root in real.ROOTS}


def test_a_second_cycle_changes_nothing(stage: Stage) -> None:
    before = tree_bytes(stage.mirror.tree)
    stage.mirror.sync()
    assert tree_bytes(stage.mirror.tree) == before


@pytest.mark.parametrize("root", real.ROOTS)
def test_uv_installs_what_it_would_from_upstream(root: str, stage: Stage, place: Path) -> None:
    found = install("uv", stage.index, place, root)
    (place / "root.in").write_text(f"{root}\n", encoding="utf-8")
    wanted = uv(
        place,
        *("pip", "compile", "root.in", "--default-index", stage.upstream),
        *("--python", sys.executable, "--no-annotate", "--no-header", "--no-strip-extras"),
    ).stdout
    pins = [Requirement(line) for line in wanted.splitlines()]
    assert {canonicalize_name(name): version for name, version in found.items()} == {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins
    }


@pytest.mark.parametrize("root", real.ROOTS[::3])
def test_pip_installs(root: str, stage: Stage, place: Path) -> None:
    found = install("pip", stage.index, place, root)
    wanted = Requirement(root)
    versions = {canonicalize_name(name): version for name, version in found.items()}
    assert versions[canonicalize_name(wanted.name)] in wanted.specifier
