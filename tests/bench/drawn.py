"""A PyPI drawn at random, as facts in a catalog: the real one's sizes and skews, no file behind it.

Half of the projects have up to four releases, popular ones 25 to 50 and more; a release has five
requirements on average, of which 93 in 100 name one of the popular projects, the most popular far
more often than the others; 14 in 100 have a marker. Dependencies are drawn independently, so this
says nothing of conflicts. Requirements are there for the releases that "latest" of every project
calls for, followed to the end.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate, islice

from sqlalchemy import Connection, Table

from pypisync.catalog.db.schema import projects, releases, requirements
from pypisync.core.standards import versions
from pypisync.core.standards.model import File, ProjectDocument

_RELEASES = (1, 1, 2, 4, 4, 6, 9, 16, 32)  # of a project that is not popular
_NEEDS = (0, 0, 2, 3, 5, 6, 8, 10, 11)  # of a release
_MARKERS = (
    'python_version < "3.8"',
    'sys_platform == "win32"',
    'os_name == "posix"',
    'extra == "test"',
)
_BATCH = 20_000


def version(number: int) -> str:
    """The version of a project's release, counted from 0."""
    return f"{number // 6 + 1}.{number % 6}"


@cache
def _key(number: int) -> bytes:
    parsed = versions.parse(version(number))
    assert parsed is not None
    return versions.key(parsed)


@dataclass(frozen=True, slots=True)
class Need:
    """A requirement, and the release it calls for (-1: none)."""

    project: int
    specifier: str
    marker: str
    extras: str
    best: int


@dataclass
class Drawn:
    """``count`` projects, numbered from 0, the most popular first."""

    count: int
    seed: int = 9
    popular: int = field(init=False)  # how many projects are
    counts: list[int] = field(init=False)  # of releases, by project

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        self.popular = max(self.count // 60, 20)
        self._weights = list(accumulate(1 / (rank + 3) for rank in range(self.popular)))
        self.counts = [
            25 + self._draw.randrange(30) if number < self.popular
            else self._draw.choice(_RELEASES)
            for number in range(self.count)
        ]  # fmt: skip
        self.first = [1, *(n + 1 for n in accumulate(self.counts))]  # release id, by project

    def name(self, number: int) -> str:
        """A project's name."""
        return f"project-{number}"

    def document(self, number: int, count: int, serial: int = 1) -> ProjectDocument:
        """What upstream would say of a project with ``count`` releases."""
        name = self.name(number)
        files = tuple(
            File(
                filename=f"{name.replace('-', '_')}-{version(n)}-py3-none-any.whl",
                url=f"http://files.test/{name}-{n}.whl",
                sha256=f"{number:032x}{n:032x}",
                size=1000,
                metadata_sha256="0" * 64,
            )
            for n in range(count)
        )
        return ProjectDocument(name, name, serial, files)

    def needs(self) -> list[Need]:
        """The requirements of some release."""
        draw = self._draw
        named = draw.choices(range(self.popular), cum_weights=self._weights, k=draw.choice(_NEEDS))
        return [
            self._need(target if draw.random() < 0.93 else draw.randrange(self.count))
            for target in named
        ]

    def _need(self, project: int) -> Need:
        draw, have = self._draw, self.counts[project]
        specifier, best = self._specifier(have)
        marker = draw.choice(_MARKERS) if draw.random() < 0.14 else ""
        extras = "fast" if draw.random() < 0.01 else ""
        return Need(project, specifier, marker, extras, best)

    def _specifier(self, have: int) -> tuple[str, int]:
        """A specifier, and the best of ``have`` releases that meets it."""
        draw = self._draw
        kind = draw.random()
        if kind < 0.38:
            return "", have - 1
        number = have - 1 - int(have * draw.random() ** 2)  # recent ones more often
        text = version(number) + draw.choice(("", ".0"))
        same_major = min(number // 6 * 6 + 6, have) - 1
        if kind < 0.68:
            return f">={text}", have - 1
        if kind < 0.78:
            return f"=={text}", number
        if kind < 0.88:
            return f"<{number // 6 + 2},>={text}", same_major
        if kind < 0.94:
            return f"~={version(number)}", same_major
        return f"<{text}", number - 1


def fill(connection: Connection, drawn: Drawn) -> None:
    """Put all of it into an empty catalog, everything known and nothing decided."""
    pour(
        connection,
        projects,
        ("id", "name", "display", "serial", "status", "index_name"),
        (
            (i + 1, drawn.name(i), drawn.name(i), 1, "active", "endpoint")
            for i in range(drawn.count)
        ),
    )
    pour(connection, releases, _RELEASE_COLUMNS, _releases(drawn))
    pour(connection, requirements, _REQUIREMENT_COLUMNS, _requirements(drawn))


def pour(
    connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[tuple[object, ...]]
) -> None:
    """Insert rows as they come."""
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    marks = ", ".join([mark] * len(columns))
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"
    left = iter(rows)
    while batch := list(islice(left, _BATCH)):
        connection.exec_driver_sql(statement, batch)


_RELEASE_COLUMNS = (
    "id", "project_id", "version", "key", "kept", "admits", "admits_yanked", "knowledge",
    "source", "provides",
)  # fmt: skip
_REQUIREMENT_COLUMNS = (
    "id", "release_id", "project_id", "text", "specifier", "marker", "extras",
)  # fmt: skip


def _releases(drawn: Drawn) -> Iterator[tuple[object, ...]]:
    number = 0
    for project, count in enumerate(drawn.counts):
        for n in range(count):
            number += 1
            yield (
                number, project + 1, version(n), _key(n), True, "1", "1", "known", "metadata",
                "test",
            )  # fmt: skip


def _requirements(drawn: Drawn) -> Iterator[tuple[object, ...]]:
    number = 0
    wave = [first + count - 1 for first, count in zip(drawn.first, drawn.counts, strict=False)]
    seen = set(wave)
    while wave:
        later: list[int] = []
        for release in wave:
            for need in drawn.needs():
                number += 1
                text = f"{drawn.name(need.project)}{need.specifier}; {need.marker}"
                yield (
                    number, release, need.project + 1, text, need.specifier, need.marker,
                    need.extras,
                )  # fmt: skip
                called = drawn.first[need.project] + need.best
                if need.best >= 0 and called not in seen:
                    seen.add(called)
                    later.append(called)
        wave = later
