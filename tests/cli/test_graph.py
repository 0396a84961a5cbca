"""``graph``: every edge once, whole or from one root; nothing hostile gets out of its quotes."""

import re
from pathlib import Path

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries import projects
from pypisync.cli.graph import _quoted
from tests.cli.running import configure, invoke
from tests.recipe.grouped import asks
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World


def mirror(folder: Path, world: World, **packages: list[str]) -> tuple[Bench, Path]:
    """A mirror after one sync, of these packages and a group."""
    bench = Bench(folder / "data", MemoryUpstream(world), packages, groups=[asks("mid[x]<2")])
    bench.environment = {**bench.environment, "extra": []}
    bench.sync()
    return bench, configure(folder, database="sqlite:///data/catalog.sqlite", packages=packages)


def rich(world: World) -> None:
    world.publish_setuptools_like("80.0")
    world.publish("low", "1.0")
    world.publish("mid", "1.0", extras={"x": ["src"]}, requires=["low>=1"])
    world.publish("top", "1.0", requires=["mid", 'gone>1; python_version >= "3"'])
    world.publish("src", "1.0", wheels=(), sdist=True, build_requires=["setuptools>=40"])


def test_the_whole_graph(tmp_path: Path, world: World) -> None:
    rich(world)
    bench, config = mirror(tmp_path, world, top=["latest"])
    answer = invoke(config, "graph", "--json").json
    assert [(one["root"]["origin"], one["release"]) for one in answer["roots"]] == [
        ("", "top==1.0"),
        ("group:team.txt", "mid==1.0"),
    ]
    drawn = {(e["release"], e["needs"], e["requirement"], e["kind"]) for e in answer["edges"]}
    rows = bench.query(
        "SELECT project || '==' || version, needs || coalesce('==' || chosen, ''), requirement,"
        " kind FROM v_dependencies"
    )
    assert drawn == {tuple(row) for row in rows}
    assert len(drawn) == len(answer["edges"]) == 5
    assert [edge["needs"] for edge in answer["edges"] if not edge["met"]] == ["gone"]

    lines = [line for (line,) in invoke(config, "graph").lines]
    assert lines[0] == "digraph {"
    assert r'  "root 1" [label="root top \"latest\"" style=bold]' in lines
    assert '  "root 1" -> "top==1.0"' in lines
    assert '  "mid==1.0" -> "low==1.0" [label="low>=1"]' in lines
    build = '  "src==1.0" -> "setuptools==80.0" [label="setuptools>=40" style=dashed]'
    assert build in lines
    unmet = r'  "top==1.0" -> "gone" [label="gone>1; python_version >= \"3\"" color=red]'
    assert unmet in lines


def test_the_graph_below_one_root(tmp_path: Path, world: World) -> None:
    rich(world)
    _, config = mirror(tmp_path, world, top=["latest"])
    edges = invoke(config, "graph", "Top", "--json").json["edges"]
    assert [edge["needs"] for edge in edges] == ["mid==1.0", "gone", "low==1.0"]  # no extra
    edges = invoke(config, "graph", "team.txt", "--json").json["edges"]
    assert {edge["needs"] for edge in edges} == {"low==1.0", "src==1.0", "setuptools==80.0"}
    for what in ("low", "a b", "top[y]"):
        done = invoke(config, "graph", what)
        assert (done.code, done.out) == (2, "")


def test_a_requirement_that_is_read_in_parts_is_one_edge(tmp_path: Path, world: World) -> None:
    """It is kept once for an extra that METADATA does not declare, and once for all else."""
    line = 'low; extra == "y" or python_version > "3"'
    world.publish("low", "1.0")
    world.publish("mid", "1.0", requires=[line], extras={"x": []})
    bench, config = mirror(tmp_path, world, mid=["latest"])
    assert bench.query(f"SELECT count(*) FROM requirements WHERE text = '{line}'") == [(2,)]
    for arguments in ((), ("mid",), ("team.txt",)):
        [edge] = invoke(config, "graph", *arguments, "--json").json["edges"]
        assert edge["requirement"] == line
    with Reader(bench.database) as reader:
        needs = [(one.extra, one.requirement) for one in projects.needs(reader, "mid", "1.0", 9)]
    assert needs == [("", line), ("x", line)]


def test_nothing_hostile_gets_out_of_its_quotes() -> None:
    for text in ('a"]; x -> y [label="', "end\\", '\\"', "a\nb\x1b[2J", "<b>&quot;</b>", "\\N"):
        quoted = _quoted(text)
        assert re.fullmatch(r'"(?:[^"\\\n]|\\["\\])*"', quoted)
        assert quoted.isprintable()
