"""Collects rows of projects, releases and files, and writes them in few statements."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from msgspec import Struct, field
from sqlalchemy import Connection, Table, Update, bindparam, update

from pypisync.catalog.db.pool import doom_stored
from pypisync.catalog.db.schema import files, projects, releases, skipped
from pypisync.catalog.db.sql import add, batches, delete_among
from pypisync.catalog.facts import places
from pypisync.core.standards.filenames import METADATA

Rows = list[dict[str, Any]]

_MANY = 5_000  # rows of files that are collected before they are written


class FactRows(Struct):
    """Rows to be written; those to be updated have their id as ``row``."""

    connection: Connection
    projects: Rows = field(default_factory=list)
    new_releases: Rows = field(default_factory=list)
    releases: Rows = field(default_factory=list)
    new_files: Rows = field(default_factory=list)
    files: Rows = field(default_factory=list)
    gone_files: list[int] = field(default_factory=list)
    claims: list[places.Claim] = field(default_factory=list)  # of files, to their places
    barred: Rows = field(default_factory=list)  # files that are barred from now on
    skips: list[int] = field(default_factory=list)  # projects whose skipped entries go
    skipped: Rows = field(default_factory=list)
    _doomed: list[str] = field(default_factory=list)  # paths of barred files

    def write_some(self) -> None:
        """Write releases and files if there are many by now: so no project is too large."""
        if len(self.new_files) + len(self.files) + len(self.gone_files) > _MANY:
            self._write_releases()

    def write(self) -> None:
        """Write everything."""
        self._write_releases()
        delete_among(self.connection, skipped.c.project_id, self.skips)
        self._update(projects, self.projects)
        for some in batches(self.skipped):
            add(self.connection, skipped, some)
        # Not even the direct address of a barred file may lead to it.
        doom_stored(
            self.connection, (end for path in self._doomed for end in (path, path + METADATA))
        )

    def _write_releases(self) -> None:
        # Files of one project never claim one place, and those of others are looked for in rows.
        places.settle(self.connection, self.claims)
        delete_among(self.connection, files.c.id, self.gone_files)
        self._update(releases, self.releases)
        self._update(files, self.files)
        for table, rows in ((releases, self.new_releases), (files, self.new_files)):
            for some in batches(rows):
                add(self.connection, table, some)
        self._doomed += (row["path"] for row in self.barred)
        for written in (
            self.claims, self.gone_files, self.releases, self.files, self.new_releases,
            self.new_files, self.barred,
        ):  # fmt: skip
            written.clear()

    def _update(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            self.connection.execute(_row_of(table), rows)


@cache
def _row_of(table: Table) -> Update:
    return update(table).where(table.c.id == bindparam("row"))
