"""The rows of some projects, for documents to be compared with."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from pypisync.catalog.db.schema import files, projects, releases, selected
from pypisync.catalog.db.schema_vulnerabilities import vulnerabilities
from pypisync.catalog.db.sql import among, batches
from pypisync.core.filters.file_rules import Rules


class Existing:
    """What the catalog holds of some projects."""

    def __init__(self, connection: Connection, ids: Sequence[int], rules: Rules) -> None:
        self.projects: dict[int, Any] = {}
        self.vulnerable: dict[int, list[str]] = {}  # ids by release; only if they bar
        self.releases: dict[int, dict[bytes, Any]] = {project: {} for project in ids}
        self.files: dict[int, dict[str, Any]] = {}
        self.selected: set[int] = set()
        for batch in batches(ids):
            here = select(projects).where(among(projects.c.id, batch))
            self.projects.update((row.id, row) for row in connection.execute(here))
            query = select(releases).where(among(releases.c.project_id, batch))
            for row in connection.execute(query):
                self.releases[row.project_id][bytes(row.key)] = row
        # By ids, not by a query of them: a planner without statistics would read whole tables.
        everything = [row.id for rows in self.releases.values() for row in rows.values()]
        for batch in batches(everything):
            for row in connection.execute(select(files).where(among(files.c.release_id, batch))):
                self.files.setdefault(row.release_id, {})[row.filename] = row
            chosen = select(selected.c.release_id).where(
                among(selected.c.release_id, batch), ~selected.c.pinned
            )
            self.selected.update(connection.scalars(chosen))
            if rules.bars.blocks_vulnerable:
                v = vulnerabilities.c
                known = select(v.release_id, v.id).where(among(v.release_id, batch))
                for release, vulnerability in connection.execute(known):
                    self.vulnerable.setdefault(release, []).append(vulnerability)
