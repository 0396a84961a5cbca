"""The part of upstream that the configuration keeps: the facts that proofs are made of.

They are read in batches, from the wanted projects along all known requirements, so a proof reads
only the projects that it can reach.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, select

from pypisync.catalog.db.projects import out_of_reach
from pypisync.catalog.db.schema import files, projects, releases, requirements
from pypisync.catalog.db.sql import among, batches, to_mask, tuples_among, words
from pypisync.core.resolve.index import ListedRelease, Offers
from pypisync.core.standards.model import Requirement


def offers(connection: Connection, names: Iterable[str]) -> Offers:
    """Returns what is known of these projects, and of all that they can need as far as is known."""
    found = Offers()
    seen = set(names)
    frontier = sorted(seen)
    while frontier:
        ids = _projects(connection, frontier, found)
        by_name: dict[str, list[ListedRelease]] = {}
        needed: set[str] = set()
        for batch in batches(ids):
            for release in _releases(connection, batch):
                by_name.setdefault(release.name, []).append(release)
                needed.update(need.name for need in (*release.needs, *release.build))
        found.releases |= by_name
        frontier = sorted(needed - seen - {""})
        seen |= needed
    return found


def weight(connection: Connection, found: Collection[tuple[str, str]]) -> int:
    """Returns the bytes that the kept files of these releases (project, version) take."""
    names = {name for name, _ in found}
    sizes = (
        select(projects.c.name, releases.c.version, func.sum(files.c.size))
        .join_from(projects, releases)
        .join(files)
        .where(files.c.kept)
        .group_by(projects.c.name, releases.c.version)
    )
    return sum(
        size or 0
        for batch in batches(sorted(names))
        for name, version, size in connection.execute(sizes.where(among(projects.c.name, batch)))
        if (name, version) in found
    )


def _projects(connection: Connection, names: Sequence[str], found: Offers) -> list[int]:
    """Returns the ids of projects; those that have still to be read, or cannot be, are noted."""
    ids = []
    for project, name, status, index in tuples_among(connection, _by_name, names):
        ids.append(project)
        found.indexes[name] = index
        if status == "unseen":
            found.unseen.add(name)
    # Installers take a project whose page they cannot have for one that is not there.
    found.lost |= out_of_reach(connection, found.unseen - found.lost.keys())
    found.unseen -= found.lost.keys()
    return ids


def _by_name() -> Select[Any]:
    p = projects.c
    return select(p.id, p.name, p.status, p.index_name).where(among(p.name))


def _releases(connection: Connection, ids: Sequence[int]) -> list[ListedRelease]:
    """Returns the kept releases of projects, the oldest first."""
    rows = list(tuples_among(connection, _kept, ids))
    read = [row for row in rows if row[5] in ("known", "unavailable")]
    needs = _needs(connection, _runtime, [row[1] for row in read])
    builds = _needs(connection, _build, [row[1] for row in read if row[-1] != "0"])
    return [
        ListedRelease(
            name=name,
            version=version,
            key=bytes(key),
            prerelease=bool(prerelease),
            files=(),
            needs=tuple(needs.get(release, ())),
            known=knowledge != "unavailable",
            serves=(to_mask(serves), to_mask(serves_yanked)),
            admits=(to_mask(admits), to_mask(admits_yanked), to_mask(unsure)),
            passed=(to_mask(not_pip), to_mask(not_uv)),
            unseen=to_mask(unseen_pip),
            outside=to_mask(outside_uv),
            yanked=(to_mask(yanked_pip), to_mask(yanked_uv)),
            pinned=to_mask(pinned_uv),
            built=to_mask(built),
            build=tuple(builds.get(release, ())),
            id=release,
            unread=knowledge not in ("known", "unavailable"),
        )
        for (
            name, release, version, key, prerelease, knowledge,
            serves, serves_yanked, admits, admits_yanked, unsure, not_pip, not_uv,
            unseen_pip, outside_uv, yanked_pip, yanked_uv, pinned_uv, built,
        ) in rows
    ]  # fmt: skip


def _kept() -> Select[Any]:
    r = releases.c
    return (
        select(
            projects.c.name, r.id, r.version, r.key, r.prerelease, r.knowledge,
            r.serves, r.serves_yanked, r.admits, r.admits_yanked, r.unsure, r.not_pip, r.not_uv,
            r.unseen_pip, r.outside_uv, r.yanked_pip, r.yanked_uv, r.pinned_uv, r.built,
        )
        .join_from(releases, projects)
        .where(among(r.project_id), r.kept)
        .order_by(r.project_id, r.key)
    )  # fmt: skip


def _needs(
    connection: Connection, build: Callable[[], Select[Any]], ids: Iterable[int]
) -> dict[int, list[Requirement]]:
    """Returns requirements by release, in the order of the release's metadata."""
    found: dict[int, list[Requirement]] = {}
    for release, text, name, specifier, marker, extras, *rest in tuples_among(
        connection, build, ids
    ):
        fault, refused, pip, uv, pinned = rest
        machines = None if pip is None else (to_mask(pip), to_mask(uv), to_mask(pinned))
        need = Requirement(
            text, name, specifier, marker, words(extras), "", fault, refused, machines
        )
        found.setdefault(release, []).append(need)
    return found


def _runtime() -> Select[Any]:
    return _of_kind("runtime")


def _build() -> Select[Any]:
    return _of_kind("build")


def _of_kind(kind: str) -> Select[Any]:
    q, p = requirements.c, projects.c
    says = q.specifier, q.marker, q.extras, q.fault, q.refused, q.machines_pip, q.machines_uv
    return (
        select(q.release_id, q.text, p.name, *says, q.machines_pinned)
        .join_from(requirements, projects)
        .where(among(q.release_id), q.kind == kind)
        .order_by(q.id)
    )
