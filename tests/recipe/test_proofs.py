"""Roots are proven while syncing: what is lacking is added, what would break them held back."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from packaging.version import Version

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries.proofs import verdicts
from pypisync.catalog.queries.why_not import absence
from pypisync.core.budget import Budget
from pypisync.core.environments.proof_targets import named
from pypisync.core.filters.file_rules import FilePolicy
from pypisync.core.filters.policy import Block, Policy
from pypisync.core.resolve.prover import Proof, Prover
from pypisync.core.wanted.groups import Asked
from pypisync.cycle import prove
from pypisync.cycle.mirror import Silent
from pypisync.cycle.report import Report
from pypisync.cycle.sync import sync_once
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

TWO = {
    "python_version": ["3.11", "3.13"],
    "sys_platform": ["linux"],
    "implementation_name": ["cpython"],
}
BOTH = "3.11 linux-x86_64, 3.13 linux-x86_64"


@dataclass
class Steps(Silent):
    """Notes how many subjects each round of prove had."""

    proofs: list[int] = field(default_factory=list)

    def step(self, name: str, total: int | None = None, unit: str = "") -> None:
        if name == "proofs":
            self.proofs.append(total or 0)


def sync(bench: Bench, *, steps: int = 20_000) -> tuple[Report, list[int]]:
    """One cycle, and how many roots were proven in each of its rounds."""
    watch = Steps()
    catalog = bench.catalog()
    try:
        mirror = bench.mirror(catalog)
        mirror.watch, mirror.budget = watch, lambda: Budget(steps)
        return sync_once(mirror), watch.proofs
    finally:
        catalog.close()


def recorded(bench: Bench) -> set[tuple[str, str, str, int]]:
    """Subject, targets, verdict, published."""
    rows = bench.query("SELECT subject, targets, verdict, published FROM v_proofs")
    return {(a, b, c, d) for a, b, c, d in rows}


def pins(bench: Bench, subject: str) -> set[tuple[str, str, str, int]]:
    """Project, version, chosen_by, added."""
    rows = bench.query(
        f"SELECT project, version, chosen_by, added FROM v_pins WHERE subject = '{subject}'"
    )
    return {(a, b, c, d) for a, b, c, d in rows}


def old_soup(world: World) -> None:
    """An old root whose dependency has moved on; the real soupsieve 0.4."""
    world.publish("soupsieve", "0.4", requires=["beautifulsoup4"])
    world.publish("soupsieve", "2.0.1")
    for version in ("4.5.0", "4.6.3"):
        world.publish("beautifulsoup4", version)
    world.publish("beautifulsoup4", "4.7.0", requires=["soupsieve>1.2"])
    world.publish("beautifulsoup4", "4.9.3", requires=["soupsieve>1.2"])


def test_what_no_edge_calls_for_is_added(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    old_soup(world)
    bench = Bench(tmp_path, memory, {"soupsieve": ["0.4"]}, environment=TWO)
    report, _ = sync(bench)
    assert (report.exit_code, report.proofs) == (0, {"proven": 2})
    assert bench.listed() == {
        "soupsieve": {"0.4", "2.0.1"},
        "beautifulsoup4": {"4.6.3", "4.9.3"},  # and not 4.7.0, which was only looked at
    }
    assert recorded(bench) == {("soupsieve==0.4", BOTH, "proven", 1)}
    assert pins(bench, "soupsieve==0.4") == {
        ("soupsieve", "0.4", "solver", 0),
        ("beautifulsoup4", "4.6.3", "solver", 1),
    }
    assert sync(bench)[1] == []

    bench.packages = {"soupsieve": ["latest"]}
    sync(bench)
    assert bench.listed() == {"soupsieve": {"2.0.1"}}
    assert recorded(bench) == {("soupsieve", BOTH, "proven", 1)}


def test_what_pip_would_choose_is_added_too(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("app", "1.0", requires=["x", "y<9"])
    world.publish("x", "1.0")
    world.publish("x", "2.0", requires=["y<2"])
    world.publish("y", "1.0")
    world.publish("y", "2.0", requires=["x<2"])
    bench = Bench(tmp_path, memory, {"app": ["latest"]}, environment=TWO)
    sync(bench)
    assert pins(bench, "app") == {
        ("app", "1.0", "solver", 0), ("x", "2.0", "solver", 0), ("y", "1.0", "solver", 0),
        ("x", "1.0", "pip", 0), ("y", "2.0", "pip", 0),
    }  # fmt: skip


def test_many_roots_are_proven_a_batch_at_a_time(
    tmp_path: Path, world: World, memory: MemoryUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prove, "_BATCH", 3)
    old_soup(world)
    world.publish("torn", "1.0", requires=["soupsieve==0.4", "nobody"])
    world.faults.fail("/*/nobody/*", 503, None)
    for i in range(8):
        world.publish(f"p{i}", "1.0", requires=[f"p{i - 1}" if i else "soupsieve"])
    names = {**{f"p{i}": ["latest"] for i in range(8)}, "soupsieve": ["0.4"], "torn": ["latest"]}
    bench = Bench(tmp_path, memory, names, environment=TWO)
    report, rounds = sync(bench)
    assert max(rounds) == 3
    assert report.proofs == {"proven": 18, "undecided": 2}
    assert bench.listed()["beautifulsoup4"] == {"4.6.3", "4.9.3"}


def test_only_what_a_change_touches_is_proven_again(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("lib", "1.0")
    for i in range(8):
        world.publish(f"one{i}", "1.0", requires=["lib"])
        world.publish(f"two{i}", "1.0")
    names = [f"{kind}{i}" for kind in ("one", "two") for i in range(8)]
    bench = Bench(tmp_path, memory, {name: ["latest"] for name in names}, environment=TWO)
    assert sync(bench)[1] == [16]
    world.publish("two3", "2.0")
    assert sync(bench)[1] == [1]
    world.publish("lib", "2.0")
    assert sync(bench)[1] == [8]
    world.role_change("lib")  # a document that says nothing new
    assert sync(bench)[1] == []
    assert {row[2] for row in recorded(bench)} == {"proven"}
    bench.packages = {**bench.packages, "one9": ["latest"]}
    world.publish("one9", "1.0", requires=["two1"])
    assert sync(bench)[1] == [1]


def test_a_root_that_upstream_cannot_satisfy_is_published_and_said_to_be_so(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("torn", "1.0", requires=['gone; python_version >= "3.13"'])
    bench = Bench(tmp_path, memory, {"torn": ["latest"]}, environment=TWO)
    report, _ = sync(bench)
    assert (report.exit_code, report.proofs) == (0, {"proven": 1, "refuted": 1})
    assert bench.listed() == {"torn": {"1.0"}}
    [(targets, why)] = bench.query("SELECT targets, why FROM v_proofs WHERE verdict = 'refuted'")
    assert targets == "3.13 linux-x86_64"
    assert why.splitlines() == [
        'because the root requires "torn"',
        'because torn 1.0 requires "gone; python_version >= "3.13"", and there is no release of gone',  # noqa: E501
        "so torn 1.0 cannot be installed",
        "so torn cannot be installed",
    ]
    world.publish("gone", "1.0")
    assert sync(bench)[0].proofs == {"proven": 2}
    assert {row[2:] for row in recorded(bench)} == {("proven", 1)}


def test_what_cannot_be_compared_blocks(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("cffi-like", "1.0", requires=['x; implementation_name === "pypy"'])
    world.publish("x", "1.0")
    bench = Bench(tmp_path, memory, {"cffi-like": ["latest"]}, environment=TWO)
    report, _ = sync(bench)
    assert report.proofs == {"blocked": 2}
    assert bench.listed() == {"cffi-like": {"1.0"}, "x": {"1.0"}}


def pigeons(world: World, count: int) -> None:
    """Pigeons that each need a hole of their own, with one hole too few."""
    for hole in range(1, count):
        for i in range(count):
            world.publish(f"p{i}", str(hole), requires=[f"h{hole}=={i + 1}"])
            world.publish(f"h{hole}", str(i + 1))
    world.publish("nest", "1", requires=[f"p{i}" for i in range(count)])


def test_a_crafted_case_ends_with_its_budget_and_the_cycle_goes_on(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    pigeons(world, 8)
    old_soup(world)
    packages = {"nest": ["latest"], "soupsieve": ["0.4"]}
    bench = Bench(tmp_path, memory, packages, environment=TWO)
    report, _ = sync(bench, steps=2_000)
    assert report.proofs == {"proven": 2, "undecided": 2}
    assert set(report.failed) == {"proof of nest"}
    assert report.exit_code == 1
    assert "nest" in bench.listed()
    assert bench.listed()["beautifulsoup4"] >= {"4.6.3"}
    # It is not tried again before something changes, and still said.
    report, rounds = sync(bench)
    assert (rounds, set(report.failed)) == ([], {"proof of nest"})


def test_while_new_pins_are_held_the_old_ones_stay(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    """A repair of the old proof is nobody's dependency: only the proof keeps it."""
    world.publish("app", "1.0", requires=["b", "c"])
    world.publish("b", "1.0", requires=["c<2"])
    world.publish("c", "1.0")
    world.publish("c", "2.0", requires=["b>1.5"])
    bench = Bench(tmp_path, memory, {"app": ["latest"]}, environment=TWO)
    sync(bench)
    assert bench.listed() == {"app": {"1.0"}, "b": {"1.0"}, "c": {"1.0", "2.0"}}

    world.publish("b", "2.0")
    world.faults.fail("*/b-2.0-py3-none-any.whl", 503, None)
    report, _ = sync(bench)
    assert set(report.held) == {"b==2.0"}
    assert bench.listed() == {"app": {"1.0"}, "b": {"1.0"}, "c": {"1.0", "2.0"}}
    assert recorded(bench) == {("app", BOTH, "proven", 0)}
    world.heal()
    assert sync(bench)[0].held == {}
    assert bench.listed() == {"app": {"1.0"}, "b": {"2.0"}, "c": {"2.0"}}
    assert recorded(bench) == {("app", BOTH, "proven", 1)}


