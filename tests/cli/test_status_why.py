"""``status`` and ``why``: what they answer, on both databases and as commands."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from sqlalchemy import text

from pypisync.catalog.db import migrate
from pypisync.catalog.db.reader import REVISION, Reader
from pypisync.catalog.db.transactions import Catalog
from pypisync.catalog.queries import status, why
from pypisync.cycle import rollback
from pypisync.errors import CatalogError
from tests.cli.running import Done, ask_at, configure, invoke, snapshot
from tests.deep import scaled
from tests.recipe.mirrors import LINUX, Bench
from tests.recipe.test_proofs import TWO
from tests.recipe.test_vulnerable import KNOWN, REPORT
from tests.sim.memory import MemoryUpstream
from tests.sim.strategies import Op, build, universes
from tests.sim.world import World


def mirror(folder: Path, world: World, **packages: list[str]) -> tuple[Bench, Path]:
    """A bench, and a configuration by which commands read its catalog."""
    bench = Bench(folder / "data", MemoryUpstream(world), packages)
    return bench, configure(folder, database="sqlite:///data/catalog.sqlite", packages=packages)


def test_the_reader_is_written_for_the_newest_revision() -> None:
    assert migrate.wanted_revision() == REVISION


# -- status ---------------------------------------------------------------------------------


def test_status_of_a_mirror_that_is_well(tmp_path: Path, world: World, database: str) -> None:
    world.publish("a", "1.0", requires=["b", "nothing"])
    world.publish("b", "1.0")
    Bench(tmp_path, MemoryUpstream(world), {"a": ["latest"]}, url=database).sync()
    with Reader(database) as reader:
        found = status.read_status(reader)
    assert found.well
    assert found.last == found.good == found.finished
    assert found.last is not None
    assert (found.last.outcome, found.last.serial) == ("done", world.serial)
    assert found.generation is not None
    assert (found.generation[:2], found.generation[3]) == ((1, world.serial), True)
    assert (found.listed["projects"], found.listed["releases"], found.listed["files"]) == (2, 2, 2)
    assert (found.held, found.pending, found.unmet, found.skipped) == (0, None, 1, 0)


def test_status_of_a_mirror_with_faults(tmp_path: Path, world: World, database: str) -> None:
    world.publish("a", "1.0", requires=["b"])
    world.publish("b", "1.0")
    bench = Bench(tmp_path, MemoryUpstream(world), {"a": ["latest"]}, url=database)
    bench.sync()
    world.publish("a", "2.0", requires=["b>=2", "c"])
    world.publish("b", "2.0")
    world.publish("c", "1.0")
    world.faults.fail("/packages/*/b-2.0-*.whl", 503)
    world.faults.fail("/simple/c/", 503)
    world.faults.fail("/pypi/c/json", 503)
    bench.sync()
    with Reader(database) as reader:
        found = status.read_status(reader)
    assert not found.well
    assert found.last is not None
    assert found.good is not None
    assert (found.last.outcome, found.good.number) == ("incomplete", 1)
    assert "c" in found.last.failed
    assert found.pending is not None
    assert (found.pending.projects, found.pending.failing, found.pending.name) == (1, 1, "c")
    assert found.held == 2
    # The cause first, not what waits for it.
    assert len(found.held_first) == 2
    assert "which is held" not in found.held_first[0][1]


def test_the_status_command(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publish("a", "1.0")
    bench, config = mirror(tmp_path, world, a=["latest"])
    bench.sync()
    before = snapshot(tmp_path)
    ask_at(monkeypatch, bench.clock + 60)
    done = invoke(config, "status")
    assert (done.code, done.err) == (0, "")
    lines = dict(done.lines)
    shown = (
        "daemon,serial,last run,generation,listed,pending,held,proofs,unmet,skipped,free,version"
    )
    assert [line[0] for line in done.lines] == shown.split(",")
    assert lines["listed"].startswith("1 project, 1 release, 1 file, ")
    assert lines["pending"] == "0 projects"
    assert f"serial {world.serial}" in lines["generation"]
    answer = invoke(config, "status", "--json").json
    assert (answer["well"], answer["listed"]["files"]) == (True, 1)
    assert snapshot(tmp_path) == before
    world.publish("a", "2.0")
    world.faults.fail("/packages/*/a-2.0-*.whl", 404)
    bench.sync()
    ask_at(monkeypatch, bench.clock + 60)
    done = invoke(config, "status")
    assert done.code == 1
    assert any("a==2.0" in line[1] for line in done.lines if line[0] == "held")


def test_what_is_not_read_yet_is_not_said_to_be_met_by_nothing(
    tmp_path: Path, world: World
) -> None:
    world.publish("a", "1.0", requires=["b"])
    world.faults.fail("/simple/b/", 503)
    bench, config = mirror(tmp_path, world, a=["latest"])
    bench.sync()
    said = "1 requirement that nothing read upstream meets: see v_unmet"
    assert ["unmet", said] in invoke(config, "status").lines
    assert bench.query("SELECT requirement, reason FROM v_unmet") == [("b", "not read yet")]
    view = next(line for line in invoke(config, "query", "--views").lines if "v_unmet" in line)
    assert "that nothing read upstream meets" in view[1]


def test_a_list_that_is_cut_says_how_many_more_there_are(tmp_path: Path, world: World) -> None:
    names = [f"r{number}" for number in range(7)]
    for name in names:
        world.publish(name, "1.0", requires=["nothing"])
        world.state_vulnerabilities(name, "1.0", KNOWN)
        world.faults.fail(f"/packages/*/{name}-1.0-*.whl", 503)
    bench, config = mirror(tmp_path, world, **{name: ["latest"] for name in names})
    bench.environment, bench.bars = TWO, REPORT
    bench.sync()
    lines = invoke(config, "status").lines
    assert [line for line in lines if "more:" in line[1]] == [
        ["held", "and 2 more: see v_held"],
        ["not proven", "and 8 more: see pypisync proofs"],
        ["vulnerable", "and 2 more: see v_vulnerabilities"],
        ["failed", "and 4 more: see --json"],
    ]


@pytest.mark.parametrize("arguments", [("status",), ("why", "a"), ("query",), ("verify",)])
def test_without_a_database_the_error_says_what_to_do(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    config = configure(tmp_path, packages={"a": ["latest"]})
    done = invoke(config, *arguments)
    assert (done.code, done.out) == (4, "")
    assert "there is no database yet: run `pypisync sync`" in done.err
    assert not (tmp_path / "data").exists()


def test_an_empty_or_foreign_database_is_refused(tmp_path: Path, empty_database: str) -> None:
    catalog = Catalog(empty_database)
    with catalog.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)"))
    with pytest.raises(CatalogError, match="is empty: run `pypisync sync`"):
        Reader(empty_database)
    with catalog.begin() as connection:
        connection.execute(text("INSERT INTO alembic_version VALUES ('9999')"))
    with pytest.raises(CatalogError, match="at revision 9999"):
        Reader(empty_database)
    catalog.close()


def test_a_folder_that_cannot_be_written_can_be_read(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.publish("a", "1.0")
    bench, config = mirror(tmp_path, world, a=["latest"])
    bench.sync()
    bench.catalog().close()
    ask_at(monkeypatch, bench.clock)
    (tmp_path / "data").chmod(0o555)
    try:
        assert invoke(config, "status").code == 0
    finally:
        (tmp_path / "data").chmod(0o755)


# -- why ------------------------------------------------------------------------------------


def chains(done: Done) -> list[str]:
    """The ways that were printed."""
    return [line[0] for line in done.lines]


def test_why_follows_extras_patterns_and_builds(tmp_path: Path, world: World) -> None:
    world.publish_setuptools_like("80.0")
    world.publish("low", "1.0")
    world.publish("mid", "1.0", extras={"x": ["low>=1", "src"]})
    world.publish("mid", "0.9")
    world.publish("top", "1.0", requires=["mid[x]>=1"])
    world.publish("src", "1.0", wheels=(), sdist=True, build_requires=["setuptools>=40"])
    world.publish("mid-plain", "1.0", requires=["mid"])
    bench, config = mirror(tmp_path, world, top=["latest"])
    bench.patterns = {"mid-.*": ["latest"]}
    bench.environment = {**LINUX, "extra": []}
    bench.sync()
    # "mid-plain" is as near, but asks for no extra: the way must not lead through it.
    to_low = 'root top "latest" -> top 1.0 requires "mid[x]>=1" -> mid[x] 1.0 requires "low>=1; '
    done = invoke(config, "why", "Low")
    assert (done.code, done.err) == (0, "")
    assert chains(done)[0].startswith(to_low)
    assert chains(done)[0].endswith(" -> low 1.0")
    assert (
        'src 1.0 is built with "setuptools>=40" -> setuptools 80.0'
        in chains(invoke(config, "why", "setuptools==80"))[0]
    )
    assert chains(invoke(config, "why", "mid-plain")) == [
        'root mid-plain "latest" (pattern "mid-.*") -> mid-plain 1.0'
    ]
    (release,) = invoke(config, "why", "low", "--json").json["releases"]
    (way,) = release["ways"]
    assert [step["project"] for step in way["steps"]] == ["top", "mid"]
    assert way["root"]["project"] == "top"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("nobody", "no root, pattern or requirement names it"),
        ("nothing", "upstream has no such project"),
        ("a==3", "upstream has no such version; the newest known is 2.0"),
        ("win==1.0", "keeps none of its files"),
        (
            "win",
            "keeps no file of its 1 release (policy, environment, file rules)",
        ),
    ],
)
def test_why_not(tmp_path: Path, world: World, what: str, said: str) -> None:
    world.publish("a", "1.0", requires=["nothing", "win"])
    world.publish("win", "1.0", wheels=("cp311-cp311-win_amd64",))
    bench, config = mirror(tmp_path, world, a=["latest"])
    bench.policy = type(bench.policy)(wheels="targets")
    bench.sync()
    world.publish("a", "2.0", requires=["nothing", "win"])
    bench.sync()
    done = invoke(config, "why", what)
    assert done.code == 1
    assert said in done.out
    answer = invoke(config, "why", what, "--json")
    assert (answer.code, answer.json["selected"]) == (1, False)


def test_why_says_what_is_held(tmp_path: Path, world: World) -> None:
    world.publish("a", "1.0")
    world.faults.fail("/packages/*/a-1.0-*.whl", 404)
    bench, config = mirror(tmp_path, world, a=["latest"])
    bench.sync()
    done = invoke(config, "why", "a==1")
    assert done.code == 0
    assert chains(done)[1].startswith("  held: not stored yet")


def test_why_says_what_is_kept(tmp_path: Path, world: World) -> None:
    world.publish("a", "1.0")
    bench, config = mirror(tmp_path, world, a=["latest"])
    bench.sync()
    world.publish("a", "2.0")
    world.faults.fail("/packages/*/a-2.0-*.whl", 404)
    bench.sync()
    done = invoke(config, "why", "a==1.0")
    assert done.code == 0
    assert chains(done)[0] == "kept while a newer release is held: a 1.0 -> a 1.0"


def test_why_says_what_waits_for_the_frozen_index(tmp_path: Path, world: World) -> None:
    world.publish("a", "1.0")
    bench, config = mirror(tmp_path, world, a=["latest"], b=["latest"])
    bench.sync()
    rollback.to_generation(1).give(bench.folder)
    world.publish("a", "2.0")
    world.publish("b", "1.0")
    bench.sync()
    waits = '  held: the index stays at generation 1 until "pypisync rollback --release"'
    assert chains(invoke(config, "why", "a"))[1:] == [waits]
    assert chains(invoke(config, "why", "b"))[1:] == [waits]
    assert invoke(config, "why", "a", "--json").json["releases"][0]["held"] == waits.strip()[6:]
    rollback.follow().give(bench.folder)
    bench.sync()
    assert len(chains(invoke(config, "why", "a"))) == 1


@pytest.mark.parametrize("what", ["", "a b", "==1", "a==", "a==x"])
def test_why_refuses_what_is_no_project(tmp_path: Path, what: str) -> None:
    done = invoke(configure(tmp_path, packages={"a": ["latest"]}), "why", what)
    assert (done.code, done.out) == (2, "")
    assert "must be a project" in done.err


@given(universes())
@settings(deadline=None, max_examples=scaled(15))
def test_every_selected_release_has_a_reason_that_holds(ops: list[Op]) -> None:
    with TemporaryDirectory() as folder:
        packages = {"alpha": ["latest"], "beta[fast]": [">=1"]}
        bench = Bench(Path(folder), MemoryUpstream(build(ops)), packages)
        bench.environment = {**LINUX, "extra": []}
        bench.sync()
        known = set(bench.query("SELECT project, version, needed_by, requirement FROM v_reasons"))
        with Reader(bench.database) as reader:
            for name in {name for name, _ in bench.selection()}:
                found = why.reasons(reader, name, None)
                assert found
                for reason in found:
                    assert reason.ways, reason
                    for way in reason.ways:
                        steps = [*((s.project, s.version) for s in way.steps)]
                        steps.append((reason.project, reason.version))
                        assert (*steps[0], way.root.project, way.root.selector) in known
                        for step, below in zip(way.steps, steps[1:], strict=True):
                            assert (*below, step.project, step.requirement) in known
                    json.dumps(reason.held)
