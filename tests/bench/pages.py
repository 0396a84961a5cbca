"""How long the pages for people take over a large catalog, by the real server.

``python -m tests.bench.pages DATABASE`` lists every file of the catalog of ``query`` and makes
generations, runs and problems in it.
"""

import socket
import sys
import time
from functools import partial
from pathlib import Path

import requests
from sqlalchemy import Connection, insert, text

from pypisync.catalog.db.schema import (
    files,
    generations,
    held,
    pending,
    projects,
    releases,
    runs,
    skipped,
)
from pypisync.catalog.db.schema_proofs import proof_pins, proofs, subjects
from pypisync.catalog.db.schema_quarantine import quarantines
from pypisync.catalog.db.schema_vulnerabilities import vulnerabilities
from pypisync.catalog.db.transactions import Catalog
from pypisync.core.standards import versions
from tests.acceptance.fronts import running
from tests.acceptance.product import ROOT
from tests.bench.drawn import pour
from tests.bench.measure import Setup, configure, folder, in_turn, pypisync, run
from tests.bench.report import Figures, figure

_KEPT = 720  # generations: a month of hours
_RUNS = 10_000
_GIANT = 3_000  # releases of one project, of four files each
_WRONG = 5_000  # problems of each kind
_TIMES = 9  # each page is asked for; the median counts

PATHS = (
    *("/", "/search", "/search?q=project-7", "/search?q=9", "/search?q=none", "/search?page=999"),
    *("/projects/project-0", "/projects/project-900", "/projects/giant", "/projects/giant?page=99"),
    *("/roots", "/roots?page=500", "/generations", "/generations/700", "/generations/720?from=700"),
    *("/problems", "/problems/held", "/problems/pending", "/problems/unmet", "/problems/unproven"),
    *("/problems/vulnerable", "/problems/quarantined", "/problems/skipped", "/problems/failed"),
    *("/setup", "/status.json", "/metrics", "/readyz"),
)


