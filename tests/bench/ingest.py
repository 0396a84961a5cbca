"""What upstream says, into the database: against a bare bulk insert of the same rows.

``python -m tests.bench.ingest STEP URL FILES`` runs a step in a process of its own.
"""

import json
import resource
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from pypisync.catalog.db.transactions import Catalog
from pypisync.catalog.facts.record import record_documents
from pypisync.core.environments import targets
from pypisync.core.filters.file_rules import FilePolicy, Rules
from pypisync.core.standards.model import File, ProjectDocument
from tests.bench.measure import LINUX, Setup, folder, in_turn, run
from tests.bench.report import Figures, figure, ratio
from tests.postgres import Postgres

_FILES = 20  # of a project, two for each release
_RECORD = 100  # documents in one transaction, as a cycle has it
_COLUMNS = (
    "id", "release_id", "filename", "url", "path", "sha256", "size", "uploaded",
    "requires_python", "metadata_sha256", "kind", "kept", "admits",
)  # fmt: skip


def ingest(setup: Setup) -> Figures:
    """A million file rows, on SQLite and PostgreSQL, against a bare bulk insert of such rows."""
    count = setup.size(1_000_000, 400)
    runs = setup.runs if setup.quick else min(setup.runs, 2)
    figures: Figures = []
    with Postgres() as server:
        for name in ("sqlite", "postgresql"):
            ours, floor = in_turn(
                runs,
                partial(_step, "record", name, server, count),
                partial(_step, "bare", name, server, count),
            )
            figures += [
                figure(f"{name}: wall", [one["wall"] for one in ours], "s"),
                figure(f"{name}: cpu", [one["cpu"] for one in ours], "s"),
                figure(f"{name}: peak", [one["peak"] for one in ours], "MiB", 0),
                figure(f"{name}: bare insert, wall", [one["wall"] for one in floor], "s"),
                figure(f"{name}: bare insert, cpu", [one["cpu"] for one in floor], "s"),
                ratio(
                    f"{name}: wall against the bare insert",
                    [one["wall"] for one in ours],
                    [one["wall"] for one in floor],
                ),
            ]
    return figures


def _step(step: str, name: str, server: Postgres, count: int) -> Any:
    with _database(name, server) as url:
        words = [sys.executable, "-m", "tests.bench.ingest", step, url, str(count)]
        return json.loads(run(words).output)


@contextmanager
def _database(name: str, server: Postgres) -> Iterator[str]:
    with folder() as made:
        if name == "sqlite":
            yield f"sqlite:///{made / 'catalog.sqlite'}"
        else:
            yield server.fresh()


def documents(count: int) -> Iterator[ProjectDocument]:
    """Documents with so many files in all."""
    for number in range(count // _FILES):
        yield ProjectDocument(f"project-{number}", f"project-{number}", 1, tuple(_files(number)))


def _files(number: int) -> Iterator[File]:
    for release in range(_FILES // 2):
        for kind in ("-py3-none-any.whl", ".tar.gz"):
            filename = f"project_{number}-1.{release}{kind}"
            digest = f"{number:032x}{release:031x}{len(kind) % 10}"
            yield File(
                filename=filename,
                url=f"https://files.test/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{filename}",
                sha256=digest,
                size=10_000 + number,
                uploaded="2025-07-01T12:00:00.123456Z",
                requires_python=">=3.9",
                metadata_sha256=digest if kind.endswith("whl") else None,
            )


def main() -> None:
    """One step, and what it cost."""
    step, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    made = list(documents(count))
    wall, cpu = time.perf_counter(), time.process_time()
    if step == "record":
        _record(url, made)
    elif url.startswith("sqlite"):
        _bare_sqlite(url, made)
    else:
        _bare_postgresql(url, made)
    said = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(said))


def _record(url: str, made: list[ProjectDocument]) -> None:
    """As a cycle does it: documents to facts, compared with what there is, and written."""
    catalog = Catalog(url)
    catalog.prepare()
    rules = Rules(targets.targets(LINUX), FilePolicy())
    for start in range(0, len(made), _RECORD):
        with catalog.begin() as connection:
            record_documents(connection, made[start : start + _RECORD], rules, 0.0)
    catalog.close()


_TABLES = (
    "CREATE TABLE releases (id INTEGER PRIMARY KEY, project_id INTEGER NOT NULL, version TEXT)",
    """CREATE TABLE files (
        id INTEGER PRIMARY KEY, release_id INTEGER NOT NULL, filename TEXT UNIQUE, url TEXT,
        path TEXT, sha256 TEXT, size BIGINT, uploaded TEXT, requires_python TEXT,
        metadata_sha256 TEXT, kind TEXT, kept BOOLEAN, admits TEXT)""",
    "CREATE INDEX files_release ON files (release_id)",
)


def _bare_sqlite(url: str, made: list[ProjectDocument]) -> None:
    """Rows as they are, by the driver alone: one transaction for as many documents."""
    connection = sqlite3.connect(make_url(url).database or "")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    for statement in _TABLES:
        connection.execute(statement)
    marks = ", ".join("?" * len(_COLUMNS))
    for start in range(0, len(made), _RECORD):
        rows = _rows(made[start : start + _RECORD], start)
        connection.executemany("INSERT INTO releases VALUES (?, ?, ?)", rows[0])
        connection.executemany(f"INSERT INTO files VALUES ({marks})", rows[1])
        connection.commit()
    connection.close()


def _bare_postgresql(url: str, made: list[ProjectDocument]) -> None:
    """Rows as they are, by COPY."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection, connection.cursor() as cursor:
        for statement in _TABLES:
            cursor.execute(statement)
        for start in range(0, len(made), _RECORD):
            rows = _rows(made[start : start + _RECORD], start)
            for table, some in zip(("releases", "files"), rows, strict=True):
                with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    for row in some:
                        copy.write_row(row)
            connection.commit()


def _rows(
    made: list[ProjectDocument], start: int
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    releases: list[tuple[object, ...]] = []
    files: list[tuple[object, ...]] = []
    for number, document in enumerate(made, start):
        for i, file in enumerate(document.files):
            release = number * _FILES + i // 2 + 1
            if i % 2 == 0:
                releases.append((release, number + 1, f"1.{i // 2}"))
            path = Path(file.url).name
            files.append(
                (
                    number * _FILES + i + 1, release, file.filename, file.url, path, file.sha256,
                    file.size, file.uploaded, file.requires_python, file.metadata_sha256, "wheel",
                    True, "1",
                )
            )  # fmt: skip
    return releases, files


if __name__ == "__main__":
    main()
