"""A mirror has the same bytes by any number of processes."""

import random
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import Mock

import pytest

from pypisync.core.publish.pages import Page
from pypisync.cycle import look, provers, publish
from pypisync.cycle.mirror import Mirror
from tests.recipe.mirrors import Bench
from tests.recipe.test_insides import dump, odd
from tests.recipe.test_provers import ENVIRONMENT, ROOTS, conflicting
from tests.sim.memory import MemoryUpstream


@pytest.mark.parametrize("number", [2, 8])
def test_a_mirror_has_the_same_bytes_by_any_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(provers, "_PATIENCE", 0.0)
    monkeypatch.setattr(provers, "_EACH", 1e-9)
    monkeypatch.setattr(look, "_TRIED", 1)
    monkeypatch.setattr(look, "_WORTH", 0.0)
    by_processes = Mock(side_effect=look._by_processes)
    monkeypatch.setattr(look, "_by_processes", by_processes)
    monkeypatch.setattr(publish, "_WORTH", 1)
    prepared, prepare = set[str](), publish._prepared

    def preparing(mirror: Mirror, pages: Sequence[Page]) -> set[str]:
        found = prepare(mirror, pages)
        prepared.update(found)
        return found

    monkeypatch.setattr(publish, "_prepared", preparing)
    seed = random.SystemRandom().randrange(2**32)
    print("seed", seed)
    world = conflicting(seed)
    for word in ("no RECORD", "bzip2"):
        odd(world, word, version=f"2.{len(word)}")
    world.publish("app", "1.0", requires=["lib"])
    roots = {name: ["latest"] for name in ("app", *(f"root-{n}" for n in range(ROOTS)))}
    benches = [
        Bench(tmp_path / str(n), MemoryUpstream(world), roots, environment=ENVIRONMENT, processes=n)
        for n in (1, number)
    ]
    for bench in benches:
        bench.sync()
    assert by_processes.called
    assert "app" in prepared
    alone, shared = map(everything, benches)
    assert shared == alone
    assert "blocked" in str(alone[1])


def everything(bench: Bench) -> tuple[dict[str, bytes], dict[str, object]]:
    """All files of the mirror but the database, and what the database says."""
    files = {
        str(path.relative_to(bench.folder)): path.read_bytes()
        for path in bench.folder.rglob("*")
        if path.is_file() and not path.name.startswith("catalog")
    }
    return files, {**dump(bench)}
