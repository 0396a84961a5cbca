"""The questions of the documents have answers, on both databases; and so do the newest views."""

import random
import re
from datetime import datetime
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from packaging.version import Version

from pypisync.catalog.db import statuses
from pypisync.catalog.db.reader import Reader
from pypisync.catalog.facts.readings import Knowledge
from pypisync.core.resolve.subject_verdict import Verdict
from pypisync.core.standards import versions
from pypisync.core.standards.model import Status
from tests.recipe.mirrors import Bench
from tests.sim import dists
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

DAY = 86400.0
COOKBOOK = (Path(__file__).parents[2] / "docs/how-to/queries.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^## ([^\n]+)\n\n```sql\n(.+?)\n```", COOKBOOK, re.M | re.S)


def two_generations(folder: Path, world: World, url: str) -> Bench:
    """Two generations of two roots that share a project."""
    world.publish("requests", "1.0", requires=["idna", "shared", "nothing"])
    world.publish("other", "1.0", requires=["shared"])
    for name in ("idna", "shared"):
        world.publish(name, "1.0")
    roots = {"requests": ["latest"], "other": ["latest"]}
    made = Bench(folder, MemoryUpstream(world), roots, url=url, retention=30 * DAY)
    made.sync()
    world.publish("idna", "2.0")
    made.sync()
    return made


@pytest.fixture
def bench(tmp_path: Path, world: World, database: str) -> Bench:
    """A mirror of them."""
    return two_generations(tmp_path, world, database)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Bench, World]:
    """A mirror of them that tests only ask, and its world."""
    folder, world = tmp_path_factory.mktemp("asked"), World()
    url = f"sqlite:///{folder / 'catalog.sqlite'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").prepared()
    return two_generations(folder, world, url), world


def test_every_question_is_answered(asked: tuple[Bench, World]) -> None:
    bench, _ = asked
    assert len(QUESTIONS) >= 20
    empty = []
    with Reader(bench.database) as reader:
        for question, statement in QUESTIONS:
            _, rows = reader.ask(statement)
            if not list(rows):
                empty.append(question)
    # Nothing here is held, owed, proven, yanked, without a wheel, barred or vulnerable.
    assert set(empty) == {
        "What is held back, and since when?",
        "What upstream still owes?",
        "With which versions does a root install?",
        "Which listed files are yanked?",
        "Which projects have no wheel in the mirror?",
        "What does the policy bar?",
        "Which mirrored releases have known vulnerabilities?",
    }


def test_what_came_and_went_by_generation(asked: tuple[Bench, World]) -> None:
    bench, _ = asked
    found = bench.query(
        "SELECT generation, change, project, version FROM v_changes"
        " ORDER BY generation, change, project"
    )
    assert found == [
        (1, "came", "idna", "1.0"),
        (1, "came", "other", "1.0"),
        (1, "came", "requests", "1.0"),
        (1, "came", "shared", "1.0"),
        (2, "came", "idna", "2.0"),
        (2, "went", "idna", "1.0"),
    ]


def test_what_a_root_costs_and_what_it_costs_alone(asked: tuple[Bench, World]) -> None:
    bench, _ = asked
    sizes = dict(bench.query("SELECT project, size FROM v_listed"))
    found = bench.query(
        "SELECT project, releases, files, bytes, files_alone, bytes_alone FROM v_root_sizes"
        " WHERE origin = '' OR origin NOT IN ('proof', 'held') ORDER BY project"
    )
    both = sizes["other"] + sizes["shared"]
    alone = sizes["requests"] + sizes["idna"]
    assert found == [
        ("other", 2, 2, both, 1, sizes["other"]),
        ("requests", 3, 3, alone + sizes["shared"], 2, alone),
    ]


def test_upload_times_are_seconds_as_all_others(asked: tuple[Bench, World]) -> None:
    bench, world = asked
    stated = {
        name: int(datetime.fromisoformat(file.uploaded).timestamp())
        for name, file in world.files.items()
    }
    for view in ("v_files", "v_listed"):
        found = dict(bench.query(f"SELECT filename, uploaded FROM {view}"))
        assert found
        assert found.items() <= stated.items()


