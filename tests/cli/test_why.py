"""``why`` names every root with its way and what our own roots are for; ``why-not`` the reasons."""

from pathlib import Path

import pytest
from packaging.version import Version

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.publication.plan import root_owners
from pypisync.catalog.queries import graph, why_not
from pypisync.catalog.queries.proofs import on_record
from pypisync.catalog.queries.why import reasons
from pypisync.core.filters.file_rules import FilePolicy
from pypisync.core.filters.policy import Block, Policy
from pypisync.cycle import rollback
from tests.cli.running import Done, configure, invoke
from tests.recipe.mirrors import Bench
from tests.recipe.test_proofs import BOTH, TWO, old_soup
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World


def mirror(folder: Path, world: World, **packages: list[str]) -> tuple[Bench, Path]:
    """A bench, and a configuration by which commands read its catalog."""
    bench = Bench(folder / "data", MemoryUpstream(world), packages, environment=TWO)
    config = configure(
        folder, database="sqlite:///data/catalog.sqlite", packages=packages, environment=TWO
    )
    return bench, config


def chains(done: Done) -> list[str]:
    return done.out.splitlines()


ELSEWHERE = 'elsewhere; python_version < "3"'


def findings(config: Path, what: str) -> dict[str, str]:
    """What is found, by kind; the command and its JSON say the same."""
    done, answer = invoke(config, "why-not", what), invoke(config, "why-not", what, "--json")
    assert done.code == answer.code == (0 if answer.json["listed"] else 1)
    found = [(one["kind"], one["text"]) for one in answer.json["findings"]]
    assert [tuple(line) for line in done.lines] == found
    return dict(found)


# -- why ------------------------------------------------------------------------------------


def test_every_root_is_named_with_its_shortest_way(tmp_path: Path, world: World) -> None:
    world.publish("low", "1.0")
    world.publish("mid", "1.0", requires=["low"])
    world.publish("one", "1.0", requires=["mid", "low>=1"])
    world.publish("two", "1.0", requires=["mid"])
    bench, config = mirror(tmp_path, world, two=["latest"], one=["latest"], low=["latest<2"])
    bench.sync()
    assert chains(invoke(config, "why", "low")) == [
        'root low "latest<2" -> low 1.0',
        'root one "latest" -> one 1.0 requires "low>=1" -> low 1.0',
        'root two "latest" -> two 1.0 requires "mid" -> mid 1.0 requires "low" -> low 1.0',
    ]


def test_a_few_roots_are_shown_and_all_of_them_are_in_the_json(
    tmp_path: Path, world: World
) -> None:
    world.publish("low", "1.0")
    names = [f"r{i:02}" for i in range(14)]
    for name in names:
        world.publish(name, "1.0", requires=["low"])
    bench, config = mirror(tmp_path, world, **{name: ["latest"] for name in names})
    bench.sync()
    lines = chains(invoke(config, "why", "low"))
    assert len(lines) == 11
    assert lines[-1] == "  low 1.0: 4 more of the roots that lead to it: --json has them all"
    (release,) = invoke(config, "why", "low", "--json").json["releases"]
    assert [way["root"]["project"] for way in release["ways"]] == names


def test_what_only_a_proof_calls_for_is_said_to_be_so(tmp_path: Path, world: World) -> None:
    old_soup(world)
    bench, config = mirror(tmp_path, world, soupsieve=["0.4"])
    bench.sync()
    soup = "beautifulsoup4 4.6.3"
    assert chains(invoke(config, "why", "beautifulsoup4")) == [
        f"pinned by the proof of soupsieve==0.4 on {BOTH}: {soup} -> {soup}",
        'root soupsieve "0.4" -> soupsieve 0.4 requires "beautifulsoup4" -> beautifulsoup4 4.9.3',
    ]
    release = invoke(config, "why", "beautifulsoup4==4.6.3", "--json").json["releases"][0]
    assert release["ways"][0]["proofs"] == [
        {"subject": "soupsieve==0.4", "targets": BOTH, "chosen_by": "solver"}
    ]
    with bench.catalog().begin() as connection:
        assert set(root_owners(connection).values()) == {"soupsieve", "(proofs alone)"}
    # A root of the operator's comes first, and stays one beside the proof's.
    bench.packages = {"soupsieve": ["0.4"], "beautifulsoup4": ["4.6.3"]}
    bench.sync()
    lines = chains(invoke(config, "why", "beautifulsoup4==4.6.3"))
    assert lines[0] == 'root beautifulsoup4 "4.6.3" -> beautifulsoup4 4.6.3'
    assert lines[1].startswith("pinned by the proof of soupsieve==0.4 on ")


