"""Real uv and real pip come to the same pins on the mirror as on upstream.

Over two hundred roots of an upstream with real conflicts, drawn anew for each run: each is resolved
on its own, on both indexes, for each proof target. What uv installs from upstream it installs from
the mirror, and the contrary. Its pins are the same but for a few: where other roots bring releases
that are neither pins nor examined, the order in which uv backs out of conflicts can differ.
"""

import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.acceptance import conflicting
from tests.acceptance.clients import run
from tests.acceptance.serving import serve
from tests.acceptance.worlds import NEXT_PYTHON, PYTHON
from tests.differential.clients import Clients
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.server import Server

pytestmark = pytest.mark.long  # one after the other: what they share takes half a minute

PIP_SAMPLE = 40
MOST_UNLIKE = 0.03  # 2 of 400 and 1 of 400 were measured
SEED = random.SystemRandom().getrandbits(32)
ENVIRONMENT = {
    "python_version": [PYTHON, NEXT_PYTHON],
    "implementation_name": ["cpython"],
    "sys_platform": ["linux"],
    "platform_machine": ["x86_64"],
    "extra": [],
}
Pins = dict[str, str] | None
"""What is to be installed, by project; None if that cannot be."""


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, list[str]]]:
    """The addresses of upstream's index and of the mirror's, and the roots that are decided."""
    folder = tmp_path_factory.mktemp("same-answer")
    world = conflicting.world_of(SEED)
    packages = {name: ["latest"] for name in conflicting.names()}
    bench = Bench(folder, MemoryUpstream(world), packages, environment=ENVIRONMENT)
    report = bench.sync()
    assert report.held == {}
    print(f"seed {SEED}: {report.proofs}")
    # What no edge calls for, and where pip and uv part: there is something to be wrong about.
    assert bench.query("SELECT count(*) FROM v_pins WHERE added = 1") > [(5,)]
    assert bench.query("SELECT count(*) FROM v_pins WHERE chosen_by = 'pip'") > [(0,)]
    with Server(world) as upstream, serve(folder, "json") as mirror:
        # And where the mirror says itself that an installer may come to something else.
        rows = bench.query(
            "SELECT subject FROM v_proofs WHERE verdict = 'undecided'"
            " OR (verdict = 'proven' AND why <> '')"
        )
        undecided = {subject for (subject,) in rows}
        yield f"{upstream.url}/simple/", mirror, [n for n in packages if n not in undecided]


def by_uv(index: str, roots: Sequence[str], folder: Path, python: str) -> dict[str, Pins]:
    """What uv resolves each root to."""
    return {root: _by_uv(index, root, folder, python) for root in roots}


def _by_uv(index: str, root: str, folder: Path, python: str) -> Pins:
    (folder / "root.in").write_text(root, encoding="utf-8")
    done = run(
        [
            find_uv_bin(), "pip", "compile", "root.in", "--default-index", index, "--no-config",
            "--python-version", python, "--python-platform", "x86_64-manylinux_2_28",
            "--no-header", "--no-annotate", "--quiet", "--only-binary", ":all:",
            "--cache-dir", "cache", "--python", sys.executable,
        ],
        folder,
    )  # fmt: skip
    if done.returncode:
        assert "No solution found" in done.stderr, done.stderr
        return None
    return dict(line.split("==") for line in done.stdout.split())


def by_pip(index: str, roots: Sequence[str], folder: Path) -> dict[str, Pins]:
    """What pip resolves each root to, for the interpreter that runs the tests."""
    with Clients(folder) as clients:
        found = {root: clients.resolve(index, root) for root in roots}
    for one in found.values():
        said = one.said
        assert one.pins or "ResolutionImpossible" in said or "No matching" in said, said
    return {root: one.pins for root, one in found.items()}


def different(
    indexes: Sequence[str],
    roots: list[str],
    resolve: Callable[[str, Sequence[str], Path], dict[str, Pins]],
    folder: Path,
) -> tuple[dict[str, tuple[Pins, Pins]], int]:
    """The roots with other pins on the mirror, with both; and how many cannot be installed.

    Folders are per worker and index: nothing that one index said may be known for the other.
    """
    places = [(index, worker) for index in indexes for worker in range(2)]
    for number in range(len(places)):
        (folder / str(number)).mkdir(parents=True)

    def work(number: int) -> dict[str, Pins]:
        index, worker = places[number]
        return resolve(index, roots[worker::2], folder / str(number))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(work, range(len(places))))
    upstream, mirror = found[0] | found[1], found[2] | found[3]
    assert set(upstream) == set(mirror) == set(roots)
    unlike = {r: (upstream[r], mirror[r]) for r in roots if upstream[r] != mirror[r]}
    return unlike, list(upstream.values()).count(None)


@pytest.mark.parametrize("python", [PYTHON, NEXT_PYTHON])
def test_uv(indexes: tuple[str, str, list[str]], python: str, tmp_path: Path) -> None:
    print(f"seed {SEED}")
    upstream, mirror, roots = indexes
    assert len(roots) > 0.5 * conflicting.ROOTS  # in some worlds searches are often given up
    unlike, impossible = different(
        (upstream, mirror), roots, partial(by_uv, python=python), tmp_path
    )
    assert [root for root, pair in unlike.items() if None in pair] == []
    assert len(unlike) <= MOST_UNLIKE * conflicting.ROOTS, unlike
    assert impossible < len(roots) // 2  # else the world tells little


def test_pip(indexes: tuple[str, str, list[str]], tmp_path: Path) -> None:
    print(f"seed {SEED}")
    upstream, mirror, roots = indexes
    roots = roots[:: len(roots) // PIP_SAMPLE][:PIP_SAMPLE]
    unlike, _ = different((upstream, mirror), roots, by_pip, tmp_path)
    lost = [root for root, (upstream, mirror) in unlike.items() if upstream and not mirror]
    assert lost == []
    assert len(unlike) <= 3, unlike
