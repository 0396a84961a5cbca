"""``proofs`` shows what is on record; ``prove`` takes groups as a whole, with constraints."""

from pathlib import Path

from tests.cli.running import configure, invoke
from tests.recipe.grouped import asks
from tests.recipe.mirrors import Bench
from tests.recipe.test_proofs import BOTH, TWO, old_soup
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World


def mirror(folder: Path, world: World, **packages: list[str]) -> tuple[Bench, Path]:
    """A bench, and a configuration by which commands read its catalog."""
    bench = Bench(folder / "data", MemoryUpstream(world), packages, environment=TWO)
    database = "sqlite:///data/catalog.sqlite"
    return bench, configure(folder, database=database, packages=packages, environment=TWO)


def test_verdicts_on_record(tmp_path: Path, world: World) -> None:
    old_soup(world)
    world.publish("torn", "1.0", requires=["gone"])
    bench, config = mirror(tmp_path, world, soupsieve=["0.4"], torn=["latest"])
    bench.sync()
    done = invoke(config, "proofs")
    assert done.code == 0
    assert [line[:5] for line in done.lines] == [
        ["soupsieve==0.4", BOTH, "proven", "yes", "2"],
        ["torn", BOTH, "refuted", "yes", ""],
    ]
    answer = invoke(config, "proofs", "--verdict", "refuted", "--json").json
    assert [one["subject"] for one in answer] == ["torn"]
    assert [line[0] for line in invoke(config, "proofs", "SoupSieve").lines] == [
        *("soupsieve==0.4", "beautifulsoup4", "soupsieve"),
    ]
    assert ["beautifulsoup4", "4.6.3", "solver", "added for proofs"] in invoke(
        config, "proofs", "soupsieve==0.4"
    ).lines
    assert "so torn cannot be installed" in invoke(config, "proofs", "torn").out
    refused = invoke(config, "proofs", "nobody")
    assert (refused.code, refused.out) == (2, "")


def test_what_waits_and_what_the_pages_keep_meanwhile(tmp_path: Path, world: World) -> None:
    world.publish("app", "1.0")
    bench, config = mirror(tmp_path, world, app=["latest"])
    bench.sync()
    world.publish("app", "2.0")
    world.faults.fail("*/app-2.0-py3-none-any.whl", 503, None)
    bench.sync()
    found = invoke(config, "proofs", "app", "--json").json
    assert [(one["state"], one["pins"][0]["version"]) for one in found] == [
        ("waiting", "2.0"),
        ("kept", "1.0"),
    ]


def test_a_group_is_proven_as_a_whole(tmp_path: Path, world: World) -> None:
    world.publish("a", "1.0", requires=["c<2"])
    world.publish("b", "1.0", requires=["c>=2"])
    world.publish("b", "0.9", requires=["c"])
    world.publish("c", "1.0")
    world.publish("c", "1.1")
    world.publish("c", "2.0")
    bench, config = mirror(tmp_path, world, a=["latest"], b=["latest"])
    bench.groups = [asks("a", "b; python_version >= '3.0'", constraints=("c<1.1",))]
    bench.sync()
    (tmp_path / "team.txt").write_text("a\nb; python_version >= '3.0'\n-c limits.txt\n")
    (tmp_path / "limits.txt").write_text("c<1.1\n")
    (tmp_path / "frozen.txt").write_text("a==1.0\n")
    files = ["team.txt", {"file": "frozen.txt", "resolve": False}]
    database = "sqlite:///data/catalog.sqlite"
    config = configure(tmp_path, database=database, environment=TWO, requirements=files)
    for name in ("team.txt", "group team.txt"):
        answer = invoke(config, "prove", name, "--json")
        assert answer.code == 0
        assert [one["root"] for one in answer.json] == ["group team.txt"] * 2
        pins = [(pin["project"], pin["version"]) for pin in answer.json[0]["pins"]]
        assert pins == [("a", "1.0"), ("b", "0.9"), ("c", "1.0")]
    assert len(invoke(config, "prove", "--json").json) == 6
    assert "mirrored exactly" in invoke(config, "prove", "frozen.txt").err
    (subject,) = invoke(config, "proofs", "team.txt", "--json").json
    assert [(pin["project"], pin["version"]) for pin in subject["pins"]] == pins
