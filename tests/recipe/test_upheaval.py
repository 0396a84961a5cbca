"""Upheaval upstream, faults, crashes and new configurations: in the end as if there had been none.

What :mod:`tests.chaos` draws is played in memory here, without processes: a mirror that followed it
all is the same, once all is healed, as one that begins then, and its pages are closed meanwhile.
The seed of each run is drawn, and a failure names it.
"""

import random
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import pytest

from pypisync.core.filters.file_rules import FilePolicy
from pypisync.core.filters.policy import Block, Policy
from pypisync.cycle import rollback
from pypisync.errors import PypiSyncError
from tests.chaos import promises, upheaval
from tests.chaos.configurations import CHOICES
from tests.deep import scaled
from tests.recipe.mirrors import LINUX, Bench
from tests.recipe.test_crash import Crash, Points, counted
from tests.recipe.test_equality import decided
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

SEEDS = [random.SystemRandom().getrandbits(32) for _ in range(scaled(1))]
STEPS = {"change": 30, "fault": 12, "heal": 5, "sync": 25, "crash": 12, "configure": 3, "order": 3,
         "settle": 4}  # fmt: skip
COUNT = 30  # steps of a run
POINTS = 150  # of a cycle, at one of which it may crash
WEEKS = 40 * 86_400.0
# Platforms are bound: else a wheel for another one counts as there, as the environment says.
ENVIRONMENTS: tuple[dict[str, list[str]], ...] = (
    LINUX,
    {**LINUX, "python_version": ["3.11", "3.13"]},
)


@pytest.mark.parametrize("number", range(len(SEEDS)))
def test_after_an_upheaval_a_mirror_is_as_one_that_begins_now(
    number: int, memory_path: Path
) -> None:
    print(f"seed {SEEDS[number]}")
    Played(SEEDS[number], memory_path).play()


class Played:
    """A world, its mirror, and what is drawn to happen to both."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.draw = random.Random(seed)
        self.folder = folder
        self.world = World()
        upheaval.begin(self.world, seed)
        self.closed = promises.Closed(self.world)
        self.bench = Bench(folder / "followed", MemoryUpstream(self.world), {})
        self.bench.folder.mkdir()
        self.bench.environment = self.draw.choice(ENVIRONMENTS)
        self.bench.disorder = random.Random(seed)
        self.configure(1)

    def play(self) -> None:
        for kind in [*self.draw.choices(list(STEPS), list(STEPS.values()), k=COUNT), "settle"]:
            getattr(self, kind)(self.draw.randrange(1_000_000))
            self.closed.check(self.bench.folder, self.bench.database, running=False)

    def change(self, number: int) -> None:
        upheaval.change(self.world, number)

    def fault(self, number: int) -> None:
        upheaval.fault(self.world, number)

    def heal(self, _: int) -> None:
        self.world.heal()

    def configure(self, number: int) -> None:
        chosen = CHOICES[number % len(CHOICES)]
        self.bench.packages = chosen.get("packages", {})
        self.bench.patterns = chosen.get("packages_re", {})
        blocks = chosen.get("policy", {}).get("block", ())
        self.bench.bars = Policy(block=tuple(Block(one["reason"], one["name"]) for one in blocks))
        wheels: Literal["all", "targets"] = self.draw.choice(("all", "targets"))
        self.bench.policy = FilePolicy(wheels=wheels, sdists=chosen.get("sdists", "fallback"))
        self.bench.retention = self.draw.choice((0, WEEKS))
        self.bench.flat = chosen.get("flat", False)

    def sync(self, _: int) -> None:
        with suppress(PypiSyncError):
            self.bench.sync()

    def crash(self, number: int) -> None:
        with suppress(PypiSyncError, Crash), counted(self.bench, Points(number % POINTS + 1)):
            self.bench.sync()

    def order(self, number: int) -> None:
        """The operator goes back, or follows again, or lets a name stand for a generation."""
        which = number % 4 + 1
        orders = rollback.to_generation(which), rollback.follow(), rollback.named("good", which)
        self.draw.choice(orders).give(self.bench.folder)

    def settle(self, _: int) -> None:
        """Heal all, let time pass and sync: what a new mirror comes to."""
        self.world.heal()
        upheaval.tell(self.world)
        self.bench.upstream = MemoryUpstream(self.world)
        self.bench.retention = 0
        for order in (rollback.follow(), rollback.named("good", None)):
            order.give(self.bench.folder)
        for _ in range(2):
            self.bench.clock += WEEKS
            rollback.accept_removals().give(self.bench.folder)
            self.bench.sync()
        fresh = self.another(self.folder / "fresh")
        fresh.sync()
        assert decided(self.bench) == decided(fresh)
        self.bench.listed()
        shutil.rmtree(fresh.folder)

    def another(self, folder: Path) -> Bench:
        bench = self.bench
        keys: dict[str, Any] = {"environment": bench.environment, "policy": bench.policy}
        keys |= {"bars": bench.bars, "flat": bench.flat, "clock": bench.clock}
        upstream = MemoryUpstream(self.world)
        return Bench(folder, upstream, bench.packages, bench.patterns, **keys)
