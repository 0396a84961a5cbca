"""The feeds of a simulated upstream without a network."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from packaging.utils import canonicalize_name

from pypisync.core.standards.model import Change
from pypisync.errors import NoFeed, Rewound
from pypisync.upstream.api import SIMPLE_INDEX, FeedKind
from pypisync.upstream.ladder import Feed, Polling
from tests.sim.state import Project
from tests.sim.world import World


class Asked(Protocol):
    """Who makes the requests."""

    world: World

    def call(self, method: str, attempts: int) -> None:
        """Make a call by XML-RPC. Raises UpstreamError."""

    def root(self, attempts: int) -> list[Project]:
        """Read the list of all projects. Raises UpstreamError."""


def memory_sources(upstream: Asked, attempts: int) -> dict[FeedKind, Feed]:
    """All feeds of this upstream; a request is made so often before its failure is believed."""
    serials = _Serials(upstream, attempts)
    journal = _Journal(upstream, attempts)
    return {"changelog": journal, "serials": serials, "polling": Polling(serials)}


class _Journal:
    def __init__(self, upstream: Asked, attempts: int) -> None:
        self._upstream = upstream
        self._attempts = attempts

    def serial(self) -> int:
        self._upstream.call("changelog_last_serial", self._attempts)
        return self._upstream.world.serial

    def changes(self, since: int) -> Iterator[Change]:
        reached = max(since - 1, 0)
        while True:
            self._upstream.call("changelog_since_serial", self._attempts)
            rows = self._upstream.world.changes(reached)
            if not rows and reached < since and self.serial() < since:
                raise Rewound(f"back from {since} to {self._upstream.world.serial}")
            for row in rows:
                if row.serial > since:
                    yield Change(row.name or "", row.version, row.action or "", row.serial)
                reached = row.serial
            if len(rows) < self._upstream.world.page_rows or reached == since:
                return

    def names(self) -> Mapping[str, int]:
        self._upstream.call("list_packages_with_serial", self._attempts)
        projects = self._upstream.world.projects
        return {name: project.serial for name, project in projects.items()}


class _Serials:
    def __init__(self, upstream: Asked, attempts: int) -> None:
        self._upstream = upstream
        self._attempts = attempts

    def serial(self) -> int:
        self._followed()
        return self._upstream.world.serial

    def changes(self, since: int) -> Iterator[Change]:
        listed = [(project.serial, project.display) for project in self._followed()]
        newest = self._upstream.world.serial
        if newest < since:
            raise Rewound(f"back from {since} to {newest}")
        for serial, name in sorted(listed):
            if serial > since:
                yield Change(name, None, SIMPLE_INDEX, serial)
        yield Change("", None, SIMPLE_INDEX, newest)

    def names(self) -> Mapping[str, int]:
        listed = self._upstream.root(self._attempts)
        return {canonicalize_name(project.display): project.serial for project in listed}

    def _followed(self) -> list[Project]:
        listed = self._upstream.root(self._attempts)
        if len({project.serial for project in listed}) < 2:
            raise NoFeed("/simple/: its serials are all the same")
        return listed
