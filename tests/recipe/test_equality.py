"""Incremental equals from-scratch, and both equal the standards taken literally.

Whatever happens upstream, and however the configuration changes, a mirror that followed it step
by step is the same as one that starts now; and its selection is the oracle's.
"""

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pypisync.core.filters.policy import Block, Policy
from pypisync.core.standards.requirements import parse
from pypisync.core.values import moment
from pypisync.core.wanted.groups import Group, Locked, merged
from pypisync.core.wanted.roots import NamedFile
from pypisync.cycle.maintenance import sweep
from tests.deep import is_deep, scaled
from tests.recipe.mirrors import Bench, tree_bytes
from tests.recipe.oracle import Env, closure
from tests.recipe.verdicts import Truth, wrong
from tests.sim import strategies
from tests.sim.memory import MemoryUpstream
from tests.sim.strategies import Op, Turn
from tests.sim.world import World

ENVS = [Env("3.11", "linux"), Env("3.13", "linux")]
TARGETS = {f"{env.minor} linux-x86_64": env for env in ENVS}
ENVIRONMENT = {
    "python_version": ["3.11", "3.13"],
    "sys_platform": ["linux"],
    "platform_machine": ["x86_64"],
    "implementation_name": ["cpython"],
    "extra": [],
}
LIMIT = 4
VERSIONS = st.sampled_from(strategies.VERSIONS)
# Not why: a mirror that has read more may have another way to say it.
PROOFS = "SELECT targets, subject, verdict, published FROM v_proofs"
PINS = "SELECT targets, subject, project, version, extras, chosen_by, added FROM v_pins"
REPAIRS = "SELECT DISTINCT project, version, extras FROM v_pins WHERE added = 1"
CONFIGURATIONS: list[dict[str, list[str]]] = [
    {"alpha": ["latest"], "beta": [">=1"]},
    {"alpha": ["latest"]},
    {"gamma": ["latest", "<2"], "delta": ["latest"]},
    {"beta": ["==1.0"], "delta": [">=0"]},
    {"alpha[fast]": ["latest"], "gamma[doc-s,fast]": ["<2"]},
]
SELECTION = """
    SELECT p.name, r.version, s.extra FROM selected s
    JOIN releases r ON r.id = s.release_id JOIN projects p ON p.id = r.project_id
"""


UNMET = "SELECT project, version, requirement FROM v_unmet"
# A file without a stated hash that the policy bars is recognised by who fetched it before alone.
NAMED = """
    SELECT lock_file, project, version, sha256, filename,
        (SELECT f.filename FROM files f WHERE f.filename = found
            AND NOT (f.barred <> '' AND coalesce(f.stated, '-') = ''))
    FROM v_named
"""
BARRED = """
    SELECT filename, barred FROM v_files
    WHERE project IN (SELECT project FROM v_releases WHERE selected = 1)
"""


