"""Whatever happens upstream, what was proven on the pages stays so, if it is upstream.

Random changes and faults, some of which last, a cycle after every few; then every root that was
proven and that the pages could install must install from them still, unless nothing upstream does
that any more, for an installer that came to an installation before and comes to one upstream. What
upstream withdraws leaves the pages at once, so if something fails in the same cycle, what upstream
has left of the earlier pages is what must still install. Only what installers come to now counts:
where they stop at a release that does not state what it requires, the mirror says "blocked", and
cannot know more. The pages are judged as a client sees them, upstream by all that it has; real uv
looks at them now and then.
"""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from packaging.tags import parse_tag
from packaging.version import Version

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries.listed_index import holdings, roots
from pypisync.core.budget import Budget
from pypisync.core.environments import targets
from pypisync.core.environments.proof_targets import ProofTarget, proof_targets
from pypisync.core.resolve import pip, uv
from pypisync.core.resolve.candidates import Admission
from pypisync.core.resolve.index import ListedFile, ListedRelease, Offers
from pypisync.core.resolve.prover import MISSES, Prover
from pypisync.core.resolve.target_index import TargetIndex
from pypisync.core.standards import requirements, versions
from pypisync.errors import UpstreamError
from tests.acceptance.clients import try_uv
from tests.acceptance.serving import serve
from tests.deep import scaled
from tests.recipe.mirrors import TODAY, Bench
from tests.recipe.scenes import ENVIRONMENT
from tests.sim.memory import MemoryUpstream
from tests.sim.state import Release
from tests.sim.strategies import Op
from tests.sim.world import World

CHANGES = scaled(200)
SEEDS = [random.SystemRandom().getrandbits(32) for _ in range(2)]
LOOKS = 10  # of uv
PINNED = ("delta", "2.2")
PACKAGES = {
    "alpha": ["latest"],
    "beta": ["2 latest"],
    "gamma": ["<3,>1"],
    "delta": ["latest", PINNED[1]],
    "eps-ilon[fast]": ["latest"],
}
ROOTS = ("alpha", "beta", "gamma<3,>1", "delta", "delta==2.2", "eps-ilon[fast]")
NAMES = ("alpha", "beta", "gamma", "delta", "eps-ilon", "zeta", "eta", "theta")
TARGETS, _ = proof_targets(targets.targets(ENVIRONMENT), ENVIRONMENT, TODAY)
PYTHONS = (None,) * 6 + (">=3.8", ">=3.12", "<3.12")
WHEELS = (
    *[("py3-none-any",)] * 5,
    ("cp311-cp311-manylinux_2_17_x86_64", "cp313-cp313-manylinux_2_17_x86_64"),
    ("cp311-cp311-manylinux_2_17_x86_64",),
    ("py3-none-win_amd64",),
)
SDISTS: tuple[dict[str, Any], ...] = (
    *[{}] * 5,
    {"sdist": True},
    {"sdist": True, "build_requires": ["theta"]},
    {"sdist": True, "build_requires": ["eta>=1", "zeta"]},
    {"sdist": True, "wheels": ()},
    {"sdist": True, "wheels": (), "build_requires": ["theta"]},
)
METHODS = (
    *["yank"] * 4, *["unyank"] * 4, *["remove_release"] * 3, "remove_file", "remove_project",
    *["quarantine_release"] * 2, *["clear_release_quarantine"] * 3, "quarantine",
    *["clear_quarantine"] * 3, "role_change",
)  # fmt: skip
Installable = set[tuple[str, str]]
"""Roots and targets."""
ALL: Installable = {(text, target.name) for text in ROOTS for target in TARGETS}


