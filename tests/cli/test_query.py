"""``query``: an operator's SQL, which can change nothing."""

import csv
import io
import subprocess
from pathlib import Path

import pytest

from pypisync.catalog.db.reader import Reader, RefusedQuery
from pypisync.catalog.db.views import VIEWS
from tests.cli.running import command, configure, environ, invoke, snapshot
from tests.postgres import Postgres
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World


@pytest.fixture
def config(tmp_path: Path, world: World) -> Path:
    """A mirror of ``a`` and ``b``."""
    world.publish("a", "1.0", requires=["b"])
    world.publish("b", "1.0")
    Bench(tmp_path / "data", MemoryUpstream(world), {"a": ["latest"]}).sync()
    return configure(tmp_path, database="sqlite:///data/catalog.sqlite")


def test_rows_as_lines_csv_and_json(config: Path) -> None:
    sql = (
        "SELECT project, version, NULL AS n, 'x,\"y' || char(10, 27) || 'z' AS s"
        " FROM v_listed ORDER BY 1"
    )
    done = invoke(config, "query", sql)
    assert (done.code, done.err) == (0, "")
    # One line a row: a newline is a blank there, and what could steer a terminal a "?".
    assert done.lines == [["a", "1.0", "", 'x,"y ?z'], ["b", "1.0", "", 'x,"y ?z']]
    rows = list(csv.reader(io.StringIO(invoke(config, "query", sql, "--csv").out)))
    assert rows == [
        ["project", "version", "n", "s"],
        *([n, "1.0", "", 'x,"y\n\x1bz'] for n in "ab"),
    ]
    answer = invoke(config, "query", sql, "--json").json
    assert answer[1] == {"project": "b", "version": "1.0", "n": None, "s": 'x,"y\n\x1bz'}
    assert invoke(config, "query", "SELECT 1 WHERE 1 = 0", "--json").json == []
    assert invoke(config, "query", "SELECT x'00ff' AS b", "--json").json == [{"b": "00ff"}]


def test_without_a_statement_the_views_are_listed(config: Path) -> None:
    done = invoke(config, "query")
    assert [line[0] for line in done.lines] == [view.name for view in VIEWS]
    assert all(len(line) == 3 and line[2] for line in done.lines)
    listed = invoke(config, "query", "SELECT 1", "--views", "--json").json
    columns = {entry["view"]: entry["columns"].split() for entry in listed}
    assert columns["v_held"] == ["release", "reason", "since"]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM runs",
        "UPDATE runs SET outcome = 'done'",
        "CREATE TABLE t (x)",
        "ATTACH 'other.sqlite' AS other",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "VACUUM INTO 'copy.sqlite'",
        "COMMIT",
        "SELECT 1; DELETE FROM runs",
        "SELECT * FROM nowhere",
        "SELEC 1",
    ],
)
def test_what_is_no_query_is_refused(config: Path, sql: str) -> None:
    before = snapshot(config.parent)
    done = invoke(config, "query", sql)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("the database refused the query: ")
    assert snapshot(config.parent) == before


def test_both_databases_take_queries_only(tmp_path: Path, world: World, database: str) -> None:
    world.publish("a", "1.0")
    Bench(tmp_path, MemoryUpstream(world), {"a": ["latest"]}, url=database).sync()
    for sql in ("DELETE FROM runs", "COMMIT; DELETE FROM runs", "SELECT 1; DELETE FROM runs"):
        with Reader(database) as reader, pytest.raises(RefusedQuery):
            reader.ask(sql)
    with Reader(database) as reader:
        for view in VIEWS:
            columns, rows = reader.ask(f"SELECT * FROM {view.name}")
            assert columns
            assert all(len(row) == len(columns) for row in rows)
        _, rows = reader.ask("SELECT name FROM v_projects WHERE name LIKE 'a%'")
        assert [row[0] for row in rows] == ["a"]


def test_values_that_only_postgresql_has(tmp_path: Path, postgres: Postgres) -> None:
    config = configure(tmp_path, database=postgres.prepared())
    sql = (
        "SELECT 1.5::numeric AS a, sum(n) AS b, DATE '2026-11-30' AS c, 'Infinity'::numeric AS d,"
        " 'NaN'::numeric AS e FROM (VALUES (1::bigint), (2)) AS v (n)"
    )
    done = invoke(config, "query", sql, "--json")
    assert done.json == [{"a": 1.5, "b": 3, "c": "2026-11-30", "d": "Infinity", "e": "NaN"}]
    assert invoke(config, "query", sql).lines == [["1.5", "3", "2026-11-30", "Infinity", "NaN"]]


def test_a_closed_pipe_ends_it_quietly(config: Path) -> None:
    sql = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)"
        " SELECT i FROM n"
    )
    process = subprocess.Popen(
        command(config, "query", sql),
        env=environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "1\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 0