def each_target(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows, one for each of the targets in their first column."""
    return sorted((target, *row) for targets, *row in rows for target in targets.split(", "))


def decided(bench: Bench) -> dict[str, Any]:
    """Everything a mirror decided and published, without ids and times."""
    index = bench.folder / "simple" / "index.v1_json"
    projects = json.loads(index.read_bytes())["projects"] if index.exists() else []
    pages = tree_bytes(bench.folder)
    # A list of no project may be missing, and JSON has serials in it.
    told = "simple/index.v1_json" if projects else "simple/index."
    roots = [name for name in pages if name.startswith(told)]
    selected, unmet, reasons, named, barred, proofs, pins, quarantined = bench.queries(
        *(SELECTION, UNMET, "SELECT * FROM v_reasons", NAMED, BARRED),
        *(PROOFS, PINS, "SELECT path FROM quarantined"),
    )
    kept = [path for (path,) in quarantined]
    for name in (*roots, *kept, *(f"{path}.metadata" for path in kept)):
        pages.pop(name, None)  # what is kept from before a quarantine is on no page
    return {
        "selected": sorted(selected),
        "unmet": sorted(set(unmet)),
        "reasons": sorted(reasons),
        "named": sorted(map(repr, named)),
        "barred": sorted(barred),
        "index": [one["name"] for one in projects],
        "tree": pages,
        "proofs": each_target(proofs),
        "pins": each_target(pins),
    }


BARRED_FILE = "beta-1.0-py3-none-any.whl"
# A world's clock ticks once a change, so that these ages pass while things happen.
POLICIES = (
    Policy(),
    Policy(min_age=6),
    Policy(min_age=2, min_age_of=(("alpha", 9),), exempt=(("beta", "2.0"),)),
    Policy(freeze_at=moment("2026-01-01T00:00:09Z"), min_age=4),
    Policy(
        block=(Block("no", "alpha", ">=1.1"), Block("nor", filename="beta-1.0-py3-none-any.whl"))
    ),
)


class Mirror(RuleBasedStateMachine):
    """Upstream changes, the operator changes the configuration, and from time to time a sync."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = _folder()
        self.forget()
        self.world = World()
        self.bench = self.mirror("followed", CONFIGURATIONS[0])
        self.asked: list[str] = []
        self.synced = False

    def mirror(self, name: str, packages: Mapping[str, Sequence[str]]) -> Bench:
        return Bench(
            self.folder / name, MemoryUpstream(self.world), packages, environment=ENVIRONMENT
        )

    @initialize(ops=strategies.universes(LIMIT, min_size=4, max_size=14))
    def begin(self, ops: list[Op]) -> None:
        strategies.build(ops, self.world)

    @rule(ops=st.lists(strategies.changes(LIMIT), min_size=1, max_size=4))
    def change(self, ops: list[Op]) -> None:
        strategies.build(ops, self.world)
        self.synced = False

    @rule(turns=st.lists(strategies.turns(LIMIT), min_size=1, max_size=3))
    def turn(self, turns: list[Turn]) -> None:
        """Who needs whom changes, together with states: quarantines, archives, yanks."""
        for one in turns:
            one.apply(self.world)
        self.synced = False

    @rule(packages=st.sampled_from(CONFIGURATIONS))
    def configure(self, packages: dict[str, list[str]]) -> None:
        self.bench.packages = packages
        self.synced = False

    @rule(policy=st.sampled_from(POLICIES))
    def bar(self, policy: Policy) -> None:
        self.bench.bars = policy
        self.synced = False

    @rule(seconds=st.integers(1, 5))
    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.world.tick()
        self.synced = False

    @rule(
        asked=st.lists(strategies.requirements(LIMIT), max_size=2),
        locked=st.lists(
            st.tuples(strategies.names(LIMIT), VERSIONS, st.integers(0, 7)), max_size=3
        ),
    )
    def group(self, asked: list[str], locked: list[tuple[str, str, int]]) -> None:
        """The operator gives a requirements file and a lock file that names some files."""
        pins = [self.pin(name, version, which) for name, version, which in locked]
        requirements = tuple(map(parse, asked))
        self.asked = asked
        self.bench.groups = [
            Group("team.txt", resolve=True, requirements=requirements),
            Group("uv.lock", resolve=False, locked=merged(pins)),
        ]
        self.synced = False

    def pin(self, name: str, version: str, which: int) -> Locked:
        """A pin with those of the release's files whose bits are set; none: by the file rules."""
        project = self.world.projects.get(name)
        release = project and project.same_release(version)
        files = release.files if release else ()
        named = [
            NamedFile(file.filename, file.built.sha256)
            for number, file in enumerate(files)
            if which >> number & 1
        ]
        return Locked(name, version, tuple(named))

    @rule(seed=st.integers(0, 2**32))
    def sync(self, seed: int) -> None:
        """A sync, whose answers come in any order."""
        self.bench.disorder = Random(seed)
        now = moment(self.world.now())
        self.bench.clock = now - 3600  # it takes an hour
        self.bench.sync()
        if self.silent():
            self.bench.clock = now - 3600
            self.sweep()
            self.bench.clock = now - 3600
            self.bench.sync()
        self.synced = True

    def silent(self) -> bool:
        """Whether the mirror has another word for a project's state than upstream has."""
        query = "SELECT name, status, status_reason FROM projects WHERE status NOT IN "
        rows = self.bench.query(query + "('unseen', 'gone')")
        there = self.world.projects
        return any(
            name in there and (there[name].status, there[name].reason) != (status, reason)
            for name, status, reason in rows
        )

    def sweep(self) -> None:
        """A whole round: what upstream writes no journal row for is found by it alone."""
        catalog = self.bench.catalog()
        mirror = self.bench.mirror(catalog)
        for _ in self.bench.listed():
            sweep(mirror)
        catalog.close()

    @invariant()
    def equals_a_mirror_from_nothing(self) -> None:
        if not self.synced:
            return
        self.synced = False
        self.forget("fresh")
        fresh = self.mirror("fresh", self.bench.packages)
        fresh.groups = self.bench.groups
        fresh.bars = self.bench.bars
        fresh.clock = self.bench.clock - 3600
        fresh.sync()
        assert decided(self.bench) == decided(fresh)
        self.bench.listed()
        truth = Truth(self.world, self.bench.bars, self.bench.clock, TARGETS)
        groups = {"group team.txt": self.asked}
        assert wrong(self.bench, truth, groups, careful=is_deep()) == []
        free = not self.bench.groups and self.bench.bars.idle
        if free and all(map(_plain, self.world.projects.values())):
            repairs = [(f"{n}[{x}]", [v]) for n, v, x in self.bench.query(REPAIRS)]
            roots = [*self.bench.packages.items(), *repairs]
            selected, unmet = closure(self.world, roots, ENVS)
            assert self.bench.selection() == selected
            assert self.bench.unmet() == unmet

    def teardown(self) -> None:
        self.forget()

    def forget(self, *parts: str) -> None:
        """Start anew in the same place: an engine is kept by its URL."""
        for part in parts or ("fresh", "followed"):
            shutil.rmtree(self.folder / part, ignore_errors=True)


def _plain(project: Any) -> bool:
    """Whether the oracle can follow it: every file a wheel with its metadata beside it."""
    return all(
        file.kind == "wheel" and file.metadata is not None
        for release in project.releases.values()
        for file in release.files
    )


@cache
def _folder() -> Path:
    """A folder in memory, if the system has one: the disk is not what is tested here."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="pypisync-test-", dir=memory))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _built(requires: str, *, builds_with: str) -> dict[str, Any]:
    """A release that is an sdist alone."""
    options = {"requires": (requires,), "wheels": (), "sdist": True}
    return {**options, "build_requires": (builds_with,), "sdist_metadata": "static"}


@pytest.mark.parametrize(
    "ops",
    [
        [  # nothing but its own requirement admits the pre-release, so pip never comes to it
            Op("publish", ("beta", "0.9")),
            Op("publish", ("alpha", "0.9"), {"requires": ("beta>=1",)}),
            Op("publish", ("alpha", "2.0b1"), {"requires": ("alpha>=1",)}),
        ],
        [  # a release that pip looks at, and that needs itself to be built
            Op("publish", ("alpha", "1.0")),
            Op("publish", ("alpha", "2.0"), _built("beta>=1", builds_with="alpha==2.0")),
        ],
        [  # the same, where what builds it looks at it as well before it takes another
            Op("publish", ("alpha", "1.0")),
            Op("publish", ("alpha", "2.0"), _built("beta>=1", builds_with="alpha")),
        ],
    ],
)
def test_what_is_blocked_for_what_pip_looks_at(ops: list[Op]) -> None:
    state = Mirror()
    state.begin(ops=ops)
    state.sync(seed=0)
    state.equals_a_mirror_from_nothing()
    truth = Truth(state.world, state.bench.bars, state.bench.clock, TARGETS)
    assert wrong(state.bench, truth, {}) == []
    query = "SELECT DISTINCT verdict FROM v_proofs WHERE subject = 'alpha'"
    assert state.bench.query(query) == [("blocked",)]
    state.teardown()


def test_a_release_requires_what_the_wheel_says_that_is_taken() -> None:
    state = Mirror()
    both = {"metadata": False, "requires_python": ">=3.8"}
    compiled = {**both, "wheels": ("cp313-cp313-manylinux_2_17_x86_64",)}
    state.begin(
        ops=[
            Op("publish", ("alpha", "1.0"), {**both, "requires": ("beta>=1",)}),
            Op("publish", ("alpha", "1.0"), compiled),
        ]
    )
    state.sync(seed=0)
    state.equals_a_mirror_from_nothing()
    query = "SELECT targets, verdict FROM v_proofs WHERE subject = 'alpha' ORDER BY targets"
    verdicts = [("3.11 linux-x86_64", "refuted"), ("3.13 linux-x86_64", "proven")]
    assert state.bench.query(query) == verdicts
    state.teardown()


@pytest.mark.parametrize("root", ["alpha", "beta"])
def test_a_yanked_final_keeps_a_pre_release_out_whether_or_not_it_was_read(root: str) -> None:
    state = Mirror()
    state.begin(
        ops=[
            Op("publish", ("alpha", "1.0"), {"requires": ("lib!!!",)}),
            Op("publish", ("alpha", "2.0b1")),
            Op("publish", ("beta", "1.0"), {"requires": ("alpha",)}),
        ]
    )
    state.configure(packages={root: ["latest"]})
    state.sync(seed=0)
    state.change(ops=[Op("yank", ("alpha", "1.0"))])
    state.sync(seed=0)
    state.equals_a_mirror_from_nothing()
    assert state.bench.unmet() == ({("beta", "1.0", "alpha")} if root == "beta" else set())
    state.teardown()


TestMirror = Mirror.TestCase
TestMirror.settings = settings(max_examples=scaled(12), stateful_step_count=10, deadline=None)