@dataclass
class Story:
    """Changes drawn from a seed."""

    seed: int
    world: World = field(default_factory=World)
    versions: dict[str, list[str]] = field(default_factory=dict)
    lasting: list[tuple[int, str, str]] = field(default_factory=list)  # last cycle, what, of what
    seen: Counter[str] = field(default_factory=Counter)
    cycle: int = 0

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        self.world.publish_setuptools_like()
        for name in NAMES * 2:
            self.publication(name).apply(self.world)

    def change(self) -> None:
        """One change that means something."""
        while True:
            name = self.draw.choice(NAMES)
            op = self.publication(name) if self.draw.random() < 0.55 else self.withdrawal(name)
            if not (PINNED[0] in op.args and op.method.startswith("remove")) and op.apply(
                self.world
            ):
                self.seen[f"{op.method} {'sdist' in op.options}"] += 1
                return

    def publication(self, name: str) -> Op:
        """A new release, of gamma one of three lines; now and then a pre-release."""
        known = self.versions.setdefault(name, [])
        number = len(known) + 1
        text = f"{1 + number % 3}.{number}" if name == "gamma" else f"{number}.{number}"
        text += "rc1" if self.draw.random() < 0.06 else ""
        known.append(text)
        others = [one for one in NAMES if one != name]
        needs = [self.line(one) for one in self.draw.sample(others, 3)]
        return Op(
            "publish",
            (name, text),
            {
                "requires": needs[:2],
                "extras": {"fast": needs[2:]} if self.draw.random() < 0.5 else {},
                "requires_python": self.draw.choice(PYTHONS),
                "wheels": self.draw.choice(WHEELS),
                **self.draw.choice(SDISTS),
            },
        )

    def line(self, name: str) -> str:
        """A requirement, often one that ties the project to some of its releases."""
        v = self.draw.choice(self.versions.get(name, ["1.1"])[-4:])
        shape = self.draw.choice(["", "", f">={v}", f"<={v}", f"<={v}", f"=={v}", f"!={v}"])
        marker = self.draw.choice(["", "", "", "; python_version >= '3.12'"])
        extra = self.draw.choice(["", "", "", "[fast]"])
        return f"{name}{extra}{shape}{marker}"

    def withdrawal(self, name: str) -> Op:
        """Something else that happens to one of the newest releases, or to the pinned one."""
        method = self.draw.choice(METHODS)
        if method in ("remove_project", "quarantine", "clear_quarantine", "role_change"):
            return Op(method, (name,))
        if name == PINNED[0] and self.draw.random() < 0.3:
            return Op(method, PINNED)
        project = self.world.projects.get(name)
        there = list(project.releases) if project else []
        return Op(method, (name, self.draw.choice(there[-4:] or ["1.1"])))

    def fault(self) -> bool:
        """What goes wrong in the next cycle, and what still does; whether there is any of it."""
        self.cycle += 1
        faults, rate = self.world.faults, self.draw.choice((0, 0, 0, 0.1, 0.3))
        faults.random(self.draw.randrange(1 << 30), rate)
        trouble = rate > 0
        if self.draw.random() < 0.2:
            name = self.draw.choice(NAMES).replace("-", "_")
            faults.fail(f"*/{name}-*", self.draw.choice((404, 503)), self.draw.randint(1, 20))
            trouble = True
        if self.draw.random() < 0.3:
            self.lasting.append(self.trouble())
            self.seen[self.lasting[-1][1]] += 1
        for last, what, of in self.lasting:
            trouble |= what != "quarantine"
            if what == "stale":
                faults.stale(of)
            elif what == "quarantine":
                Op(what if self.cycle < last else "clear_quarantine", (of,)).apply(self.world)
            else:
                faults.fail(of, int(what))
        self.lasting = [one for one in self.lasting if one[0] > self.cycle]
        return trouble

    def trouble(self) -> tuple[int, str, str]:
        """Something that goes on for five cycles."""
        what, name = (
            self.draw.choice(("404", "503", "stale", "quarantine")),
            self.draw.choice(NAMES),
        )
        if what not in ("stale", "quarantine"):
            version = self.draw.choice(self.versions[name][-2:])
            return self.cycle + 4, what, f"*/{name.replace('-', '_')}-{version}[-.]*"
        return self.cycle + 4, what, name


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
            file.filename, "", "", 1, parse_tag(file.filename[:-4].split("-", maxsplit=2)[2])
            if file.kind == "wheel" else None,
            release.requires_python, release.yanked is not None,
        )
        for file in release.files
    )  # fmt: skip
    needs = tuple(map(requirements.parse, release.requires or ()))
    return ListedRelease(
        name, str(version), versions.key(version), version.is_prerelease, files, needs
    )


def solved(offers: Offers, asked: set[str], target: ProofTarget) -> Iterator[str]:
    """The roots of which there is an installation, even if an installer's own search misses it."""
    wanted = tuple(map(requirements.parse, ROOTS))
    prover = Prover(TargetIndex(target, offers, wanted))
    for root in wanted:
        if root.text not in asked:
            continue
        proof = prover.prove((root,), Budget(20_000))
        if proof.verdict == "proven" or any(line.endswith(MISSES) for line in proof.why):
            yield root.text


def installable(offers: Offers, asked: Installable = ALL) -> Installable:
    """Of roots on targets those that install."""
    found: Installable = set()
    for target in TARGETS:
        some = {text for text, name in asked if name == target.name}
        found |= {(text, target.name) for text in solved(offers, some, target)}
    return found


def comers(offers: Offers, root: str, target: str) -> set[str]:
    """The installers whose own search comes to an installation: each needs its own way there."""
    asked = (requirements.parse(root),)
    index = TargetIndex(next(one for one in TARGETS if one.name == target), offers, asked)
    searches = {"pip": pip.rehearsed, "uv": uv.rehearsed}
    return {
        name
        for name, search in searches.items()
        if search(Admission(index), asked, Budget(), set()).pins is not None
    }


