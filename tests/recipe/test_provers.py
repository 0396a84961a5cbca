"""Proofs by several processes: the same as by one, whatever happens to a process."""

import os
import random
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from pypisync.catalog.proofs.index import offers
from pypisync.core.budget import Budget
from pypisync.core.resolve.index import OfferedFile
from pypisync.core.resolve.subject_proofs import ProofTask, SubjectProofs
from pypisync.core.standards.requirements import parse
from pypisync.core.wanted.groups import of_root
from pypisync.cycle import provers
from pypisync.cycle.processes import Processes
from pypisync.cycle.provers import prove
from pypisync.errors import Stopped
from pypisync.wiring import cores
from tests.recipe.mirrors import LINUX, Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

ENVIRONMENT = LINUX | {"python_version": ["3.11", "3.13"]}
ROOTS = 24


def conflicting(seed: int) -> World:
    """Roots whose bounds conflict now and then; some can use no file, or need what is missing."""
    draw = random.Random(seed)
    world = World()
    for n in range(12):
        for version in ("1.0", "1.1", "2.0"):
            needs = [
                f"lib-{m}{draw.choice(('', '<2', '>=1.1'))}" for m in range(n) if m % 5 == n % 5
            ]
            world.publish(f"lib-{n}", version, requires=needs)
    world.publish("windows", "1.0", wheels=("cp311-cp311-win_amd64",))
    for n in range(ROOTS):
        bounds = ("", "<2", "==1.1", ">=2")
        needs = [f"lib-{draw.randrange(12)}{draw.choice(bounds)}" for _ in range(4)]
        needs += draw.choice(([], [], ["windows"], ["missing"]))
        world.publish(f"root-{n}", "1.0", requires=needs)
    return world


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provers, "_PATIENCE", 0.0)
    monkeypatch.setattr(provers, "_EACH", 1e-9)


@pytest.fixture
def task(tmp_path: Path) -> ProofTask:
    """The proofs of a mirror's roots, what upstream offers at large included."""
    seed = random.SystemRandom().randrange(2**32)
    print("seed", seed)
    roots = {f"root-{n}": ["latest"] for n in range(ROOTS)}
    bench = Bench(tmp_path / "m", MemoryUpstream(conflicting(seed)), roots, environment=ENVIRONMENT)
    bench.sync()
    catalog = bench.catalog()
    rules = bench.mirror(catalog).rules
    with catalog.begin() as connection:
        facts = offers(connection, roots)
    catalog.close()
    subjects = [of_root(parse(root)) for root in roots]
    return ProofTask(rules.targets, tuple(rules.machines.all), facts, subjects)


def proven(
    task: ProofTask, number: int, budget: Callable[[], Budget] = Budget
) -> dict[str, SubjectProofs]:
    with closing(Processes(number)) as processes:
        return {one.subject.text: one for one in prove(processes, task, budget)}


@pytest.mark.parametrize("number", [2, 8])
def test_as_many_processes_as_one_likes_prove_the_same(task: ProofTask, number: int) -> None:
    alone = proven(task, 1)
    verdicts = {one.verdict for proofs in alone.values() for one in proofs.verdicts}
    assert {"proven", "refuted"} <= verdicts
    assert proven(task, number) == alone


def test_what_is_looked_up_is_asked_for(task: ProofTask) -> None:
    asked: set[str] = set()
    files = task.facts.files

    def look_up(name: str) -> Sequence[OfferedFile]:
        asked.add(name)
        return files(name)

    alone = proven(task, 1)
    facts = replace(task.facts, look_up=look_up)
    assert proven(replace(task, facts=facts), 2) == alone
    assert "windows" in asked


def test_where_no_process_lives_all_is_proven_here(
    task: ProofTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = proven(task, 1)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert proven(task, 2) == alone


def test_a_stop_ends_the_processes(task: ProofTask) -> None:
    looks = 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        if looks > 3:
            raise Stopped("stopped")
        return 0.0

    processes = Processes(2)
    many = replace(task, wanted=[*task.wanted] * 40)
    with pytest.raises(Stopped):
        list(prove(processes, many, lambda: Budget(clock=clock)))
    assert processes._idle == []


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, 8),
        ({"": "max 100000"}, 8),
        ({"a/b": "150000 100000"}, 1),
        ({"a/b": "250000 100000", "a": "max 100000"}, 2),
        ({"a/b": "max 100000", "a": "50000 100000"}, 1),
        ({"a": "400000 100000", "": "nonsense"}, 4),
    ],
)
def test_no_more_cores_than_the_control_groups_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, str], expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    own = tmp_path / "cgroup"
    own.write_text("0::/a/b\n")
    groups = tmp_path / "fs"
    (groups / "a" / "b").mkdir(parents=True)
    for place, text in limits.items():
        (groups / place / "cpu.max").write_text(text + "\n")
    assert cores(groups, own) == expected
    assert cores(groups, tmp_path / "missing") == 8
