"""What the policy bars is neither chosen nor listed nor reachable, and each gap says which rule."""

import dataclasses
from pathlib import Path

import pytest
from msgspec.structs import replace

from pypisync.core.filters.policy import Block, Policy
from pypisync.core.values import moment
from pypisync.cycle import rollback
from pypisync.cycle.mirror import Silent
from pypisync.cycle.repair import repair
from pypisync.cycle.report import Report
from pypisync.cycle.verify import Check
from tests.recipe.grouped import lock, pin
from tests.recipe.mirrors import Bench, tree_bytes
from tests.recipe.test_configuration import stamps, stored
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

DAY = 86400
WEEK = Policy(min_age=7 * DAY)
ROOTS = {"app": ["latest"]}


@pytest.fixture
def bench(tmp_path: Path, memory: MemoryUpstream, database: str) -> Bench:
    return Bench(tmp_path / "mirror", memory, ROOTS, url=database, grace=30 * DAY)


def sync(bench: Bench, when: str) -> Report:
    """A cycle at this moment."""
    bench.clock = moment(when) - 3600  # each takes an hour
    return bench.sync()


def fresh(bench: Bench, when: str) -> Bench:
    """A mirror of the same configuration that is made at this moment."""
    folder = bench.folder.parent / f"fresh at {when}"
    made = dataclasses.replace(
        bench, folder=folder, url=None, upstream=MemoryUpstream(world_of(bench))
    )
    sync(made, when)
    return made


def world_of(bench: Bench) -> World:
    assert isinstance(bench.upstream, MemoryUpstream)
    return bench.upstream.world


def same(bench: Bench, when: str) -> bool:
    """Whether the mirror is the one that is made from nothing now."""
    other = fresh(bench, when)
    barred = "SELECT filename, barred FROM v_files ORDER BY filename"
    return (
        bench.selection() == other.selection()
        and bench.unmet() == other.unmet()
        and bench.query(barred) == other.query(barred)
        and tree_bytes(bench.folder, "simple") == tree_bytes(other.folder, "simple")
    )


def reasons(bench: Bench) -> dict[str, str]:
    """Why files are barred, by their version."""
    return dict(bench.query("SELECT version, barred FROM v_files WHERE barred <> ''"))


# -- age ----------------------------------------------------------------------------------------


def test_a_file_matures_at_its_moment(bench: Bench, world: World, memory: MemoryUpstream) -> None:
    world.publish("app", "1.0", requires=["lib"], uploaded="2026-02-01")
    world.publish("lib", "1.0", uploaded="2026-02-01")
    world.publish("app", "2.0", requires=["lib>=2"], uploaded="2026-03-01T12:00:00Z")
    world.publish("lib", "2.0", uploaded="2026-03-01T11:00:00.500000Z")
    bench.bars = WEEK
    assert sync(bench, "2026-03-08T11:59:59Z").exit_code == 0
    assert bench.listed() == {"app": {"1.0"}, "lib": {"2.0"}}
    assert reasons(bench) == {"2.0": "younger than 7 days until 2026-03-08T12:00:00Z"}
    assert "app-2.0-py3-none-any.whl" not in stored(bench.folder)
    memory.log.clear()
    before = stamps(bench.folder)
    assert sync(bench, "2026-03-08T11:59:59.900000Z").generation == 0
    assert (len(memory.log.entries), stamps(bench.folder)) == (1, before)
    assert sync(bench, "2026-03-08T12:00:00Z").exit_code == 0
    assert bench.listed() == {"app": {"2.0"}, "lib": {"2.0"}}
    assert memory.requests("simple") == 0
    assert reasons(bench) == {}
    assert same(bench, "2026-03-08T12:00:00Z")