def test_facts_that_cannot_be_had_leave_a_root_open(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    old_soup(world)
    world.faults.fail("*/beautifulsoup4-4.6.3*", 503, None)
    world.faults.fail("*/beautifulsoup4-4.7.0*", 503, None)
    bench = Bench(tmp_path, memory, {"soupsieve": ["0.4"]}, environment=TWO)
    report, _ = sync(bench)
    assert report.exit_code == 1
    assert report.proofs == {"undecided": 2}
    world.heal()
    assert sync(bench)[0].proofs == {"proven": 2}
    assert bench.listed()["beautifulsoup4"] == {"4.6.3", "4.9.3"}


@pytest.mark.parametrize("python", [["3.11"], ["3.13"]])
def test_other_environments_are_proven_anew(
    python: list[str], tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    old_soup(world)
    bench = Bench(tmp_path, memory, {"soupsieve": ["0.4"]}, environment=TWO)
    sync(bench)
    bench.environment = {**TWO, "python_version": python}
    assert sync(bench)[1] == [1]
    assert recorded(bench) == {("soupsieve==0.4", f"{python[0]} linux-x86_64", "proven", 1)}
    assert bench.listed()["beautifulsoup4"] == {"4.6.3", "4.9.3"}


def test_a_release_that_does_not_say_what_it_needs_drives_nobody_to_an_older_one(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    """As docopt 0.6.2, an sdist without static metadata: installers build it and go on."""
    world.publish("app", "1.0")
    world.publish("app", "2.0", requires=["docopt-like"])
    world.publish("docopt-like", "0.6", wheels=[], sdist=True, sdist_metadata="none", claim=None)
    world.publish_setuptools_like()
    bench = Bench(tmp_path, memory, {"app": ["latest"]}, environment=TWO)
    report, _ = sync(bench)
    assert (report.exit_code, report.proofs) == (0, {"blocked": 2})
    assert bench.listed() == {"app": {"2.0"}, "docopt-like": {"0.6"}, "setuptools": {"80.0.0"}}
    assert pins(bench, "app") == {
        ("app", "2.0", "solver", 0),
        ("docopt-like", "0.6", "solver", 0),
    }


def test_a_rule_that_makes_a_root_impossible_is_named(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("app", "1.0", requires=["lib>=2"])
    world.publish("lib", "1.0")
    world.publish("lib", "2.0")
    bench = Bench(tmp_path, memory, {"app": ["latest"]}, environment=TWO)
    bench.bars = Policy(block=(Block("stolen", "lib", ">=2"),))
    report, _ = sync(bench)
    assert report.proofs == {"refuted": 2}
    [(why,)] = bench.query("SELECT why FROM v_proofs")
    assert why.splitlines()[1:] == [
        'because app 1.0 requires "lib>=2", and of lib there is only 1.0',
        "so app 1.0 cannot be installed",
        "so app cannot be installed",
        "lib: the policy bars 2.0 (blocked: stolen)",
    ]
    bench.bars = Policy()
    assert sync(bench)[0].proofs == {"proven": 2}


@pytest.mark.parametrize("room", [2**30, 100])
def test_what_installers_only_examine_is_mirrored_where_there_is_room(
    room: int, tmp_path: Path, world: World, memory: MemoryUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A yanked final keeps pip from a pre-release; without it pip would come to other pins."""
    monkeypatch.setattr("pypisync.cycle.prove._MOST_EXAMINED", room)
    world.publish("app", "1.0", requires=["mid"])
    world.publish("mid", "1.0")
    world.publish("mid", "2.0", requires=["lib>5"])
    for version in ("4.0", "6.0b1", "7.0"):
        world.publish("lib", version)
    world.yank("lib", "7.0")
    bench = Bench(tmp_path, memory, {"app": ["latest"]}, environment=TWO)
    report, _ = sync(bench)
    assert report.proofs == {"proven": 2}
    examined = bench.query("SELECT project, version FROM v_tried")
    [(why,)] = bench.query("SELECT DISTINCT why FROM v_proofs")
    if room == 100:
        assert examined == []
        assert why.startswith("installers examine ")
        assert why.endswith("more than 100 B: from the mirror they may come to other pins")
        assert "7.0" not in bench.listed().get("lib", ())
        with Reader(bench.database) as reader:
            assert verdicts(reader, 0).unsure == 2
    else:
        assert ("lib", "7.0") in examined
        assert why == ""
        assert bench.listed()["lib"] == {"6.0b1", "7.0"}


def test_a_search_that_crashes_stops_nobody_else(
    tmp_path: Path, world: World, memory: MemoryUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove = Prover.prove

    def crash(self: Prover, wanted: Asked, budget: Budget, name: str = "") -> Proof:
        if name == "crafted":
            raise IndexError("out of range")
        return prove(self, wanted, budget, name)

    monkeypatch.setattr(Prover, "prove", crash)
    world.publish("crafted", "1.0")
    world.publish("other", "1.0")
    packages = {"crafted": ["latest"], "other": ["latest"]}
    bench = Bench(tmp_path, memory, packages, environment=TWO)
    report, _ = sync(bench)
    assert report.proofs == {"proven": 2, "undecided": 2}
    assert bench.listed() == {"crafted": {"1.0"}, "other": {"1.0"}}
    monkeypatch.undo()
    world.publish("crafted", "2.0")
    assert sync(bench)[0].proofs == {"proven": 4}


def test_a_refutation_says_why_no_file_can_be_used(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    """Also of files that the configuration does not keep."""
    world.publish("app", "1.0", requires=["crypto", "src", "windows>=2"])
    world.publish("crypto", "46.0", wheels=["cp311-abi3-manylinux_2_34_x86_64"])
    world.publish("src", "1.0", wheels=[], sdist=True)
    world.publish("windows", "1.0")
    world.publish("windows", "2.0", wheels=["py3-none-win_amd64"])
    packages = {"crypto": ["latest"], "src": ["latest"], "windows": [">=2"], "app": ["latest"]}
    bench = Bench(tmp_path, memory, packages, policy=FilePolicy(wheels="targets", sdists="never"))
    report, _ = sync(bench)
    none = "no release matches it on any target: on 3.11 linux-x86_64 its wheels are for Windows"
    assert report.failed['root windows ">=2"'] == f"{none}, the target is Linux"
    explained = dict(bench.query("SELECT subject, why FROM v_proofs WHERE verdict = 'refuted'"))
    assert explained.keys() == {"app", "crypto", "src", "windows>=2"}
    glibc = "its wheels need glibc 2.34, the target has 2.28"
    assert f"no file of crypto (46.0) can be used here: {glibc}" in explained["crypto"]
    left_out = 'it has no wheel, and its sdists are left out by sdists: "never"'
    assert f"no file of src (1.0) can be used here: {left_out}" in explained["src"]
    assert (
        "of windows there is only 1.0; of 2.0 no file can be used here:"
        " its wheels are for Windows, the target is Linux"
    ) in explained["windows>=2"]
    machines = [named("3.11 linux-x86_64"), named("3.12 linux-x86_64")]
    with Reader(bench.database) as reader:
        found = absence(reader, "crypto", Version("46.0"), bench.policy, machines).findings
    assert ("environment", f"on 3.11 linux-x86_64, 3.12 linux-x86_64: {glibc}") in found
