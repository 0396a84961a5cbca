"""The closure on facts that are in the catalog: from scratch, and after a few changes."""

import json
import random
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import Connection, func, select, update

from pypisync.catalog import decisions, facts, knowledge
from pypisync.catalog.catalog import Catalog
from pypisync.catalog.facts import Rules
from pypisync.catalog.roots import WantedRoot, set_roots
from pypisync.catalog.schema import edges, projects, releases, selected
from pypisync.core import environments, requirements
from pypisync.core.keep import FilePolicy
from pypisync.core.model import File, ProjectDocument, Requirement
from tests.bench.measure import LINUX, spread

ROOTS = 5_000
EDGES = 7  # a release; with those of older releases that are needed about 50,000 in all


def closure(runs: int) -> list[tuple[str, str, str]]:
    """5,000 roots with 50,000 edges: from scratch, and after 5 and 100 changed projects."""
    with tempfile.TemporaryDirectory(prefix="pypisync-bench-") as folder:
        catalog = Catalog(f"sqlite:///{Path(folder) / 'catalog.sqlite'}")
        catalog.prepare()
        rules = Rules(environments.targets(LINUX), FilePolicy())
        with catalog.begin() as connection:
            _fill(connection, rules)
        scratch = [_scratch(catalog, rules) for _ in range(runs)]
        rows = [("from scratch", spread(scratch), "s")]
        for count in (5, 100):
            times = [_changed(catalog, rules, count, turn) for turn in range(runs * 3)]
            rows.append((f"{count} changed projects", spread([t * 1000 for t in times], 0), "ms"))
        with catalog.begin() as connection:
            counts = [
                connection.scalar(select(func.count()).select_from(table))
                for table in (selected, edges)
            ]
        rows.append(("selected", str(counts[0]), f"with {counts[1]} edges"))
        catalog.close()
    return rows


def _fill(connection: Connection, rules: Rules) -> None:
    """Projects with three releases each, and requirements with a realistic skew."""
    names = [f"project-{i}" for i in range(ROOTS)]
    facts.record(connection, [_document(name, 3) for name in names], rules, 0.0)
    draw = random.Random(9)
    ids = connection.execute(select(releases.c.id)).scalars()
    known = [
        knowledge.Knowledge(release, "metadata", "known", tuple(_needs(draw))) for release in ids
    ]
    knowledge.record_knowledge(connection, known)
    set_roots(connection, [WantedRoot(name, "latest", "", "") for name in names])


def _document(name: str, count: int) -> ProjectDocument:
    files = tuple(
        File(
            filename=f"{name.replace('-', '_')}-{n}.0-py3-none-any.whl",
            url=f"http://files.test/{name}-{n}.whl",
            sha256=f"{n:064x}",
            size=1000,
        )
        for n in range(1, count + 1)
    )
    return ProjectDocument(name, name, 1, files)


def _needs(draw: random.Random) -> list[Requirement]:
    found: dict[int, Requirement] = {}
    while len(found) < EDGES:
        # Popular projects are needed far more often than others.
        number = int(ROOTS * draw.random() ** 4)
        specifier = draw.choice(("", ">=1", ">=2,<4", "<3", "~=2.0"))
        marker = draw.choice(("", "", "", '; python_version < "3.8"', '; os_name == "posix"'))
        found[number] = requirements.parse(f"project-{number}{specifier}{marker}")
    return list(found.values())


def _scratch(catalog: Catalog, rules: Rules) -> float:
    with catalog.begin() as connection:
        decisions.forget_decisions(connection)
        connection.execute(update(projects).values(undecided=False))
        connection.execute(update(releases).values(undecided=False))
    start = time.perf_counter()
    with catalog.begin() as connection:
        decisions.decide(connection, rules.targets, 0.0)
    return time.perf_counter() - start


def _changed(catalog: Catalog, rules: Rules, count: int, turn: int) -> float:
    draw = random.Random(turn)
    names = [f"project-{number}" for number in draw.sample(range(ROOTS), count)]
    with catalog.begin() as connection:
        facts.record(connection, [_document(name, 4 + turn % 2) for name in names], rules, 0.0)
    start = time.perf_counter()
    with catalog.begin() as connection:
        decisions.decide(connection, rules.targets, 0.0)
    return time.perf_counter() - start


if __name__ == "__main__":
    print(json.dumps(closure(int(sys.argv[1]))))
