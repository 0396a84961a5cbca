"""How the mirror grew, and how far it was behind: points over time, for plots. Read-only."""

from itertools import pairwise
from typing import NamedTuple

from pypisync.catalog.db.reader import Reader


class Size(NamedTuple):
    """What a generation lists, and when it was published (since 1970)."""

    at: float
    bytes: int
    files: int


class Age(NamedTuple):
    """How many seconds old the news was that the mirror had when a cycle ended, just before."""

    at: float
    seconds: float


def sizes(reader: Reader, most: int) -> list[Size]:
    """Returns the sizes of the newest ``most`` generations that are kept, the oldest first."""
    rows = reader.rows("SELECT at, bytes, files FROM generations ORDER BY id DESC LIMIT ?", most)
    return [Size(*row) for row in reversed(rows)]


def ages(reader: Reader, most: int) -> list[Age]:
    """Returns the lag before each of the newest ``most`` completed cycles' ends, oldest first.

    A cycle reads upstream's changes when it starts, and what it read counts when it has ended.
    """
    rows = reader.rows(
        "SELECT started, finished FROM runs WHERE outcome IN ('done', 'incomplete')"
        " AND finished IS NOT NULL ORDER BY id DESC LIMIT ?",
        most + 1,
    )
    rows.reverse()
    pairs = pairwise(rows)
    return [Age(this[1], max(this[1] - before[0], 0.0)) for before, this in pairs]
