"""Which releases depend on facts that are not known yet, and so are not ready for the pages."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, select

from pypisync.catalog.db.projects import out_of_reach
from pypisync.catalog.db.schema import classes, edges, projects, releases, requirements, selected
from pypisync.catalog.db.sql import among, batches, rows_among, tuples_among
from pypisync.catalog.facts import vulnerabilities
from pypisync.core.filters.policy import Policy
from pypisync.core.standards.model import names_extra


def is_selected() -> ColumnElement[bool]:
    """Returns the condition that a release is selected, to join by."""
    here = selected.c.release_id == releases.c.id
    return and_(here, selected.c.extra == "", ~selected.c.pinned)


def blocked(connection: Connection, ids: Sequence[int], policy: Policy) -> dict[int, str]:
    """Returns releases whose dependencies depend on facts that are not known yet."""
    found: dict[int, str] = {}
    for batch in batches(ids):
        found.update(
            (release, "its requirements could not be read yet")
            for (release,) in tuples_among(connection, _unread, batch)
        )
        found |= _needing_unread(connection, batch)
        if policy.blocks_vulnerable:
            found |= vulnerabilities.never_examined(connection, batch, policy)
    return found


def _unread() -> Select[int]:
    chosen, r = exists().where(is_selected()), releases.c
    return select(r.id).where(among(r.id), r.knowledge == "wanted", chosen)


def _needing_unread(connection: Connection, batch: Sequence[int]) -> dict[int, str]:
    """Returns the releases that need a project whose document has not been read.

    A project that cannot be read now is not waited for if only an extra that nobody asks for needs
    it.
    """
    rows = list(rows_among(connection, _into_unread, batch))
    lost = out_of_reach(connection, {row.name for row in rows})
    return {
        row.release_id: f"needs {row.name}, which could not be read yet"
        for row in rows
        if row.name not in lost or row.extra or not names_extra(row.marker)
    }


def _into_unread() -> Select[Any]:
    return (
        select(selected.c.release_id, selected.c.extra, requirements.c.marker, projects.c.name)
        .select_from(
            selected.join(edges, edges.c.selected_id == selected.c.id)
            .join(requirements, requirements.c.id == edges.c.requirement_id)
            .join(classes, classes.c.id == edges.c.class_id)
            .join(projects, projects.c.id == classes.c.project_id)
        )
        .where(among(selected.c.release_id), projects.c.status == "unseen")
    )
