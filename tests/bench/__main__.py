"""``python -m tests.bench [NAME ...]``; ``--help`` says the rest."""

import argparse
import platform
import sqlite3
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.bench import peers
from tests.bench.measure import Setup
from tests.bench.report import Figures, as_json, remark, table
from tests.bench.workloads import WORKLOADS

_FAILED = "failed"


def main() -> None:
    """Run the named workloads (all if none is named) and print their figures."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measure what the program exists for, beside what would be run instead.",
        epilog="The workloads:\n" + "\n".join(map(_described, WORKLOADS)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", choices=[[], *WORKLOADS], metavar="NAME")
    parser.add_argument("--runs", type=int, default=3, help="of each, medians are shown")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the bench")
    parser.add_argument("--json", action="store_true", help="every value, for programs")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write the JSON there, after each workload"
    )
    parser.add_argument(
        "--peers",
        type=Path,
        metavar="FOLDER",
        help="a virtual environment with bandersnatch and morgan; it is made if it is not there",
    )
    options = parser.parse_args()
    if options.peers and not options.peers.exists():
        peers.install(options.peers)
    setup = Setup(options.runs, options.quick, options.peers and options.peers.resolve())
    if not options.json:
        print(machine(options.peers), flush=True)
    results: dict[str, Figures] = {}
    for name in options.names or WORKLOADS:
        start = time.perf_counter()
        results[name] = _run(name, setup)
        if options.out:
            options.out.write_text(as_json(results), encoding="utf-8")
        if not options.json:
            took = time.perf_counter() - start
            about = f"\n{name} [{took:.0f} s]: {WORKLOADS[name].__doc__}"
            print(table(about, results[name]), flush=True)
    if options.json:
        print(as_json(results))
    sys.exit(any(found.name == _FAILED for figures in results.values() for found in figures))


def _run(name: str, setup: Setup) -> Figures:
    """A workload's figures, or why there are none: the others are to run all the same."""
    try:
        return WORKLOADS[name](setup)
    except Exception as error:  # noqa: BLE001 - hours of other workloads may stand behind it
        return [remark(_FAILED, f"{type(error).__name__}: {error}")]


def _described(name: str) -> str:
    """A line of help."""
    return f"  {name:<16} {(WORKLOADS[name].__doc__ or '').strip()}"


def machine(where: Path | None) -> str:
    """The date, the versions and the machine."""
    parts = [
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"{platform.python_implementation()} {sys.version.split()[0]}",
        f"SQLite {sqlite3.sqlite_version}",
        f"SQLAlchemy {version('sqlalchemy')}",
    ]
    for name in ("bandersnatch", "morgan"):
        found = peers.version(where, name)
        parts.append(f"{name} {found}" if found else f"no {name}")
    return ", ".join(parts)


if __name__ == "__main__":
    main()