def test_what_stays_for_the_proof_on_the_pages_is_said_to_be_so(
    tmp_path: Path, world: World
) -> None:
    world.publish("app", "1.0", requires=["b", "c"])
    world.publish("b", "1.0", requires=["c<2"])
    world.publish("c", "1.0")
    world.publish("c", "2.0", requires=["b>1.5"])
    bench, config = mirror(tmp_path, world, app=["latest"])
    bench.sync()
    world.publish("b", "2.0")
    world.faults.fail("*/b-2.0-py3-none-any.whl", 503, None)
    bench.sync()
    lines = chains(invoke(config, "why", "c==1.0"))
    kept = f"kept by the proof of app on {BOTH} until newer pins are listed: c 1.0 -> c 1.0"
    assert kept in lines
    lines = chains(invoke(config, "why", "b==1.0"))
    assert lines[0] == "kept while a newer release is held: b 1.0 -> b 1.0"
    assert lines[1].startswith("  b==2.0 is held: not stored yet: ")
    assert not any(line.startswith("root b") for line in lines)


def test_what_stays_because_too_much_would_go_at_once_waits_for_nothing_newer(
    tmp_path: Path, world: World
) -> None:
    for name in "abcde":
        world.publish(name, "1.0", requires=["shared"])
    world.publish("shared", "1.0")
    bench, config = mirror(tmp_path, world, **{name: ["latest"] for name in "abcde"})
    bench.dropped_share = 0.5
    bench.sync()
    bench.packages = {"e": ["latest"]}
    assert bench.sync().failed.keys() == {"removals"}
    kept = (
        "kept although nothing asks for it, for too much would go at once (limits.dropped_share): "
    )
    assert chains(invoke(config, "why", "a")) == [f"{kept}a 1.0 -> a 1.0"]
    (release,) = invoke(config, "why", "a", "--json").json["releases"]
    assert [way["kept"] for way in release["ways"]] == ["share"]
    rollback.to_generation(1).give(bench.folder)
    assert bench.sync().frozen == 1
    assert chains(invoke(config, "why", "a")) == [
        "kept from before the index was frozen: a 1.0 -> a 1.0"
    ]


def test_the_view_says_what_our_own_roots_are_for(
    tmp_path: Path, world: World, database: str
) -> None:
    world.publish("app", "1.0", requires=["b", "c"])
    world.publish("b", "1.0", requires=["c<2"])
    world.publish("c", "1.0")
    world.publish("c", "2.0", requires=["b>1.5"])
    old_soup(world)
    world.publish("also", "1.0", requires=["soupsieve==0.4"])
    packages = {"app": ["latest"], "soupsieve": ["0.4"], "also": ["latest"]}
    bench = Bench(tmp_path, MemoryUpstream(world), packages, environment=TWO, url=database)
    bench.sync()

    def reasons(project: str, version: str) -> list[tuple[str, ...]]:
        columns = "reason, needed_by, needed_by_version, requirement, origin, purpose"
        condition = f"project = '{project}' AND version = '{version}'"
        return bench.query(f"SELECT {columns} FROM v_reasons WHERE {condition} ORDER BY 1, 2")

    assert reasons("app", "1.0") == [("root", "app", "", "latest", "", "")]
    soup, purpose = "beautifulsoup4", f"the proof of also on {BOTH} and 1 more"
    assert reasons(soup, "4.6.3") == [("proof", soup, "", "4.6.3", "proof", purpose)]
    world.publish("b", "2.0")
    world.faults.fail("*/b-2.0-py3-none-any.whl", 503, None)
    bench.sync()
    (own,) = [row for row in reasons("c", "1.0") if row[0] == "held"]
    assert own == (
        "held",
        "c",
        "",
        "1.0",
        "held",
        f"the proof of app on {BOTH} until newer pins are listed",
    )
    (own,) = [row for row in reasons("b", "1.0") if row[0] == "held"]
    assert own[-1].startswith("b==2.0 is held: not stored yet: b-2.0-")
    needs = [row[1:4] for row in reasons("b", "2.0")]
    assert needs == [("app", "1.0", "b"), ("c", "2.0", "b>1.5")]


# -- why-not --------------------------------------------------------------------------------


