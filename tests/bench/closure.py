"""The closure on facts that are in the catalog: from nothing, and after a few changes.

Reading the facts and writing the decision are part of it. Every step is a process of its own, for
its memory: ``python -m tests.bench.closure STEP DATABASE ROOTS [CHANGES]``.
"""

import json
import random
import resource
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select, update

from pypisync.catalog.db.schema import classes, edges, projects, releases, selected
from pypisync.catalog.db.transactions import Catalog
from pypisync.catalog.facts.readings import Knowledge, Stated
from pypisync.catalog.facts.record import record_documents
from pypisync.catalog.facts.requirements import record_knowledge
from pypisync.catalog.selection import decide
from pypisync.catalog.selection.roots import set_roots
from pypisync.core.environments import targets
from pypisync.core.filters.file_rules import FilePolicy, Rules
from pypisync.core.standards import requirements
from pypisync.core.wanted.roots import Root
from tests.bench.drawn import Drawn, fill
from tests.bench.measure import LINUX, Setup, folder, run
from tests.bench.report import Figures, figure

CHANGES = (5, 100, 800)
_RULES = Rules(targets.targets(LINUX), FilePolicy())


def closure_small(setup: Setup) -> Figures:
    """5,000 roots: from nothing, and after 5, 100 and 800 changed projects."""
    return _closure(setup, setup.size(5_000, 40))


def closure_middle(setup: Setup) -> Figures:
    """The same with 50,000 roots."""
    return _closure(setup, setup.size(50_000, 50))


def closure_large(setup: Setup) -> Figures:
    """The same with 500,000 roots."""
    return _closure(setup, setup.size(500_000, 60))


def closure_whole(setup: Setup) -> Figures:
    """The same with 886,323 roots: "latest" of every project that PyPI has."""
    return _closure(setup, setup.size(886_323, 70))


def _closure(setup: Setup, count: int) -> Figures:
    # Each run from nothing takes its time with many.
    runs = 1 if count > 100_000 else setup.runs
    with folder() as made:
        facts_only, decided = made / "facts.sqlite", made / "decided.sqlite"
        _step("fill", facts_only, count)
        scratch = []
        for _ in range(runs):
            shutil.copy(facts_only, decided)
            scratch.append(_step("scratch", decided, count))
        facts_only.unlink()
        found = scratch[-1]
        note = f"{found['edges']:,} edges in {found['classes']:,} classes"
        figures = [
            figure("selected", [found["selected"]], digits=0, note=note),
            figure("from nothing: wall", [one["wall"] for one in scratch], "s"),
            figure("from nothing: cpu", [one["cpu"] for one in scratch], "s"),
            figure("from nothing: peak", [one["peak"] for one in scratch], "MiB", 0),
        ]
        for changed in CHANGES:
            if changed * 2 > count:
                continue
            steps = [_step("change", decided, count, changed) for _ in range(setup.runs)]
            figures += [
                figure(f"{changed} changed: wall", [s["wall"] * 1000 for s in steps], "ms", 0),
                figure(f"{changed} changed: cpu", [s["cpu"] * 1000 for s in steps], "ms", 0),
                figure(f"{changed} changed: peak", [s["peak"] for s in steps], "MiB", 0),
            ]
    return figures


def _step(name: str, database: Path, *numbers: int) -> Any:
    words: list[str | Path] = [
        sys.executable,
        "-m",
        "tests.bench.closure",
        name,
        database,
        *map(str, numbers),
    ]
    return json.loads(run(words).output)


def main() -> None:
    """One step, and what it cost."""
    step, database, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    catalog = Catalog(f"sqlite:///{database}")
    if step == "fill":
        catalog.prepare()
        drawn = Drawn(count)
        with catalog.begin() as connection:
            fill(connection, drawn)
            set_roots(connection, (Root(drawn.name(i), "latest") for i in range(count)))
        said: dict[str, float] = {}
    elif step == "scratch":
        said = _timed(catalog)
        with catalog.begin() as connection:
            for table in (selected, edges, classes):
                query = select(func.count()).select_from(table)
                said[table.name] = connection.scalar(query) or 0
    else:
        said = _change(catalog, Drawn(count), int(sys.argv[4]))
    catalog.close()
    said["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(said))


def _timed(catalog: Catalog) -> dict[str, float]:
    """Decide, and say how long it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    with catalog.begin() as connection:
        decide.decide(connection, _RULES.targets, 0.0)
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def _change(catalog: Catalog, drawn: Drawn, count: int) -> dict[str, float]:
    """New releases of so many projects, half of them popular; both decisions that they take.

    The first finds that the new releases are wanted, the second has their requirements.
    """
    with catalog.begin() as connection:
        turn = connection.scalar(select(func.max(projects.c.serial))) or 1
        draw = random.Random(turn)
        popular = min(count // 2, drawn.popular // 2)
        numbers = draw.sample(range(drawn.popular), popular)
        numbers += draw.sample(range(drawn.popular, drawn.count), count - popular)
        # In real life their files are known already.
        have = _have(connection, drawn, numbers)
        record_documents(
            connection, [drawn.document(i, have[i], turn) for i in numbers], _RULES, 0.0
        )
        known = {"knowledge": "known", "undecided": False}
        mine = releases.c.project_id.in_([i + 1 for i in numbers])
        connection.execute(update(releases).where(mine).values(known))
        connection.execute(update(projects).where(projects.c.undecided).values(undecided=False))
        newer = [drawn.document(i, have[i] + 1, turn + 1) for i in numbers]
        record_documents(connection, newer, _RULES, 0.0)
    first = _timed(catalog)
    with catalog.begin() as connection:
        wanted = select(releases.c.id).where(releases.c.knowledge == "wanted")
        known_now = [
            Knowledge(release, "metadata", "known", _needs(drawn))
            for release in connection.scalars(wanted)
        ]
        record_knowledge(connection, known_now, _RULES, 0.0)
    second = _timed(catalog)
    return {name: first[name] + second[name] for name in first}


def _have(connection: Connection, drawn: Drawn, numbers: list[int]) -> dict[int, int]:
    """How many releases these projects have by now."""
    query = (
        select(releases.c.project_id, func.count())
        .where(releases.c.project_id.in_([number + 1 for number in numbers]))
        .group_by(releases.c.project_id)
    )
    return {row[0] - 1: row[1] for row in connection.execute(query)}


def _needs(drawn: Drawn) -> tuple[Stated, ...]:
    found = {}
    for need in drawn.needs():
        marker = f"; {need.marker}" if need.marker else ""
        found[need.project] = requirements.parse(
            f"{drawn.name(need.project)}{need.specifier}{marker}"
        )
    return tuple(map(Stated, found.values()))


if __name__ == "__main__":
    main()
