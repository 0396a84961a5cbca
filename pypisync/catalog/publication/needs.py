"""Who needs whom, for the order in which pages are written."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from pypisync.catalog.db.schema import classes, edges, projects, releases, requirements, selected
from pypisync.catalog.db.sql import among, tuples_among


def needs_between(connection: Connection, names: Sequence[str]) -> dict[str, set[str]]:
    """Returns which of these projects need which, by the selection's edges."""
    found: dict[str, set[str]] = {}
    for name, need in tuples_among(connection, _needs_between, names):
        found.setdefault(name, set()).add(need)
    return found


def _needs_between() -> Select[str, str]:
    user, used = projects.alias("user_project"), projects.alias("used_project")
    return (
        select(user.c.name, used.c.name)
        .select_from(
            user.join(releases, releases.c.project_id == user.c.id)
            .join(selected, selected.c.release_id == releases.c.id)
            .join(edges, edges.c.selected_id == selected.c.id)
            .join(classes, classes.c.id == edges.c.class_id)
            .join(used, used.c.id == classes.c.project_id)
        )
        .where(among(user.c.name))
        .distinct()
    )


def needs_of(
    connection: Connection, names: Iterable[str], counts: Callable[[str], bool]
) -> dict[tuple[str, str], set[str]]:
    """Returns the projects that known releases need, by (name, version).

    By requirements whose marker ``counts``.
    """
    found: dict[tuple[str, str], set[str]] = {}
    for name, version, need, marker in tuples_among(connection, _needs_of, names):
        used = found.setdefault((name, version), set())
        if need is not None and counts(marker):
            used.add(need)
    return found


def _needs_of() -> Select[Any]:
    used = projects.alias("used_project")
    return (
        select(projects.c.name, releases.c.version, used.c.name, requirements.c.marker)
        .select_from(
            projects.join(releases)
            .outerjoin(requirements, requirements.c.release_id == releases.c.id)
            .outerjoin(used, used.c.id == requirements.c.project_id)
        )
        .where(among(projects.c.name), releases.c.knowledge == "known")
    )
