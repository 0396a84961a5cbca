"""The questions of the documents have answers, on both databases; and so do the newest views."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from pypisync.catalog.db.reader import Reader
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

DAY = 86400.0
COOKBOOK = (Path(__file__).parents[2] / "docs/how-to/queries.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^## ([^\n]+)\n\n```sql\n(.+?)\n```", COOKBOOK, re.M | re.S)


@pytest.fixture
def bench(tmp_path: Path, world: World, database: str) -> Bench:
    """Two generations of two roots that share a project."""
    world.publish("requests", "1.0", requires=["idna", "shared", "nothing"])
    world.publish("other", "1.0", requires=["shared"])
    for name in ("idna", "shared"):
        world.publish(name, "1.0")
    roots = {"requests": ["latest"], "other": ["latest"]}
    made = Bench(tmp_path, MemoryUpstream(world), roots, url=database, retention=30 * DAY)
    made.sync()
    world.publish("idna", "2.0")
    made.sync()
    return made


def test_every_question_is_answered(bench: Bench) -> None:
    assert len(QUESTIONS) >= 20
    empty = []
    with Reader(bench.database) as reader:
        for question, statement in QUESTIONS:
            _, rows = reader.ask(statement)
            if not list(rows):
                empty.append(question)
    # Nothing here is held, owed, yanked, without a wheel, barred or vulnerable.
    assert len(empty) <= 8, empty


def test_what_came_and_went_by_generation(bench: Bench) -> None:
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


def test_what_a_root_costs_and_what_it_costs_alone(bench: Bench) -> None:
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


def test_upload_times_are_seconds_as_all_others(bench: Bench) -> None:
    for view in ("v_files", "v_listed"):
        for text, seconds in bench.query(f"SELECT uploaded, uploaded_at FROM {view}"):
            assert seconds == int(datetime.fromisoformat(text).timestamp())