def test_a_root_that_leads_to_nothing_costs_nothing(bench: Bench) -> None:
    bench.packages = {**bench.packages, "nowhere": ["latest"]}
    bench.sync()
    sizes = "releases, files, bytes, files_alone, bytes_alone"
    found = bench.query(f"SELECT {sizes} FROM v_root_sizes WHERE project = 'nowhere'")
    assert found == [(0, 0, 0, 0, 0)]
    roots = bench.query("SELECT count(*) FROM (SELECT DISTINCT project, selector FROM v_roots) r")
    assert roots == bench.query("SELECT count(*) FROM v_root_sizes")


def test_what_releases_say_of_themselves(bench: Bench, world: World) -> None:
    free = dists.Dist("idna", "3.0", license="MIT OR Apache-2.0")
    filename = dists.wheel_filename(free, "py3-none-any")
    world.add_file("idna", "3.0", filename, dists.build_wheel(free))
    bench.sync()
    about = "summary, license, license_expression"
    found = bench.query(f"SELECT version, {about} FROM v_releases WHERE project = 'idna'")
    summary = "A simulated project"
    assert {row[0]: row[1:] for row in found} == {
        "1.0": (summary, "", ""),
        "2.0": (summary, "", ""),
        "3.0": (summary, "", "MIT OR Apache-2.0"),
    }
    found = bench.query("SELECT name, summary, license FROM v_projects ORDER BY name")
    assert found == [
        ("idna", summary, "MIT OR Apache-2.0"),
        ("nothing", None, None),
        *((name, summary, "") for name in ("other", "requests", "shared")),
    ]


def test_versions_sort_in_sql_as_the_standard_orders_them(
    tmp_path: Path, world: World, database: str
) -> None:
    ordered = [
        *("1.0.dev1", "1.0a1", "1.0rc2", "1.0", "1.0+local", "1.0+local.2", "1.0.post1"),
        *("1.9", "1.10", "1.10.1", "2.0", "20.0", "256", "1000.1", "2026.11.28", "1!0.1"),
    ]
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    for version in random.Random(seed).sample(ordered, len(ordered)):
        world.publish("many", version)
    bench = Bench(tmp_path, MemoryUpstream(world), {"many": ordered}, url=database)
    bench.sync()
    assert sorted(ordered, key=Version) == ordered
    for view in ("v_releases", "v_files", "v_listed", "v_changes"):
        found = bench.query(f"SELECT version FROM {view} ORDER BY version_key")
        assert [row[0] for row in found] == ordered


def test_a_version_sorts_also_when_upstream_has_it_no_more(bench: Bench, world: World) -> None:
    world.remove_release("idna", "2.0")
    bench.sync()
    assert bench.query("SELECT * FROM v_releases WHERE version = '2.0'") == []
    went = "project = 'idna' AND change = 'went' AND version = '2.0'"
    found = bench.query(f"SELECT version_key FROM v_changes WHERE {went}")
    assert found == [(versions.key(Version("2.0")).hex(),)]


def test_every_status_is_explained(asked: tuple[Bench, World]) -> None:
    """Those that the code knows, and those that are met."""
    bench, _ = asked
    assert statuses.MEANINGS["v_projects", "status"].keys() == {*get_args(Status), "gone", "unseen"}
    assert statuses.MEANINGS["v_proofs", "verdict"].keys() == set(get_args(Verdict))
    assert statuses.MEANINGS["v_releases", "knowledge"].keys() > set(
        get_args(get_type_hints(Knowledge)["state"])
    )
    rows = bench.query("SELECT in_view, in_column, value, meaning FROM v_statuses")
    assert len(rows) == len(set(rows)) > 20
    for view, column in statuses.MEANINGS:
        met = {row[0] for row in bench.query(f"SELECT DISTINCT {column} FROM {view}")}
        assert met
        assert met <= {row[2] for row in rows if row[:2] == (view, column)}