def test_what_upstream_does_not_have(tmp_path: Path, world: World) -> None:
    world.publish("a", "1.0", requires=["nothing", "late", "sick", ELSEWHERE])
    world.publish("sick", "1.0")
    world.publish("late", "1.0")
    world.quarantine("sick")
    for path in ("/simple/late/", "/pypi/late/json"):
        world.faults.fail(path, 503, None)
    bench, config = mirror(tmp_path, world, a=["latest"])
    bench.sync()
    assert "no root, pattern or requirement names it" in findings(config, "nobody")["unknown"]
    assert findings(config, "nothing") == {
        "gone": "upstream has no such project; it is required by a 1.0"
    }
    assert findings(config, "late")["unseen"].startswith("its document has not been read yet: ")
    assert findings(config, "elsewhere") == {"unseen": "nothing that is mirrored needs it"}
    assert findings(config, "sick")["quarantined"].startswith("upstream has quarantined the ")
    assert findings(config, "a==7") == {
        "no release": "upstream has no such version; the newest known is 1.0"
    }


def test_a_version_that_upstream_has_quarantined(tmp_path: Path, world: World) -> None:
    for version in ("1.0", "2.0"):
        world.publish("a", version)
    bench, config = mirror(tmp_path, world, a=["latest"])
    bench.sync()
    world.quarantine_release("a", "2.0")
    bench.sync()
    said = "upstream has quarantined {}, since 1970"  # by the clock of the bench
    assert findings(config, "a==2")["quarantined"].startswith(said.format("this version"))
    assert findings(config, "a")["quarantined"].startswith(said.format("version 2.0"))
    assert "quarantined" not in findings(config, "a==1.0")


def test_what_is_asked_of_no_index_and_what_could_not_be_read_again(
    tmp_path: Path, world: World
) -> None:
    world.publish("a", "1.0")
    bench, config = mirror(tmp_path, world, a=["latest"])
    bench.sync()
    world.publish("a", "2.0")
    for path in ("/simple/a/", "/pypi/a/json"):
        world.faults.fail(path, 503, None)
    bench.sync()
    pending = findings(config, "a")["pending"]
    assert pending.startswith("a newer document is owed, tried 1 time: ")
    config = configure(tmp_path, database="sqlite:///data/catalog.sqlite", reserved=["acme-*"])
    assert findings(config, "acme-core")["reserved"].startswith("no index is asked for it: ")


def test_what_nobody_calls_for(tmp_path: Path, world: World) -> None:
    world.publish("a", "1.0", requires=["b<2"])
    for version in ("1.0", "2.0", "3.0rc1"):
        world.publish("b", version)
    world.publish("a", "0.9")
    world.publish("a", "0.8")
    world.yank("a", "0.8", "broken")
    bench, config = mirror(tmp_path, world, a=["latest"])
    bench.sync()
    found = findings(config, "b==2")
    assert found["unwanted"] == "no root or requirement calls for it"
    assert found["instead"] == 'requirements that ask for "<2" are met by 1.0'
    assert findings(config, "a==0.9")["instead"] == 'root "latest" calls for 1.0'
    assert "(broken): only an exact version" in findings(config, "a==0.8")["yanked"]
    assert "only if one is named" in findings(config, "b==3.0rc1")["pre-release"]
    # Of a project: what is there, and what its newest release lacks.
    found = findings(config, "b")
    assert (found["listed"], found["unwanted"][:4]) == ("it is there: 1.0", "2.0:")


def test_what_rules_and_the_policy_leave_out(tmp_path: Path, world: World) -> None:
    wheels = ("cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-win_amd64")
    world.publish("a", "1.0", wheels=wheels, sdist=True)
    world.publish("b", "1.0")
    bench, config = mirror(tmp_path, world, a=["latest"], b=["latest"])
    bench.policy = FilePolicy(("win_amd64",), "all", "never")
    bench.bars = Policy(block=(Block("stolen {} account", name="b"),))
    bench.sync()
    config = configure(
        tmp_path,
        database="sqlite:///data/catalog.sqlite",
        arch_exclude=["win_amd64"],
        sdists="never",
        packages={"a": ["latest"], "x": []},
    )
    done = invoke(config, "why-not", "a==1.0")
    wheel = "a-1.0-cp311-cp311-win_amd64.whl"
    assert done.code == 0
    assert done.lines == [
        ["listed", "it is there, with 1 file"],
        ["excluded", f'arch_exclude ("win_amd64") leaves out 1 of 3 files: {wheel}'],
        ["excluded", 'sdists: "never" leaves out 1 of 3 files: a-1.0.tar.gz'],
    ]
    assert findings(config, "b==1.0")["barred"] == (
        "the policy (blocked: stolen {} account) leaves out 1 of 1 file: b-1.0-py3-none-any.whl"
    )
    kept = "the configuration keeps no file of its 1 release (policy, environment, file rules)"
    assert findings(config, "b")["excluded"] == kept
    assert f"b is not selected: {kept}" in invoke(config, "why", "b").out
    world.publish("a", "2.0", wheels=wheels, requires=["b"])
    bench.sync()
    assert findings(config, "b")["excluded"] == f"{kept}; it is required by a 2.0"
    assert findings(config, "x")["taken out"] == "the configuration takes it out of its patterns"


