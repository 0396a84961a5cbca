"""Deciding from nothing in one pass gives what deciding step by step gives."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from pypisync.catalog.db.transactions import Catalog
from pypisync.catalog.selection import decide, decide_full
from pypisync.catalog.selection.read import CatalogGraph
from pypisync.catalog.selection.roots import set_roots
from pypisync.core.closure.model import NodeKey
from pypisync.core.environments.targets import targets
from pypisync.core.standards.model import Targets
from pypisync.core.wanted.roots import Origin, Root
from tests.bench.drawn import Drawn, fill

TARGETS = targets({"python_version": ["3.7", "3.11"], "sys_platform": ["linux", "win32"]})
NODES = "SELECT release_id, extra FROM selected ORDER BY 1, 2"
EDGES = """
    SELECT s.release_id, s.extra, e.requirement_id, c.project_id, c.specifier, c.extras, c.mask
    FROM edges e JOIN selected s ON s.id = e.selected_id LEFT JOIN classes c ON c.id = e.class_id
    ORDER BY 1, 2, 3
"""
CLASSES = """
    SELECT c.project_id, c.specifier, c.extras, c.mask, c.unmet, c.uses, h.position, h.release_id
    FROM classes c LEFT JOIN choices h ON h.class_id = c.id ORDER BY 1, 2, 3, 4, 7
"""
ROOTS = """
    SELECT r.id, r.state, r.unmet, c.position, c.release_id
    FROM roots r LEFT JOIN root_choices c ON c.root_id = r.id ORDER BY 1, 4
"""
WANTED = """
    SELECT id, knowledge FROM releases WHERE knowledge <> 'known'
    UNION ALL SELECT 0, name FROM pending ORDER BY 1, 2
"""
MARKERS = ("", "", 'python_version < "3.9"', 'sys_platform == "win32"', 'os_name == "java"')
PINS = ("1.0", "1.1", "1.3", "9.9")
SELECTORS = ("latest", "2 latest", "latest<2", ">=1.2", "1.1", "==1.3")


@pytest.fixture
def catalog(database: str) -> Iterator[Catalog]:
    made = Catalog(database)
    made.prepare()
    yield made
    made.close()


def varied(connection: Connection, seed: int) -> None:
    """Facts with all that matters: masks, pre-releases, yanked, unknown, unseen and faults."""
    drawn, draw = Drawn(120, seed), random.Random(seed)
    fill(connection, drawn)
    full = TARGETS.mask
    rows = []
    for number in range(1, drawn.first[-1]):
        yanked = draw.choice((full, full, full, draw.randrange(full + 1)))
        values = {
            "id": number,
            "yanked": f"{yanked:x}",
            "admits": f"{yanked & draw.choice((full, full, draw.randrange(full + 1))):x}",
            "pre": draw.random() < 0.1,
            "kept": draw.random() < 0.95,
            "knowledge": draw.choice(("known",) * 9 + ("unknown",)),
        }
        rows.append(values)
    update = (
        "UPDATE releases SET admits = :admits, admits_yanked = :yanked, prerelease = :pre,"
        " kept = :kept, knowledge = :knowledge WHERE id = :id"
    )
    connection.execute(text(update), rows)
    connection.execute(text("UPDATE projects SET status = 'unseen' WHERE id % 11 = 0"))
    connection.execute(text("UPDATE requirements SET fault = 'bad' WHERE id % 23 = 0"))
    connection.execute(text("UPDATE requirements SET kind = 'build' WHERE id % 29 = 0"))
    wanted = [
        Root(
            drawn.name(draw.randrange(120)),
            draw.choice(SELECTORS),
            draw.choice(((), ("fast",))),
            marker=draw.choice(MARKERS),
        )
        for _ in range(60)
    ]
    pins = [
        Root(drawn.name(n), draw.choice(PINS), (), Origin.GROUP, "x", pinned=True)
        for n in range(40)
    ]
    set_roots(connection, wanted + pins)


def decided(connection: Connection) -> list[list[tuple[object, ...]]]:
    return [
        [tuple(row) for row in connection.execute(text(query))]
        for query in (NODES, EDGES, CLASSES, ROOTS, WANTED)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_same_as_step_by_step(
    catalog: Catalog, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[object] = []
    with catalog.begin() as connection:
        varied(connection, seed)
        for few in (0, 5_000):  # the indexes are made anew, or they stay
            monkeypatch.setattr(decide_full, "_FEW", few)
            point = connection.begin_nested()
            decide.decide(connection, TARGETS, 0.0)
            at_once = decided(connection)
            point.rollback()
            found.append(at_once)
        assert found[0] == found[1]
        touched = decide._touched
        monkeypatch.setattr(decide, "_touched", lambda some: (*touched(some)[:3], True))
        decide.decide(connection, TARGETS, 0.0)
        assert decided(connection) == at_once
    assert len(at_once[0]) > 100


def test_many_changes_are_decided_from_nothing(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    with catalog.begin() as connection:
        varied(connection, 9)
        decide.decide(connection, TARGETS, 0.0)
        before = decided(connection)
        connection.execute(text("UPDATE releases SET undecided = (1 = 1)"))
        monkeypatch.setattr(decide, "_MANY", 10)
        monkeypatch.setattr(decide, "_update", None)
        decide.decide(connection, TARGETS, 0.0)
        assert decided(connection) == before


@pytest.mark.parametrize("limit", [1, 3, None])
def test_of_the_users_of_a_class_as_many_are_read_as_are_asked_for(
    catalog: Catalog, limit: int | None
) -> None:
    query = (
        "SELECT e.class_id, s.release_id, s.extra FROM edges e"
        " JOIN selected s ON s.id = e.selected_id WHERE e.class_id IS NOT NULL"
    )
    with catalog.begin() as connection:
        varied(connection, 9)
        decide.decide(connection, TARGETS, 0.0)
        users: dict[int, list[NodeKey]] = {}
        for number, release, extra in connection.execute(text(query)):
            users.setdefault(number, []).append(NodeKey(release, extra))
        found = CatalogGraph(connection).users([*users, max(users) + 1], limit)
    assert max(map(len, users.values())) > 3
    assert found.keys() == users.keys()
    for number, some in found.items():
        assert not Counter(some) - Counter(users[number])
        assert len(some) == min(limit or len(users[number]), len(users[number]))


def test_nothing_is_done_where_nothing_changed(catalog: Catalog) -> None:
    with catalog.begin() as connection:
        assert decide.decide(connection, Targets((), ()), 0.0) == 0
