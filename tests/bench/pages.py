"""How long the pages for people take over a large catalog, by the real server.

``python -m tests.bench.pages DATABASE`` makes generations and runs in the catalog of ``query``.
"""

import socket
import sys
import time
from functools import partial
from pathlib import Path

import requests
from sqlalchemy import text

from pypisync.catalog.db.schema import generations, runs
from pypisync.catalog.db.transactions import Catalog
from tests.acceptance.fronts import running
from tests.acceptance.product import ROOT
from tests.bench.drawn import pour
from tests.bench.measure import Setup, configure, folder, in_turn, pypisync, run
from tests.bench.report import Figures, figure

_KEPT = 720  # generations: a month of hours
_RUNS = 10_000
_TIMES = 9  # each page is asked for; the median counts

PATHS = (
    *("/", "/search", "/search?q=project-7", "/search?q=9", "/search?page=999"),
    *("/projects/project-0", "/projects/project-7", "/projects/project-900"),
    *("/roots", "/roots?page=500", "/generations", "/generations/700"),
    *("/problems", "/problems/unmet", "/problems/vulnerable", "/setup"),
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
        if answer.status_code != 200:
            raise RuntimeError(f"{address}: {answer.status_code}: {answer.text[:200]}")
    return sorted(took)[_TIMES // 2] * 1000


def main() -> None:
    """Make generations, of which the last brought some files, and runs."""
    catalog = Catalog(f"sqlite:///{Path(sys.argv[1])}")
    with catalog.begin() as connection:
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
        connection.execute(text("ANALYZE"))
    catalog.close()


if __name__ == "__main__":
    main()
