"""Whatever happens upstream, what was installable from the pages stays so, if it is upstream.

Random changes and faults, a cycle after every few; then every root that the pages could install
before must install from them still, unless nothing upstream does that any more. The pages are
judged as a client sees them, upstream by all that it has; real uv looks at them now and then.
"""

import random
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from packaging.tags import parse_tag
from packaging.version import Version

from pypisync.catalog.holdings import holdings, roots
from pypisync.catalog.reader import Reader
from pypisync.core import environments, requirements, versions
from pypisync.core.budget import Budget
from pypisync.core.ground import Ground
from pypisync.core.model import Requirement
from pypisync.core.offers import ListedFile, ListedRelease, Offers
from pypisync.core.proof import Prover
from pypisync.core.proof_targets import ProofTarget, proof_targets
from pypisync.errors import UpstreamError
from tests.acceptance.clients import try_uv
from tests.acceptance.serving import serve
from tests.recipe.mirrors import TODAY, Bench
from tests.recipe.scenes import ENVIRONMENT
from tests.sim.memory import MemoryUpstream
from tests.sim.state import Release
from tests.sim.strategies import Op
from tests.sim.world import World

CHANGES = 320
LOOKS = 10  # of uv
PACKAGES = {name: ["latest"] for name in ("alpha", "beta", "gamma", "delta")}
NAMES = (*PACKAGES, "eps-ilon", "zeta", "eta", "theta")
TARGETS, _ = proof_targets(environments.targets(ENVIRONMENT), ENVIRONMENT, TODAY)
PYTHONS = (None,) * 6 + (">=3.8", ">=3.12", "<3.12")
WHEELS = (
    *[("py3-none-any",)] * 5,
    ("cp311-cp311-manylinux_2_17_x86_64", "cp313-cp313-manylinux_2_17_x86_64"),
    ("cp311-cp311-manylinux_2_17_x86_64",),
    ("py3-none-win_amd64",),
)
METHODS = (
    *["yank"] * 4, *["unyank"] * 4, *["remove_release"] * 3, "remove_file", "remove_project",
    *["quarantine_release"] * 2, *["clear_release_quarantine"] * 3, "quarantine",
    *["clear_quarantine"] * 3, "role_change",
)  # fmt: skip
Installable = set[tuple[str, str]]
"""Roots and targets."""


@dataclass
class Story:
    """Changes drawn from a seed."""

    seed: int
    world: World = field(default_factory=World)
    count: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        for name in NAMES * 2:
            self.publication(name).apply(self.world)

    def change(self) -> None:
        """One change that means something."""
        while True:
            name = self.draw.choice(NAMES)
            op = self.publication(name) if self.draw.random() < 0.55 else self.withdrawal(name)
            if op.apply(self.world):
                return

    def publication(self, name: str) -> Op:
        """A new release; now and then one of an old line, or a pre-release."""
        number = self.count[name] = self.count.get(name, 0) + 1
        text = f"{number}.0" + ("rc1" if self.draw.random() < 0.06 else "")
        others = [one for one in NAMES if one != name]
        return Op(
            "publish",
            (name, text),
            {
                "requires": [self.line(one) for one in self.draw.sample(others, 3)[:2]],
                "requires_python": self.draw.choice(PYTHONS),
                "wheels": self.draw.choice(WHEELS),
            },
        )

    def line(self, name: str) -> str:
        """A requirement, often one that ties the project to some of its releases."""
        most = max(1, self.count.get(name, 1))
        v = self.draw.randint(max(1, most - 3), most)
        shape = self.draw.choice(["", "", f">={v}", f"<={v}", f"<={v}", f"=={v}.0", f"!={v}.0"])
        marker = self.draw.choice(["", "", "", "; python_version >= '3.12'"])
        return f"{name}{shape}{marker}"

    def withdrawal(self, name: str) -> Op:
        """Something else that happens to one of the newest releases."""
        method = self.draw.choice(METHODS)
        if method in ("remove_project", "quarantine", "clear_quarantine", "role_change"):
            return Op(method, (name,))
        project = self.world.projects.get(name)
        there = list(project.releases) if project else []
        return Op(method, (name, self.draw.choice(there[-4:] or ["1.0"])))

    def fault(self) -> None:
        """What goes wrong in the next cycle, if anything."""
        faults = self.world.faults
        faults.random(self.draw.randrange(1 << 30), self.draw.choice((0, 0, 0, 0.1, 0.3)))
        if self.draw.random() < 0.2:
            name = self.draw.choice(NAMES).replace("-", "_")
            faults.fail(f"*/{name}-*.whl", self.draw.choice((404, 503)), self.draw.randint(1, 20))