def test_what_is_held_or_waits(tmp_path: Path, world: World) -> None:
    world.publish("app", "1.0", requires=["b"])
    world.publish("b", "1.0")
    bench, config = mirror(tmp_path, world, app=["latest"])
    bench.sync()
    world.publish("b", "2.0")
    world.faults.fail("*/b-2.0-py3-none-any.whl", 503, None)
    bench.sync()
    found = findings(config, "b==2.0")
    assert found["held"].startswith("held: not stored yet: b-2.0")
    assert found["waiting proof"] == (
        f"the proof of app on {BOTH} pins it, and waits for all its pins"
    )
    assert findings(config, "b")["held"].startswith("2.0: held: ")
    said = dict(line for line in invoke(config, "status").lines if line[0] == "proofs")
    assert said["proofs"].endswith("; 1 root waiting for files")
    assert findings(config, "b==1.0") == {"listed": "it is there, with 1 file"}
    assert findings(config, "b[fast]==1.0") == findings(config, "b==1.0")


@pytest.mark.parametrize("what", ["", "a b", "a==x", "a[x", "a[x==1"])
def test_what_is_no_project_is_refused(tmp_path: Path, what: str) -> None:
    done = invoke(configure(tmp_path, packages={"a": ["latest"]}), "why-not", what)
    assert (done.code, done.out) == (2, "")


@pytest.mark.parametrize("command", ["why", "why-not"])
@pytest.mark.parametrize("words", [("leaf", "1.0"), ("leaf 1.0",)])
def test_a_version_without_the_sign_is_told_with_it(
    tmp_path: Path, command: str, words: tuple[str, ...]
) -> None:
    done = invoke(configure(tmp_path), command, *words)
    assert (done.code, done.out) == (2, "")
    assert '"leaf 1.0": must be a project such as "django" or "leaf==1.0"' in done.err


def test_both_databases_answer(tmp_path: Path, world: World, database: str) -> None:
    old_soup(world)
    bench = Bench(tmp_path, MemoryUpstream(world), {"soupsieve": ["0.4"]}, url=database)
    bench.environment = TWO
    bench.sync()
    with Reader(database) as reader:
        (old, _) = reasons(reader, "beautifulsoup4", None)
        assert [(way.root.origin, len(way.proofs)) for way in old.ways] == [("proof", 1)]
        found = why_not.absence(reader, "beautifulsoup4", Version("4.7.0"), FilePolicy())
        assert [one.kind for one in found.findings] == ["unwanted", "instead"]
        (called,) = graph.called(reader, "soupsieve")
        assert set(graph.edges_below(reader, [called])) == set(graph.edges(reader))
        recorded = on_record(reader, "soupsieve", "proven")
        assert recorded is not None
        (verdict,) = recorded
        assert [pin.added for pin in verdict.pins] == [True, False]


def test_what_is_left_out_is_named_where_one_looks(tmp_path: Path, world: World) -> None:
    """Old sdists and installers, which the mirror does not have, and entries that break rules."""
    bench, config = mirror(tmp_path, world, twisted=[">=0"])
    world.publish("twisted", "22.1.0")
    world.add_file("twisted", "20.3.0", "Twisted-20.3.0.tar.bz2", b"old")
    world.add_file("twisted", "2.0", "Twisted-2.0-py2.7.egg", b"older")
    world.add_file("twisted", "22.1.0", "Twisted-22.1.0.tar.xz", b"beside a wheel")
    bench.sync()
    assert findings(config, "twisted==20.3") == {
        "no release": "upstream lists this version only with what is left out",
        "skipped": "'Twisted-20.3.0.tar.bz2': neither a wheel nor a .tar.gz or .zip sdist, but an "
        "old .tar.bz2 sdist: it is left out, although pip could install it",
    }
    assert "but an .egg file" in findings(config, "twisted==2.0")["skipped"]
    assert "an old .tar.xz sdist" in findings(config, "twisted==22.1.0")["skipped"]
    assert "skipped" not in findings(config, "twisted==2.1.0")
