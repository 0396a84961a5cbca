"""Pages for people read no large table whole: what SQLite, which has no statistics, makes of them.

Without statistics its plans do not depend on how much there is, so those of a small mirror are
those of a million files. How long the pages take there is measured by ``tests/bench/pages.py``.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from pypisync.catalog.db.reader import Reader
from tests.bench.pages import PATHS
from tests.web.sites import Site
from tests.web.test_browse import peopled

LARGE = ("published", "files", "releases", "edges", "requirements", "choices", "selected", "stored")
_TABLE = re.compile(r"(?:FROM|JOIN|,)\s+(\w+)\s+(?:AS\s+)?(\w+)?")


def read_whole(reader: Reader, statement: str, values: tuple[Any, ...]) -> list[str]:
    """Returns the steps of a statement that read a large table from its beginning to its end."""
    tables = {alias or table: table for table, alias in _TABLE.findall(statement)}
    found = []
    for *_, step in reader.rows(f"EXPLAIN QUERY PLAN {statement}", *values):
        name = step.split()[1] if step.startswith(("SCAN ", "SEARCH ")) else ""
        whole = step.startswith("SCAN ") or "INDEX ix_published_last (last=?)" in step
        few = step.endswith("ix_files_barred")  # only barred files are in it
        if whole and not few and tables.get(name, name) in LARGE:
            found.append(f"{step}: {statement}")
    return found


def test_no_page_reads_a_large_table_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path, peopled())
    site.bench.packages = {"flask": ["latest"], "celery": ["latest"], "markupsafe": [">=2"]}
    site.bench.retention = 86400
    site.bench.sync()
    site.world.publish("click", "8.2")
    site.bench.sync()
    asked: dict[str, tuple[Any, ...]] = {}
    rows = Reader.rows

    def noted(reader: Reader, statement: str, *values: Any) -> list[Any]:
        asked[statement] = values
        return rows(reader, statement, *values)

    with site.running():
        monkeypatch.setattr(Reader, "rows", noted)
        for path in (*PATHS, "/projects/click", "/projects/markupsafe", "/generations/2"):
            assert site.get(path).status_code in {200, 404, 503}
        monkeypatch.undo()
    assert len(asked) > 40
    with Reader(site.config.database_url) as reader:
        whole = [step for one, values in asked.items() for step in read_whole(reader, one, values)]
    assert whole == []
