"""Pages from the catalog to the disk: all of them, and a few that changed among few or many.

``python -m tests.bench.publish FOLDER PAGES TURN [CHANGED]`` is one generation, in a process of
its own; turn 0 publishes all.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from pypisync.catalog.publication import generations
from pypisync.core.publish.pages import Page, PageFile
from pypisync.cycle.publish import write_generation
from tests.bench.measure import Setup, folder, run
from tests.bench.report import Figures, figure
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

_FILES = 8  # on a page


def publish(setup: Setup) -> Figures:
    """100,000 pages from nothing; then 100 changed pages among 1,000 and among 100,000."""
    many, few, changed = setup.size(100_000, 20), setup.size(1_000, 10), setup.size(100, 5)
    figures: Figures = []
    medians = []
    for count in (few, many):
        with folder() as made:
            first = _generation(made, count, 0)
            later = [_generation(made, count, turn + 1, changed) for turn in range(setup.runs)]
        label = f"{changed} of {count:,} pages"
        figures += [
            figure(f"{count:,} pages from nothing: wall", [first["wall"]], "s"),
            figure(f"{count:,} pages from nothing: cpu", [first["cpu"]], "s"),
            figure(f"{count:,} pages from nothing: peak", [first["peak"]], "MiB", 0),
            figure(f"{label}: wall", [one["wall"] * 1000 for one in later], "ms", 0),
            figure(f"{label}: cpu", [one["cpu"] * 1000 for one in later], "ms", 0),
            figure(f"{label}: page files", [one["written"] for one in later], digits=0),
        ]
        medians.append(sorted(one["cpu"] for one in later)[len(later) // 2])
    return [*figures, figure("cpu among many against few", [medians[1] / medians[0]], "times")]


def _generation(made: Path, *numbers: int) -> Any:
    words: list[str | Path] = [
        sys.executable,
        "-m",
        "tests.bench.publish",
        made,
        *map(str, numbers),
    ]
    return json.loads(run(words).output)


def main() -> None:
    """Publish one generation, and say what it cost."""
    made, count, turn = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    changed = int(sys.argv[4]) if turn else count
    bench = Bench(made, MemoryUpstream(World()), {})
    catalog = bench.catalog()
    mirror = bench.mirror(catalog)
    start = turn * changed % count if turn else 0
    numbers = [(start + i) % count for i in range(changed)]
    pages: dict[str, Page | None] = {_name(n): _page(n, turn) for n in numbers}
    wall, cpu = time.perf_counter(), time.process_time()
    with catalog.begin() as connection:
        number = generations.publish(connection, pages, turn + 1, float(turn))
    written = write_generation(mirror, number)
    said = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "written": written,
    }
    print(json.dumps(said))


def _name(number: int) -> str:
    return f"project-{number}"


def _page(number: int, turn: int) -> Page:
    files = [_file(number, n) for n in range(_FILES)]
    # What changes is a new release.
    files += [_file(number, _FILES + turn)] if turn else []
    return Page(_name(number), turn + 1, "active", None, tuple(files))


def _file(number: int, release: int) -> PageFile:
    filename = f"project_{number}-1.{release}-py3-none-any.whl"
    digest = f"{number:032x}{release:032x}"
    path = f"packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{filename}"
    one = PageFile(filename, f"1.{release}", path, digest, 1000, None, ">=3.9", None, digest, None)
    return replace(one, uploaded="2025-07-01T12:00:00.123456Z")


if __name__ == "__main__":
    main()
