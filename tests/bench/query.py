"""What an operator asks of a large catalog, through the views.

``python -m tests.bench.query DATABASE PROJECTS`` fills the catalog that is asked.
"""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, text

from pypisync.catalog.db.schema import files, pages, published, stored
from pypisync.catalog.db.transactions import Catalog
from pypisync.catalog.selection import decide
from pypisync.catalog.selection.roots import set_roots
from pypisync.core.environments import targets
from pypisync.core.wanted.roots import Root
from tests.bench.drawn import Drawn, fill, pour, version
from tests.bench.measure import LINUX, Setup, configure, folder, in_turn, pypisync, run
from tests.bench.report import Figures, figure

_FILES = 2  # of a release, one of them on the page if the release is selected

QUESTIONS = {
    "a project's files": "SELECT * FROM v_files WHERE project = 'project-7'",
    "a project's releases": "SELECT * FROM v_releases WHERE project = 'project-7'",
    "who needs a project": (
        "SELECT project, version, requirement FROM v_dependencies WHERE needs = 'project-900'"
    ),
    "why a release is there": (
        "SELECT reason, needed_by, requirement FROM v_reasons WHERE project = 'project-900'"
    ),
    "largest projects on the pages": (
        "SELECT project, count(*), sum(size) AS bytes FROM v_listed"
        " GROUP BY project ORDER BY bytes DESC LIMIT 20"
    ),
    "bytes on the pages": "SELECT count(*), sum(size) FROM v_listed",
    "unmet requirements": "SELECT project, count(*) FROM v_unmet GROUP BY project LIMIT 20",
    "projects by status": "SELECT status, count(*) FROM v_projects GROUP BY status",
    "a file by its hash": "SELECT project, filename FROM v_files WHERE sha256 = '{digest}'",
    "the newest runs": "SELECT * FROM v_runs ORDER BY run DESC LIMIT 10",
}


def query(setup: Setup) -> Figures:
    """Ten typical questions over a million files, each by ``pypisync query``."""
    count = setup.size(60_000, 100)
    with folder() as made:
        (made / "mirror").mkdir()
        database = made / "mirror" / "pypisync.sqlite"
        configure(made, "http://127.0.0.1:9", {"a": "latest"}, database=f"sqlite:///{database}")
        run([sys.executable, "-m", "tests.bench.query", database, str(count)])
        total = pypisync(made, "query", "SELECT count(*) FROM v_files").output.strip()
        asked = ["SELECT 1", *QUESTIONS.values()]
        asked = [question.replace("{digest}", _digest(77)) for question in asked]
        asked = asked[: setup.size(len(asked), 2)]
        found = in_turn(setup.runs, *(partial(pypisync, made, "query", one) for one in asked))
    labels = ["nothing", *QUESTIONS][: len(asked)]
    note = f"over {int(total):,} files"
    return [
        figure(label, [cost.wall * 1000 for cost in costs], "ms", 0, note)
        for label, costs in zip(labels, found, strict=True)
    ]


def main() -> None:
    """Fill a catalog."""
    catalog = Catalog(f"sqlite:///{Path(sys.argv[1])}")
    catalog.prepare()
    drawn = Drawn(int(sys.argv[2]))
    with catalog.begin() as connection:
        fill(connection, drawn)
        pour(connection, files, _FILE_COLUMNS, _files(drawn))
        names = (drawn.name(i) for i in range(drawn.count))
        set_roots(connection, (Root(name, "latest") for name in names))
        decide.decide(connection, targets.targets(LINUX), 0.0)
        _list(connection)
    catalog.close()


_FILE_COLUMNS = ("id", "release_id", "filename", "url", "path", "sha256", "size", "kept", "admits")


def _files(drawn: Drawn) -> Iterator[tuple[object, ...]]:
    number = 0
    for project, count in enumerate(drawn.counts):
        for n in range(count):
            for kind in ("-py3-none-any.whl", ".tar.gz")[:_FILES]:
                number += 1
                name = f"project_{project}-{version(n)}{kind}"
                path = f"packages/aa/bb/{number}/{name}"
                url = f"http://files.test/{path}"
                release = drawn.first[project] + n
                yield (
                    number, release, name, url, path, _digest(number), number % 100_000,
                    kind.endswith("whl"), "1",
                )  # fmt: skip


def _digest(number: int) -> str:
    return f"{number:064x}"


def _list(connection: Connection) -> None:
    """What is selected is stored and on the pages."""
    listed = connection.execute(
        text(
            "SELECT f.path, f.sha256, f.size, p.name, r.version, f.filename, r.key"
            " FROM selected s"
            " JOIN releases r ON r.id = s.release_id JOIN projects p ON p.id = r.project_id"
            " JOIN files f ON f.release_id = r.id WHERE s.extra = '' AND f.kept"
        )
    ).all()
    pour(connection, stored, ("path", "sha256", "size"), (tuple(row[:3]) for row in listed))
    columns = ("id", "name", "version", "filename", "path", "sha256", "size", "first", "key")
    pour(
        connection,
        published,
        columns,
        (
            (n, row[3], row[4], row[5], row[0], row[1], row[2], 1, row[6])
            for n, row in enumerate(listed)
        ),
    )
    names = sorted({row[3] for row in listed})
    rows = ((n, name, "active", 1) for n, name in enumerate(names))
    pour(connection, pages, ("id", "name", "status", "first"), rows)


if __name__ == "__main__":
    main()