def pages(setup: Setup) -> Figures:
    """Pages for people over a million files, each by the built-in server, with one client."""
    with folder() as made:
        (made / "mirror").mkdir()
        database = made / "mirror" / "pypisync.sqlite"
        port = _free_port()
        url = f"sqlite:///{database}"
        listen = f"127.0.0.1:{port}"
        configure(made, "http://127.0.0.1:9", {"a": "latest"}, database=url, listen=listen)
        size = str(setup.size(60_000, 200))
        run([sys.executable, "-m", "tests.bench.query", database, size])
        run([sys.executable, "-m", "tests.bench.pages", database])
        total = pypisync(made, "query", "SELECT count(*) FROM v_files").output.strip()
        command = [sys.executable, "-m", "pypisync", "serve"]
        command += ["--config", str(made / "pypisync.json5")]
        with running(command, port, made, {"PYTHONPATH": str(ROOT)}) as address:
            for _ in range(20):  # every serving process has loaded its templates
                requests.get(f"{address}/setup", timeout=60)
            asked = PATHS[: setup.size(len(PATHS), 3)]
            found = in_turn(setup.runs, *(partial(_asked, f"{address}{path}") for path in asked))
    note = f"over {int(total):,} files"
    return [
        figure(path, milliseconds, "ms", 0, note)
        for path, milliseconds in zip(asked, found, strict=True)
    ]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _asked(address: str) -> float:
    """Returns the median of how long a page takes, in milliseconds."""
    took = []
    for _ in range(_TIMES):
        start = time.perf_counter()
        answer = requests.get(address, timeout=60)
        took.append(time.perf_counter() - start)
        if answer.status_code not in {200, 503}:  # nothing was synced of late
            raise RuntimeError(f"{address}: {answer.status_code}: {answer.text[:200]}")
    return sorted(took)[_TIMES // 2] * 1000


def main() -> None:
    """List every file, and make generations and problems of all kinds."""
    catalog = Catalog(f"sqlite:///{Path(sys.argv[1])}")
    with catalog.begin() as connection:
        _giant(connection)
        connection.execute(text(_LIST))
        _happen(connection)
        _go_wrong(connection)
    catalog.close()


_LIST = """
    INSERT INTO published (id, name, version, filename, path, sha256, size, first, key, uploaded)
    SELECT (SELECT max(id) FROM published) + f.id, p.name, r.version, f.filename, f.path,
        f.sha256, f.size, 1, r.key, '2026-01-01T00:00:00Z'
    FROM files f JOIN releases r ON r.id = f.release_id JOIN projects p ON p.id = r.project_id
    WHERE NOT EXISTS (SELECT 1 FROM published u WHERE u.path = f.path)
"""


def _giant(connection: Connection) -> None:
    """A project with more releases and files than any other, as there are on PyPI."""
    count = max(connection.scalar(text("SELECT count(*) FROM projects")) or 0, 1)
    project, release, file = (
        (connection.scalar(text(f"SELECT max(id) FROM {table}")) or 0) + 1
        for table in ("projects", "releases", "files")
    )
    many = min(_GIANT, count)
    connection.execute(
        insert(projects).values(id=project, name="giant", display="giant", index_name="endpoint")
    )
    pour(
        connection,
        releases,
        ("id", "project_id", "version", "key"),
        ((release + n, project, f"1.{n}", versions.key_of(f"1.{n}")) for n in range(many)),
    )
    columns = ("id", "release_id", "filename", "url", "path", "sha256", "size", "kept", "admits")
    names = ((n, f"giant-1.{n // 4}-cp31{n % 4}-abi3-linux_x86_64.whl") for n in range(many * 4))
    pour(
        connection,
        files,
        columns,
        (
            (file + n, release + n // 4, name, name, f"packages/cc/{n}/{name}", f"{n:064x}",
             n, 1, "1")
            for n, name in names
        ),
    )  # fmt: skip


def _happen(connection: Connection) -> None:
    listed = connection.execute(
        text("SELECT count(DISTINCT name), count(*), sum(size) FROM published")
    ).one()
    pour(
        connection,
        generations,
        ("id", "serial", "at", "complete", "projects", "releases", "files", "bytes", "came"),
        (
            (n, n, n * 3600.0, True, listed[0], listed[1], listed[1], listed[2] - 719 + n, 50)
            for n in range(1, _KEPT + 1)
        ),
    )
    # Fifty files a generation came late.
    connection.execute(
        text("UPDATE published SET first = id / 50 + 2 WHERE id / 50 + 2 <= :most"),
        {"most": _KEPT},
    )
    pour(
        connection,
        runs,
        ("id", "started", "finished", "outcome", "report"),
        ((n, n * 600.0, n * 600.0 + 30 + n % 60, "done", "{}") for n in range(1, _RUNS + 1)),
    )


def _go_wrong(connection: Connection) -> None:
    """Some thousand problems of each kind."""
    most = min(_WRONG, connection.scalar(text("SELECT count(*) FROM projects")) or 0)
    every = range(1, most)
    why = "because of something that takes a line to say"
    for table, columns, rows in (
        (held, "release reason since", ((f"project-{n}==1.0", why, 1.0) for n in every)),
        (pending, "name since attempts reason", ((f"project-{n}", 1.0, n % 3, why) for n in every)),
        (skipped, "id project_id what reason", ((n, n, f"old-{n}.egg", why) for n in every)),
        (quarantines, "name version since", ((f"project-{n}", "", 1.0) for n in every)),
        (vulnerabilities, "release_id id summary", ((n, f"PYSEC-{n}", why) for n in every)),
        (subjects, "id text", ((n, f"project-{n} latest") for n in every)),
        (
            proofs,
            "id subject_id targets verdict why at wanted",
            ((n, n, "3.11 linux", ("proven", "refuted")[n % 2], why, 1.0, True) for n in every),
        ),
        (
            proof_pins,
            "proof_id project_id chosen_by version",
            ((n, pin, "solver", "1.0") for n in every for pin in {1, 2, 3, n}),
        ),
    ):
        pour(connection, table, tuple(columns.split()), rows)


if __name__ == "__main__":
    main()