def test_what_was_old_enough_by_a_clock_that_was_ahead_is_barred_again(
    bench: Bench, world: World
) -> None:
    world.publish("app", "1.0", uploaded="2026-02-01")
    world.publish("app", "2.0", uploaded="2026-03-01")
    bench.packages = {"app": ["latest"]}
    bench.bars = WEEK
    assert sync(bench, "2026-03-02").exit_code == 0
    assert bench.listed() == {"app": {"1.0"}}
    sync(bench, "2036-03-02")
    world.publish("app", "3.0", uploaded="2026-03-02")
    sync(bench, "2036-03-03")
    assert bench.listed() == {"app": {"3.0"}}
    sync(bench, "2026-03-03")
    assert bench.listed() == {"app": {"1.0"}}
    sync(bench, "2026-03-08")
    assert bench.listed() == {"app": {"2.0"}}
    assert same(bench, "2026-03-08")


def test_age_is_a_files_own(bench: Bench, world: World) -> None:
    """A wheel that is added to an old release is young; the release is not."""
    world.publish("app", "1.0", wheels=["cp311-cp311-manylinux_2_17_x86_64"], uploaded="2026-01-01")
    world.publish("app", "1.0", uploaded="2026-03-01")
    bench.bars = WEEK
    sync(bench, "2026-03-02")
    assert bench.listed() == {"app": {"1.0"}}
    assert stored(bench.folder) == {"app-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"}
    sync(bench, "2026-03-08")
    assert len(stored(bench.folder)) == 2
    assert same(bench, "2026-03-08")


def test_without_an_upload_time_a_file_is_too_young(bench: Bench, world: World) -> None:
    world.publish("app", "1.0", uploaded="2026-01-01")
    world.publish("app", "2.0", uploaded="2026-01-02")
    world.files["app-2.0-py3-none-any.whl"].uploaded = None  # type: ignore[assignment]
    sync(bench, "2026-06-01")
    assert bench.listed() == {"app": {"2.0"}}
    bench.bars = WEEK
    sync(bench, "2026-06-02")
    assert bench.listed() == {"app": {"1.0"}}
    assert reasons(bench) == {"2.0": "of an unknown upload time, and the policy asks for one"}


@pytest.mark.parametrize(
    ("policy", "listed"),
    [
        (WEEK, {"app": {"1.0"}, "lib": {"1.0"}}),
        (replace(WEEK, min_age_of=(("app", 0),)), {"app": {"2.0"}, "lib": {"1.0"}}),
        (Policy(min_age_of=(("lib", DAY * 7),)), {"app": {"2.0"}, "lib": {"1.0"}}),
        (replace(WEEK, exempt=(("lib", "2.0.0"),)), {"app": {"1.0"}, "lib": {"2.0"}}),
        (Policy(freeze_at=moment("2026-02-01")), {"app": {"1.0"}, "lib": {"1.0"}}),
        (Policy(freeze_at=moment("2026-03-01T00:00:00Z")), {"app": {"2.0"}, "lib": {"2.0"}}),
        (Policy(max_file_size=30_000), {"app": {"2.0"}, "lib": {"1.0"}}),
        (Policy(block=(Block("bad", "app", ">=2"),)), {"app": {"1.0"}, "lib": {"2.0"}}),
        (
            Policy(block=(Block("bad", filename="lib-2.0-py3-none-any.whl"),)),
            {"app": {"2.0"}, "lib": {"1.0"}},
        ),
    ],
)
def test_the_newest_that_is_left_is_taken(
    tmp_path: Path,
    world: World,
    memory: MemoryUpstream,
    policy: Policy,
    listed: dict[str, set[str]],
) -> None:
    for name in ("app", "lib"):
        for version, day in (("1.0", "2026-01-01"), ("2.0", "2026-03-01")):
            needs = ["lib"] if name == "app" else []
            padding = 50_000 if (name, version) == ("lib", "2.0") else 0
            world.publish(name, version, requires=needs, uploaded=day, size_padding=padding)
    bench = Bench(tmp_path / "mirror", memory, ROOTS, bars=policy)
    assert sync(bench, "2026-03-02").exit_code == 0
    assert bench.listed() == listed
    bench.bars = Policy()
    asked = memory.requests("simple")
    assert sync(bench, "2026-03-02").exit_code == 0
    assert bench.listed() == {"app": {"2.0"}, "lib": {"2.0"}}
    bench.bars = policy
    assert sync(bench, "2026-03-02").exit_code == 0
    assert bench.listed() == listed
    assert memory.requests("simple") == asked
    assert same(bench, "2026-03-02")