def pages(bench: Bench, world: World) -> Offers:
    """What the pages list; what the catalog has yet to learn of it, installers find out."""
    with Reader(bench.database) as reader:
        assert {root.text for root in roots(reader)} == set(ROOTS)
        listed = holdings(reader, NAMES)
    true = {
        (one.name, one.version): one for some in offered(world).releases.values() for one in some
    }
    return Offers(
        {
            name: [
                replace(one, known=True, needs=true[name, one.version].needs)
                if not one.known and (name, one.version) in true
                else one
                for one in some
            ]
            for name, some in listed.releases.items()
        }
    )


def proven(bench: Bench) -> Installable:
    """What the mirror has proven with the pages as they are: of more it promises nothing."""
    rows = bench.query(
        "SELECT s.text, p.targets FROM proofs p JOIN subjects s ON s.id = p.subject_id"
        " WHERE p.published = 1 AND p.verdict = 'proven'"
    )
    return {(subject, target) for subject, targets in rows for target in targets.split(", ")}


def blocked(bench: Bench) -> Installable:
    """What depends on a release whose requirements nobody states."""
    rows = bench.query(
        "SELECT subject, targets FROM v_proofs"
        " WHERE verdict = 'blocked' AND why LIKE '%nobody says what it requires%'"
    )
    return {(subject, target) for subject, targets in rows for target in targets.split(", ")}


def left(listed: Offers, upstream: Offers) -> Offers:
    """What upstream still has of what was listed, as it has it now."""
    found: dict[str, list[ListedRelease]] = {}
    for name, some in upstream.releases.items():
        known = {file.filename for one in listed.get(name) for file in one.files}
        for one in some:
            if files := tuple(file for file in one.files if file.filename in known):
                found.setdefault(name, []).append(replace(one, files=files))
    return Offers(dict(found))


@pytest.mark.long
@pytest.mark.parametrize("number", range(len(SEEDS)))
def test_never_a_step_back(number: int, memory_path: Path) -> None:
    seed = SEEDS[number]
    story = Story(seed)
    bench = Bench(memory_path / "mirror", MemoryUpstream(story.world), PACKAGES)
    bench.environment = ENVIRONMENT
    bench.sync()
    listed, lost = pages(bench, story.world), 0
    before = installable(listed, proven(bench))
    made, looks = 0, iter(range(32, CHANGES, 32))
    look = next(looks)
    while made < CHANGES // 2:
        for _ in range(story.draw.randint(1, 2)):
            story.change()
            made += 1
        trouble = story.fault()
        with suppress(UpstreamError):
            bench.sync()
        story.world.heal()
        bench.listed()  # every link works
        was, listed = listed, pages(bench, story.world)
        sure = proven(bench)
        now = installable(listed, before | sure)
        if gone := before - now:
            upstream = offered(story.world)
            promised = left(was, upstream) if trouble else upstream
            # More upstream can be less: a new release may stop an installer.
            still = installable(upstream, installable(promised, gone))
            still -= blocked(bench)
            still = {
                one
                for one in still
                if comers(was, *one) & comers(upstream, *one) - comers(listed, *one)
            }
            assert still == set(), f"seed {seed}, change {made}"
            lost += len(gone)
        before = now & sure
        if made >= look:
            look = next(looks, CHANGES)
            seen_by_uv(bench.folder, listed, memory_path)
    bench.sync()
    listed = pages(bench, story.world)
    upstream = offered(story.world)
    differ = installable(listed) ^ installable(upstream)
    differ -= blocked(bench)
    # An installation that no installer's search comes to need not be mirrored.
    differ = {one for one in differ if comers(listed, *one) != comers(upstream, *one)}
    assert differ == set(), f"seed {seed}"
    seen_by_uv(bench.folder, listed, memory_path)
    print(f"seed {seed}: {lost} roots and targets were lost upstream")


def seen_by_uv(folder: Path, listed: Offers, place: Path) -> None:
    """Real uv installs from the pages just what its own rules allow, which are not quite pip's."""
    with serve(folder, "json") as index:
        for text in ROOTS:
            (place / "root.in").write_text(text, encoding="utf-8")
            done = try_uv(
                place, "pip", "compile", "root.in", "--default-index", index, "--quiet",
                "--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28",
            )  # fmt: skip
            asked = (requirements.parse(text),)
            admission = Admission(TargetIndex(TARGETS[0], listed, asked))
            expected = uv.rehearsed(admission, asked, Budget(), set()).pins is not None
            assert (done.returncode == 0) == expected, done.stderr
