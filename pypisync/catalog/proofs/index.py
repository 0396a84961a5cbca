"""The part of upstream that the configuration keeps: the facts that proofs are made of.

They are read in batches, from the wanted projects along all known requirements, so a proof reads
only the projects that it can reach.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from pypisync.catalog.db.projects import out_of_reach
from pypisync.catalog.db.schema import files, projects, releases, requirements
from pypisync.catalog.db.sql import among, batches, to_mask, tuples_among, words
from pypisync.core.resolve.index import ListedRelease, Offers
from pypisync.core.standards.model import Requirement

# Projects whose releases are read together.
_TOGETHER = 1_000


def offers(connection: Connection, names: Iterable[str]) -> Offers:
    """Returns what is known of these projects, and of all that they can need as far as is known."""
    found = Offers()
    seen = set(names)
    frontier = sorted(seen)
    while frontier:
        by_name: dict[str, list[ListedRelease]] = {}
        needed: set[str] = set()
        for batch in batches(frontier, _TOGETHER):
            for release in _releases(connection, batch, found):
                by_name.setdefault(release.name, []).append(release)
                needed.update(need.name for need in (*release.needs, *release.build))
        # Installers take a project whose page they cannot have for one that is not there.
        found.lost |= out_of_reach(connection, found.unseen - found.lost.keys())
        found.unseen -= found.lost.keys()
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


def _releases(connection: Connection, names: Sequence[str], found: Offers) -> list[ListedRelease]:
    """Returns the kept releases of projects, the oldest first."""
    rows = list(_rows(connection, names, found))
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


def _rows(connection: Connection, names: Sequence[str], found: Offers) -> Iterator[list[Any]]:
    """Yields the rows of kept releases. Notes the indexes of projects, and which are unread."""
    for index, unseen, *row in tuples_among(connection, _kept, names):
        found.indexes[row[0]] = index
        if unseen:
            found.unseen.add(row[0])
        if row[1] is not None:
            yield row


def _kept() -> Select[Any]:
    p, r = projects.c, releases.c
    kept = projects.outerjoin(releases, and_(r.project_id == p.id, r.kept))
    return (
        select(
            p.index_name, p.status == "unseen",
            p.name, r.id, r.version, r.key, r.prerelease, r.knowledge,
            r.serves, r.serves_yanked, r.admits, r.admits_yanked, r.unsure, r.not_pip, r.not_uv,
            r.unseen_pip, r.outside_uv, r.yanked_pip, r.yanked_uv, r.pinned_uv, r.built,
        )
        .select_from(kept)
        .where(among(p.name))
        .order_by(p.id, r.key)
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