# -- blocks -------------------------------------------------------------------------------------


def test_what_is_blocked_after_it_was_published_goes_at_once(
    bench: Bench, world: World, memory: MemoryUpstream
) -> None:
    for version in ("1.0", "2.0"):
        world.publish("app", version, requires=[f"lib>={version}"], sdist=True, build_requires=[])
        world.publish("lib", version)
    sync(bench, "2026-03-01")
    assert "app-2.0.tar.gz" in stored(bench.folder)
    blocks = (Block("stolen account", "app", "==2.0"), Block("the same", "lib", ">1"))
    bench.bars = Policy(block=blocks)
    report = sync(bench, "2026-03-01T06:00:00Z")
    assert (report.exit_code, report.pruned) == (0, 3)
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}}
    left = {path.name for path in bench.folder.glob("packages/**/*") if path.is_file()}
    assert not [name for name in left if "2.0" in name]
    assert reasons(bench)["2.0"].startswith("blocked: ")
    assert same(bench, "2026-03-01T06:00:00Z")
    memory.log.clear()
    bench.bars = Policy()
    assert sync(bench, "2026-03-02").exit_code == 0
    assert bench.listed() == {"app": {"2.0"}, "lib": {"2.0"}}
    assert memory.requests("simple") == 0
    assert "app-2.0.tar.gz" in stored(bench.folder)


