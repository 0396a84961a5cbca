"""What the selection wants on the pages against what is published: what a cycle would change.

The result assumes that every file can be fetched: what must be held back shows only when it is
tried. ``.metadata`` files are not counted, because upstream does not state their size.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct, field
from sqlalchemy import Connection, and_, exists, or_, select, text

from pypisync.catalog.db.schema import (
    choices,
    classes,
    edges,
    files,
    projects,
    published,
    releases,
    root_choices,
    roots,
    selected,
    stored,
)
from pypisync.catalog.db.sql import among, batches, words
from pypisync.catalog.facts.lock_files import wanted_files
from pypisync.core.closure.model import NodeKey, called
from pypisync.core.closure.paths import owners
from pypisync.core.wanted.roots import Origin, shown

_OWN = {Origin.PROOF: "(proofs alone)", Origin.HELD: "(kept while newer is held)"}


class Amount(Struct):
    """How much. Files whose size upstream does not state are in ``unknown`` and not in bytes."""

    projects: int = 0  # those without a release on the pages
    releases: int = 0
    files: int = 0
    bytes: int = 0
    unknown: int = 0

    def add(self, size: int | None) -> None:
        """Count one file."""
        self.files += 1
        self.bytes += size or 0
        self.unknown += size is None


class Plan(Struct):
    """What would come and go. A release comes or goes if none of its files stays."""

    add: Amount = field(default_factory=Amount)
    fetch: Amount = field(default_factory=Amount)  # of what is added: what has to be downloaded
    remove: Amount = field(default_factory=Amount)
    # What is added, by the root that alone calls for it; "": several roots do.
    roots: dict[str, Amount] = field(default_factory=dict)
    added: list[str] = field(default_factory=list)  # "name==version"
    removed: list[str] = field(default_factory=list)


def difference(
    connection: Connection, since: float, has: Callable[[str, int | None], bool]
) -> Plan:
    """Returns what a cycle would add, fetch and remove now.

    Files that the catalog recorded as stored after ``since`` were only recorded for this question;
    for them ``has`` says whether the pool holds a path with this size.
    """
    result = Plan()
    owner = root_owners(connection)
    fetched: set[int] = set()
    counted: set[int] = set()
    new: dict[str, set[str]] = {}  # projects that are not on the pages, by root
    for row in connection.execute(_to_add()):
        root = owner.get(row.release, "")
        for amount in (result.add, result.roots.setdefault(root, Amount())):
            amount.add(row.size)
            amount.releases += row.release not in counted and not row.known
        if not row.shown:
            new.setdefault(root, set()).add(row.name)
        if row.release not in counted and not row.known:
            result.added.append(f"{row.name}=={row.version}")
        counted.add(row.release)
        there = row.checked is not None and (row.checked < since or has(row.path, row.size))
        if not there:
            result.fetch.add(row.size)
            result.fetch.releases += row.release not in fetched
            fetched.add(row.release)
    for root, names in new.items():
        result.roots[root].projects = len(names)
    result.add.projects = len(set().union(*new.values()))
    _remove(connection, result)
    return result


def _to_add() -> Any:
    p, r, f, u = projects.c, releases.c, files.c, published.c
    listed = exists().where(u.path == f.path, u.last.is_(None))
    shown = exists().where(u.name == p.name, u.last.is_(None))
    known = exists().where(u.name == p.name, u.version == r.version, u.last.is_(None))
    return (
        select(
            r.id.label("release"), p.name, r.version, f.path, f.size, stored.c.checked,
            known.label("known"), shown.label("shown"),
        )
        .select_from(
            files.join(releases)
            .join(projects)
            .outerjoin(stored, and_(stored.c.path == f.path, stored.c.sha256 == f.sha256))
        )
        .where(f.id.in_(wanted_files()), ~listed)
        .order_by(p.name, r.key, f.filename)
    )  # fmt: skip


def _remove(connection: Connection, result: Plan) -> None:
    u = published.c
    there = and_(files.c.filename == u.filename, files.c.path == u.path)
    query = (
        select(u.name, u.version, u.size)
        .select_from(published.outerjoin(files, there))
        .where(u.last.is_(None))
        .where(or_(files.c.id.is_(None), files.c.id.not_in(wanted_files())))
        .order_by(u.name, u.version)
    )
    gone: dict[tuple[str, str], None] = {}
    for name, version, size in connection.execute(query):
        result.remove.add(size)
        gone[name, version] = None
    for batch in batches({name for name, _ in gone}):
        stay = (
            select(projects.c.name, releases.c.version)
            .select_from(projects.join(releases).join(selected))
            .where(among(projects.c.name, batch), selected.c.extra == "")
        )
        for row in connection.execute(stay):
            gone.pop((row.name, row.version), None)
    result.removed = [f"{name}=={version}" for name, version in gone]
    result.remove.releases = len(gone)


def root_owners(connection: Connection) -> dict[int, str]:
    """Returns the root that alone calls for a release, by release; "" if several do.

    A root is named as the configuration names it: a project with its extras, or a pattern. One
    that no operator wrote is named in brackets.
    """
    nodes = {
        NodeKey(row.release_id, row.extra, row.pinned): row.id
        for row in connection.execute(select(selected))
    }
    starts = _starts(connection, nodes)
    reach: dict[int, list[int]] = {}
    # Nodes have positive numbers here, the classes between them negative ones.
    used = select(edges.c.selected_id, edges.c.class_id).where(edges.c.class_id.is_not(None))
    for node, between in connection.execute(used.distinct()):
        reach.setdefault(node, []).append(-between)
    chosen = select(choices.c.class_id, classes.c.extras, choices.c.release_id)
    for between, extras, release in connection.execute(chosen.select_from(choices.join(classes))):
        reach.setdefault(-between, []).extend(_reached(nodes, called(release, words(extras))))
    owner = owners(starts, reach)
    found: dict[int, str] = {}
    for (release, extra, _), node in nodes.items():
        if not extra:
            root = owner.get(node, "")
            found[release] = root if found.get(release, root) == root else ""
    return found


def _starts(connection: Connection, nodes: Mapping[NodeKey, int]) -> dict[str, list[int]]:
    """Returns the nodes that each root calls for itself."""
    starts: dict[str, list[int]] = {}
    chosen_by = (
        select(
            root_choices.c.release_id,
            projects.c.name,
            roots.c.extras,
            roots.c.pinned,
            roots.c.origin,
            roots.c.source,
        )
        .select_from(root_choices.join(roots).join(projects))
        .order_by(roots.c.id, root_choices.c.release_id)
    )
    for release, name, extras, pinned, origin, source in connection.execute(chosen_by):
        project = f"{name}[{extras}]" if extras else name
        root = _OWN.get(origin) or shown(origin, source) or project
        starts.setdefault(root, []).extend(
            _reached(nodes, called(release, words(extras), pinned=pinned))
        )
    return starts


def _reached(nodes: Mapping[NodeKey, int], wanted: Iterable[NodeKey]) -> list[int]:
    return [nodes[key] for key in wanted if key in nodes]


def unmet(connection: Connection) -> list[tuple[str, ...]]:
    """Returns the selected requirements that nothing meets: project, version, text, reason."""
    query = text(
        "SELECT DISTINCT project, version, requirement, reason FROM v_unmet"
        " ORDER BY project, version, requirement"
    )
    return [tuple(row) for row in connection.execute(query)]


def unproven(connection: Connection) -> list[tuple[str, ...]]:
    """Returns the new verdicts that are no proof: root or group, targets, verdict, why in lines."""
    query = text(
        "SELECT subject, targets, verdict, why FROM v_proofs"
        " WHERE verdict <> 'proven' AND published = 0 ORDER BY subject, targets"
    )
    return [tuple(row) for row in connection.execute(query)]
