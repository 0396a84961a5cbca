"""The rows of some projects, for documents to be compared with."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, select

from pypisync.catalog.db.schema import files, projects, releases, selected, skipped
from pypisync.catalog.db.schema_vulnerabilities import vulnerabilities
from pypisync.catalog.db.sql import among, batches, once, rows_among, these, tuples_among
from pypisync.core.filters.file_rules import Rules

# Rows of files in memory at once: more are read release by release, as they are asked for.
_MANY = 20_000
_WINDOW = 100  # releases whose files are then read together


class Existing:
    """What the catalog holds of some projects."""

    def __init__(self, connection: Connection, ids: Sequence[int], rules: Rules) -> None:
        self._connection = connection
        self.projects: dict[int, Any] = {}
        self.vulnerable: dict[int, list[str]] = {}  # ids by release; only if they bar
        self.releases: dict[int, dict[bytes, Any]] = {project: {} for project in ids}
        self.selected: set[int] = set()
        self.projects.update((row.id, row) for row in rows_among(connection, _projects, ids))
        # Of a project that was never read there are none, and the planner of PostgreSQL reads whole
        # tables for those of a hundred projects while it has no statistics.
        read = [row.id for row in self.projects.values() if row.status != "unseen"]
        for row in rows_among(connection, _releases, read):
            self.releases[row.project_id][bytes(row.key)] = row
        # By ids, not by a query of them: a planner without statistics would read whole tables.
        everything = [row.id for rows in self.releases.values() for row in rows.values()]
        self.selected.update(
            release for (release,) in tuples_among(connection, _chosen, everything)
        )
        if rules.bars.blocks_vulnerable:
            for release, vulnerability in tuples_among(connection, _vulnerable, everything):
                self.vulnerable.setdefault(release, []).append(vulnerability)
        self._files: dict[int, dict[str, Any]] = {}
        self._whole = self._read(everything)
        self._next: Iterator[int] = iter(())

    def expect(self, of: Iterable[int]) -> None:
        """Say in which order the files of releases will be asked for."""
        self._next = iter(of)

    def files(self, release: int) -> dict[str, Any]:
        """Returns the rows of a release's files by filename."""
        if not self._whole and release not in self._files:
            self._files = {one: {} for one in chain([release], islice(self._next, _WINDOW))}
            for row in self._rows(list(self._files)):
                self._files[row.release_id][row.filename] = row
        return self._files.get(release, {})

    def _read(self, everything: Sequence[int]) -> bool:
        """Read the files of all these releases. Returns False, with none read, if they are many."""
        count = 0
        for batch in batches(everything):
            for row in self._rows(batch):
                self._files.setdefault(row.release_id, {})[row.filename] = row
                count += 1
                if count > _MANY:
                    self._files.clear()
                    return False
        return True

    def _rows(self, batch: list[int]) -> Iterator[Row[Any]]:
        with self._connection.execute(once(_files), these(batch)) as found:
            yield from found


def _projects() -> Select[Any]:
    """Returns the query for projects, and whether entries of their documents are passed over."""
    skips = exists().where(skipped.c.project_id == projects.c.id)
    return select(projects, skips.label("skips")).where(among(projects.c.id))


def _releases() -> Select[Any]:
    return select(releases).where(among(releases.c.project_id))


def _chosen() -> Select[int]:
    return select(selected.c.release_id).where(among(selected.c.release_id), ~selected.c.pinned)


def _vulnerable() -> Select[int, str]:
    v = vulnerabilities.c
    return select(v.release_id, v.id).where(among(v.release_id))


def _files() -> Select[Any]:
    return select(files).where(among(files.c.release_id))
