"""Which selected releases have known vulnerabilities, and which are to be examined.

Upstream states vulnerabilities release by release, and they change without a row in its changelog.
So a release is examined when it is selected, and again in the slow rounds while it is selected or
vulnerable.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from pypisync.catalog.db.schema import projects, releases, selected
from pypisync.catalog.db.schema_vulnerabilities import vulnerabilities
from pypisync.catalog.db.sql import add, among, batches, is_set
from pypisync.core.filters.policy import Policy
from pypisync.core.standards.model import Vulnerability

# An examination older than this no longer counts (seconds).
LASTS = 7 * 86400.0


class Unexamined(Struct, frozen=True):
    """A release to examine."""

    id: int
    project: str
    version: str
    index: str  # the index that its project was found on

    @property
    def label(self) -> str:
        """As an operator writes it."""
        return f"{self.project}=={self.version}"


def unexamined(connection: Connection) -> list[Unexamined]:
    """Returns all releases that are to be examined now."""
    r = releases.c
    query = (
        select(r.id, projects.c.name, r.version, projects.c.index_name)
        .join_from(releases, projects)
        .where(is_set(r.unexamined))
        .order_by(r.id)
    )
    return [Unexamined(*row) for row in connection.execute(query)]


def owe(connection: Connection, ids: Iterable[int] | None, now: float) -> None:
    """Let these releases (None: all that are selected) be examined, unless they were of late."""
    stale = or_(releases.c.examined.is_(None), _long_ago(now))
    due = update(releases).where(stale).values(unexamined=True)
    if ids is None:
        connection.execute(due.where(releases.c.id.in_(select(selected.c.release_id))))
        return
    for batch in batches(sorted(ids)):
        connection.execute(due.where(among(releases.c.id, batch)))


def owe_oldest(connection: Connection, now: float, share: int = 1) -> int:
    """Let the releases be examined again that were longest ago. Returns how many.

    It takes one in ``share`` of all; first those that a clock which was wrong examined later.
    """
    r = releases.c
    looked_after = and_(
        r.examined.is_not(None),
        or_(
            exists().where(selected.c.release_id == r.id),
            exists().where(vulnerabilities.c.release_id == r.id),
        ),
    )
    total = connection.scalar(select(func.count()).select_from(releases).where(looked_after)) or 0
    due = select(r.id).where(looked_after, ~r.unexamined)
    if share == 1:
        due = due.where(_long_ago(now))
    late = case((r.examined > now, 0), else_=1)
    ids = connection.scalars(due.order_by(late, r.examined, r.id).limit(-(-total // share))).all()
    for batch in batches(ids):
        connection.execute(update(releases).where(among(r.id, batch)).values(unexamined=True))
    return len(ids)


def _long_ago(now: float) -> ColumnElement[bool]:
    return or_(releases.c.examined < now - LASTS, releases.c.examined > now)


def never_examined(connection: Connection, ids: Sequence[int], policy: Policy) -> dict[int, str]:
    """Returns those of these releases (one batch) that wait because they were never examined."""
    query = (
        select(releases.c.id, projects.c.name, releases.c.version)
        .join_from(releases, projects)
        .where(among(releases.c.id, ids), releases.c.examined.is_(None))
    )
    return {
        release: "its vulnerabilities could not be read yet"
        for release, name, version in connection.execute(query)
        if not policy.exempts(name, version)
    }


def record(
    connection: Connection, found: Mapping[int, Sequence[Vulnerability]], now: float
) -> list[int]:
    """Record what upstream says of these releases. Returns the projects for which that is new."""
    v = vulnerabilities.c
    changed: set[int] = set()
    for batch in batches(sorted(found)):
        have: dict[int, list[dict[str, object]]] = {release: [] for release in batch}
        here = select(vulnerabilities).where(among(v.release_id, batch)).order_by(v.id)
        for row in connection.execute(here).mappings():
            have[row["release_id"]].append(dict(row))
        rows = {release: _rows(release, found[release]) for release in batch}
        new = [release for release in batch if have[release] != rows[release]]
        connection.execute(delete(vulnerabilities).where(among(v.release_id, new)))
        add(connection, vulnerabilities, [row for release in new for row in rows[release]])
        asked = update(releases).where(among(releases.c.id, batch))
        connection.execute(asked.values(examined=now, unexamined=False))
        of = select(releases.c.project_id).where(among(releases.c.id, new))
        changed.update(connection.scalars(of))
    return sorted(changed)


def _rows(release: int, found: Sequence[Vulnerability]) -> list[dict[str, object]]:
    return [
        {
            "release_id": release,
            "id": one.id,
            "aliases": ",".join(one.aliases),
            "summary": one.summary,
            "fixed_in": ",".join(one.fixed_in),
            "link": one.link,
        }
        for one in sorted({one.id: one for one in found}.values(), key=lambda one: one.id)
    ]