def offered(world: World) -> Offers:
    """All that upstream has."""
    found: dict[str, list[ListedRelease]] = {}
    for name, project in world.projects.items():
        if project.status == "quarantined":
            continue
        some = [_release(name, one) for one in project.releases.values() if not one.quarantined]
        found[name] = sorted(some, key=lambda one: one.key)
    return Offers(dict(found))


def _release(name: str, release: Release) -> ListedRelease:
    version = Version(release.version)
    files = tuple(
        ListedFile(
            file.filename, "", "", 1, parse_tag(re.split("-", file.filename[:-4], maxsplit=2)[2]),
            release.requires_python, release.yanked is not None,
        )
        for file in release.files
    )  # fmt: skip
    needs = tuple(map(requirements.parse, release.requires or ()))
    return ListedRelease(
        name, str(version), versions.key(version), version.is_prerelease, files, needs
    )


def solved(offers: Offers, wanted: list[Requirement], target: ProofTarget) -> Iterator[str]:
    """The roots that install."""
    prover = Prover(Ground(target, offers, tuple(wanted)))
    for root in wanted:
        if prover.prove((root,), Budget(20_000)).verdict == "proven":
            yield root.text


def installable(offers: Offers, wanted: list[Requirement]) -> Installable:
    """The roots that install, with the targets on which they do."""
    return {(text, one.name) for one in TARGETS for text in solved(offers, wanted, one)}


def on_pages(bench: Bench) -> Installable:
    """What installs from the pages."""
    with Reader(bench.database) as reader:
        wanted = roots(reader)
        return installable(holdings(reader, PACKAGES), wanted)


@pytest.mark.parametrize("seed", [1, 2])
def test_never_a_step_back(seed: int, memory_path: Path) -> None:
    story = Story(seed)
    bench = Bench(memory_path / "mirror", MemoryUpstream(story.world), PACKAGES)
    bench.environment = ENVIRONMENT
    bench.sync()
    before, lost, cycles = on_pages(bench), 0, 0
    made, looks = 0, iter(range(32, CHANGES, 32))
    look = next(looks)
    while made < CHANGES // 2:
        for _ in range(story.draw.randint(1, 2)):
            story.change()
            made += 1
        story.fault()
        with suppress(UpstreamError):
            bench.sync()
        story.world.heal()
        now, cycles = on_pages(bench), cycles + 1
        bench.listed()  # every link works
        if gone := before - now:
            still = gone & installable(offered(story.world), wanted())
            assert still == set(), f"seed {seed}, change {made}"
            lost += len(gone)
        before = now
        if made >= look:
            look = next(looks, CHANGES)
            seen_by_uv(bench.folder, before, memory_path)
    bench.sync()
    assert on_pages(bench) == installable(offered(story.world), wanted())
    seen_by_uv(bench.folder, on_pages(bench), memory_path)
    assert lost, "nothing was ever lost upstream: too kind a story"


def wanted() -> list[Requirement]:
    """The roots."""
    return [requirements.parse(name) for name in PACKAGES]


def seen_by_uv(folder: Path, expected: Installable, place: Path) -> None:
    """Real uv installs from the pages just what is expected."""
    with serve(folder, "json") as index:
        for name in PACKAGES:
            (place / "root.in").write_text(name, encoding="utf-8")
            done = try_uv(
                place, "pip", "compile", "root.in", "--default-index", index, "--quiet",
                "--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28",
            )  # fmt: skip
            assert (done.returncode == 0) == ((name, TARGETS[0].name) in expected), done.stderr