def test_what_a_cut_off_cycle_has_blocked_goes_with_a_repair(
    bench: Bench, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is still on the pages, and counts as stored no more: it must not stay as a stray."""
    for name in ("app", "lib", "more"):
        world.publish(name, "1.0", requires=["lib", "more"] if name == "app" else [])
    sync(bench, "2026-03-01")
    bench.bars = Policy(block=tuple(Block("stolen", name) for name in ("app", "lib", "more")))
    with monkeypatch.context() as cut:
        cut.setattr("pypisync.cycle.sync.publish", _cut_off)
        with pytest.raises(InterruptedError):
            sync(bench, "2026-03-02")
    assert bench.listed() == {"app": {"1.0"}, "lib": {"1.0"}, "more": {"1.0"}}
    catalog = bench.reopened()
    check = Check(catalog, bench.folder, Silent(), rehash=True)
    assert repair(bench.mirror(catalog), check, list(check.all())).left == []
    assert bench.listed() == {}
    assert [path for path in bench.folder.glob("packages/**/*") if path.is_file()] == []
    assert list(check.all()) == []


def _cut_off(*_: object) -> None:
    raise InterruptedError


def test_a_blocked_release_goes_although_the_other_cannot_be_had(
    bench: Bench, world: World
) -> None:
    world.publish("app", "1.0")
    world.publish("app", "2.0")
    sync(bench, "2026-03-01")
    bench.bars = Policy(block=(Block("bad", "app", ">=2"),))
    world.faults.fail("*/app-1.0-py3-none-any.whl", 503, None)
    report = sync(bench, "2026-03-01")
    assert "app==1.0" in report.held
    assert bench.listed() == {}
    assert stored(bench.folder) == set()
    world.heal()
    assert sync(bench, "2026-03-01").exit_code == 0
    assert bench.listed() == {"app": {"1.0"}}


def test_what_finds_nothing_says_which_rule_did_it(bench: Bench, world: World) -> None:
    world.publish("app", "1.0", requires=["lib>=2", "tool<1"])
    world.publish("tool", "1.0")
    for version in ("1.0", "2.0", "2.1"):
        world.publish("lib", version)
    world.publish("evil", "1.0")
    bench.packages = {"app": ["latest"], "evil": ["latest", "1.0", ">5"]}
    bench.bars = Policy(block=(Block("it mines", "evil"), Block("broken", "lib", ">=2")))
    report = sync(bench, "2026-03-01")
    by_policy = "the policy bars 1.0 (blocked: it mines)"
    assert report.failed == {
        'root evil "1.0"': by_policy,
        'root evil "latest"': by_policy,
        'root evil ">5"': "no release matches it on any target",
    }
    unmet = "SELECT requirement, reason FROM v_unmet ORDER BY requirement"
    assert bench.query(unmet) == [
        ("lib>=2", "the policy bars 2.1 (blocked: broken), and 1 more"),
        ("tool<1", "no release meets it"),
    ]
    bench.bars = Policy(block=(Block("no more", "lib", ">=2.1"), Block("no", "lib", "==2.0")))
    sync(bench, "2026-03-01")
    assert bench.query(unmet)[0][1] == "the policy bars 2.1 (blocked: no more), and 1 more"


def test_a_hash_is_blocked_whatever_its_name(bench: Bench, world: World) -> None:
    world.publish("app", "1.0")
    world.publish("app", "2.0")
    digest = world.files["app-2.0-py3-none-any.whl"].built.sha256
    bench.bars = Policy(block=(Block("known malware", sha256=digest),))
    assert sync(bench, "2026-03-01").exit_code == 0
    assert bench.listed() == {"app": {"1.0"}}


# -- beside what else keeps files ---------------------------------------------------------------


def test_going_back_does_not_bring_back_what_is_blocked(bench: Bench, world: World) -> None:
    """Kept generations keep bytes, but not these; the others of such a generation can be had."""
    bench.retention = bench.grace
    bench.packages = {**ROOTS, "other": ["latest"]}
    for name in ("app", "other"):
        world.publish(name, "1.0")
    sync(bench, "2026-03-01")
    for name in ("app", "other"):
        world.publish(name, "2.0")
    sync(bench, "2026-03-02")
    assert "app-1.0-py3-none-any.whl" in stored(bench.folder)
    world.remove_project("app")  # upstream has got rid of it, so no fact of it is left
    sync(bench, "2026-03-03")
    bench.bars = Policy(block=(Block("stolen account", "app"), Block("old", "other", "<2")))
    sync(bench, "2026-03-04")
    assert stored(bench.folder) == {"other-2.0-py3-none-any.whl"}
    assert bench.listed() == {"other": {"2.0"}}
    rollback.to_generation(1).give(bench.folder)  # of app 1.0 and other 1.0
    report = sync(bench, "2026-03-05")
    assert [what for what in report.failed if "order" in what] == []
    assert bench.listed() == {}
    assert stored(bench.folder) == {"other-2.0-py3-none-any.whl"}


def test_a_lock_file_does_not_bring_in_what_is_blocked(bench: Bench, world: World) -> None:
    for name in ("app", "other"):
        world.publish(name, "1.0", wheels=["py3-none-any", "cp311-cp311-manylinux_2_17_x86_64"])
    bench.packages = {}
    bench.groups = [lock(pin(world, "app", "1.0", "any.whl"), pin(world, "other", "1.0"))]
    assert sync(bench, "2026-03-01").exit_code == 0
    assert len(stored(bench.folder)) == 3
    bench.bars = Policy(block=(Block("bad", "app"), Block("bad", "other")))
    report = sync(bench, "2026-03-02")
    why = "uv.lock names it, and the policy bars it (blocked: bad)"
    assert report.failed["app-1.0-py3-none-any.whl"] == why
    assert set(report.failed.values()) == {why}
    assert len(report.failed) == 3
    assert (bench.listed(), stored(bench.folder)) == ({}, set())
    bench.bars = Policy()
    assert sync(bench, "2026-03-03").exit_code == 0
    assert len(stored(bench.folder)) == 3
