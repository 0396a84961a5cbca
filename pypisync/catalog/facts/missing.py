"""Projects that upstream seems to have no more: what is known of them until that is sure."""

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, exists, func, or_, select, update

from pypisync.catalog.db.schema import files, pending, projects, releases, selected
from pypisync.catalog.db.sql import among, batches, is_set, once, raw, rows_among

_HIDDEN = ("unseen", "gone")


class MissingProject(Struct, frozen=True):
    """What the catalog holds of a project that is denied."""

    filled: bool  # it has files
    told: bool  # a journal or the operator says that something of it is removed
    since: float | None  # when it was denied first
    assigned: bool  # the operator has assigned it to another index
    index: str  # that it is from


def standing(connection: Connection, names: Collection[str]) -> dict[str, MissingProject]:
    """Returns the projects among ``names`` that upstream has shown before."""
    return {
        row.name: MissingProject(
            row.project_id is not None,
            bool(row.told),
            row.missing,
            bool(row.assigned),
            row.index_name,
        )
        for row in rows_among(connection, _standing, sorted(names))
    }


def _standing() -> Select[Any]:
    filled = select(releases.c.project_id).join_from(releases, files).distinct().subquery()
    return (
        select(
            projects.c.name,
            filled.c.project_id,
            pending.c.told,
            pending.c.missing,
            pending.c.assigned,
            projects.c.index_name,
        )
        .select_from(
            projects.outerjoin(pending, pending.c.name == projects.c.name).outerjoin(
                filled, filled.c.project_id == projects.c.id
            )
        )
        .where(projects.c.status.not_in(_HIDDEN), among(projects.c.name))
    )


def never_shown(connection: Connection) -> dict[str, str]:
    """Returns the projects that were looked for, if upstream has never shown any project.

    Each with the reason why it could not be read; "" for one that upstream does not have.
    """
    if connection.scalar(once(_any_shown)):
        return {}
    return {row.name: row.reason or "" for row in connection.execute(once(_denied))}


def _any_shown() -> Select[int]:
    return select(projects.c.id).where(projects.c.status.not_in(_HIDDEN)).limit(1)


def _denied() -> Select[Any]:
    return (
        select(projects.c.name, pending.c.reason)
        .select_from(projects.outerjoin(pending, pending.c.name == projects.c.name))
        .where(or_(projects.c.status == "gone", pending.c.reason.is_not(None)))
        .order_by(projects.c.name)
    )


def note(connection: Connection, names: Collection[str], now: float) -> None:
    """Note that upstream denies these stale projects; the first time counts, if it is past."""
    for batch in batches(sorted(names)):
        first = or_(pending.c.missing.is_(None), pending.c.missing > now)
        row = update(pending).where(among(pending.c.name, batch), first)
        connection.execute(row.values(missing=now))


def tell(connection: Connection, names: Collection[str]) -> None:
    """Note that a journal tells of a removal in these stale projects."""
    for batch in batches(sorted(names)):
        connection.execute(update(pending).where(among(pending.c.name, batch)).values(told=True))


def assign(connection: Connection, names: Collection[str]) -> None:
    """Note that the operator has assigned these stale projects to another index."""
    for batch in batches(sorted(names)):
        row = among(pending.c.name, batch)
        connection.execute(update(pending).where(row).values(assigned=True))


def lost(
    connection: Connection, shown: Mapping[str, Collection[bytes]]
) -> dict[str, tuple[str, ...]]:
    """Returns which selected releases of these projects are not ``shown`` (keys of versions).

    The newest first; a project whose releases are all shown is left out.
    """
    found: dict[str, tuple[str, ...]] = {}
    here = exists().where(selected.c.release_id == releases.c.id)
    for batch in batches(sorted(shown)):
        query = (
            select(projects.c.name, releases.c.version, releases.c.key)
            .join_from(projects, releases)
            .where(among(projects.c.name, batch), here)
            .order_by(releases.c.project_id, releases.c.key.desc())
        )
        for name, version, key in connection.execute(query):
            if bytes(key) not in shown[name]:
                found[name] = (*found.get(name, ()), version)
    return found


def sources(connection: Connection, names: Collection[str]) -> dict[str, set[str]]:
    """Returns the indexes that the known files of these projects are from."""
    found: dict[str, set[str]] = {}
    for batch in batches(sorted(names)):
        query = select(projects.c.name, files.c.index_name).distinct()
        query = query.join_from(projects, releases).join(files)
        for name, index in connection.execute(query.where(among(projects.c.name, batch))):
            found.setdefault(name, set()).add(index)
    return found


def confirm(connection: Connection) -> int:
    """Believe that denied projects are gone, as the operator says. Returns how many they are."""
    doubted = pending.c.missing.is_not(None), ~is_set(pending.c.told)
    return connection.execute(
        update(pending).where(*doubted).values(told=True, attempts=0)
    ).rowcount


def shares(connection: Connection) -> dict[str, tuple[list[str], int]]:
    """Returns which projects are denied without a journal's word, and how many are mirrored.

    By the index that they are from: each of several may be broken by itself.
    """
    denied = _doubted(pending.c.missing.is_not(None) & ~is_set(pending.c.assigned))
    mirrored = (
        select(projects.c.index_name, func.count(releases.c.project_id.distinct()))
        .select_from(selected.join(releases).join(projects))
        .group_by(projects.c.index_name)
    )
    of: dict[str, int] = dict(raw(connection, mirrored))
    found: dict[str, tuple[list[str], int]] = {}
    for index, name in connection.execute(denied):
        found.setdefault(index, ([], of.get(index, 0)))[0].append(name)
    return found


def moving(connection: Connection) -> tuple[int, int]:
    """Returns how many projects may lose releases since the operator has assigned them elsewhere.

    And how many are mirrored.
    """
    count = len(connection.execute(_doubted(is_set(pending.c.assigned))).all())
    mirrored = select(func.count(releases.c.project_id.distinct())).join_from(selected, releases)
    return count, connection.scalar(mirrored) or 0


def _doubted(which: ColumnElement[bool]) -> Any:
    return (
        select(projects.c.index_name, projects.c.name)
        .join_from(pending, projects, projects.c.name == pending.c.name)
        .where(which, ~is_set(pending.c.told))
    )
