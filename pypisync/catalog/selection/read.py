"""Reads what a decision needs: facts, and the decisions made before."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, exists, select, text

from pypisync.catalog.db.schema import (
    choices,
    classes,
    edges,
    files,
    projects,
    releases,
    requirements,
    root_choices,
    roots,
    selected,
)
from pypisync.catalog.db.sql import (
    MASKS,
    among,
    batches,
    once,
    raw,
    rows_among,
    to_mask,
    to_text,
    tuples_among,
    words,
)
from pypisync.core.closure.candidates import Candidate
from pypisync.core.closure.model import (
    Class,
    ClassKey,
    EdgeFact,
    Node,
    NodeKey,
    ReleaseFacts,
    RootState,
)
from pypisync.core.wanted.selector import parse_selector

# A number of users that no class has.
_ALL = 2**31 - 1
_C = releases.c
_CANDIDATE = (
    *(_C.project_id, _C.id, _C.key, _C.version, _C.prerelease),
    *(_C.admits, _C.admits_yanked, _C.unsure),
)


def _candidate(release: int, key: bytes, version: str, prerelease: bool, *masks: str) -> Candidate:  # noqa: FBT001 - a column
    return Candidate(release, key, version, prerelease, *map(MASKS.__getitem__, masks))


class CatalogGraph:
    """A :class:`pypisync.core.closure.model.StoredGraph` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def candidates(self, wanted: Iterable[int]) -> Mapping[int, Sequence[Candidate] | None]:
        """Returns releases with files, newest first; None for a project not read yet."""
        return dict(self.candidates_of(sorted(wanted)))

    def candidates_of(
        self, wanted: Sequence[int]
    ) -> Iterator[tuple[int, Sequence[Candidate] | None]]:
        """Yields the same for project after project; ``wanted`` is sorted."""
        for batch in batches(wanted):
            rows = tuples_among(self._connection, _candidates, batch)
            for (project, unseen), some in groupby(rows, itemgetter(0, 1)):
                known = [_candidate(*columns) for _, _, *columns in some if columns[0] is not None]
                yield project, None if unseen else known[::-1]

    def newest_of(self, wanted: Sequence[int]) -> Mapping[int, Candidate]:
        """Returns the newest final release with files of each of the sorted projects ``wanted``.

        A project that has none is left out.
        """
        return {
            project: _candidate(*columns)
            for project, *columns in tuples_among(self._connection, _newest, wanted)
        }

    def pinnable(self, wanted: Iterable[int]) -> Mapping[int, Mapping[bytes, int]]:
        """Returns all releases with files, kept or not, by the keys of their versions."""
        found: dict[int, dict[bytes, int]] = {project: {} for project in wanted}
        for project, key, release in rows_among(self._connection, _pinnable, sorted(found)):
            found[project][bytes(key)] = release
        return found

    def releases(self, wanted: Iterable[int]) -> Mapping[int, ReleaseFacts]:
        """Returns the facts of releases."""
        return dict(self.facts_of(sorted(wanted)))

    def facts_of(self, wanted: Sequence[int]) -> Iterator[tuple[int, ReleaseFacts]]:
        """Yields the same for release after release; ``wanted`` is sorted."""
        for batch in batches(wanted):
            edge_facts = self._edge_facts(batch)
            for release, project, version, admits, builds, knowledge, provides in tuples_among(
                self._connection, _facts, batch
            ):
                yield (
                    release,
                    ReleaseFacts(
                        project,
                        version,
                        MASKS[admits],
                        MASKS[builds],
                        knowledge in ("known", "unavailable"),
                        words(provides),
                        tuple(edge_facts.get(release, ())),
                    ),
                )

    def _edge_facts(self, owners: Sequence[int]) -> dict[int, list[EdgeFact]]:
        """Returns the requirements of releases, by release."""
        edge_facts: dict[int, list[EdgeFact]] = {}
        last, drawn = 0, []
        for owner, edge, project, kind, specifier, marker, extras, fault, only in tuples_among(
            self._connection, _requirements, owners
        ):
            if owner != last:
                last, drawn = owner, edge_facts.setdefault(owner, [])
            mask = None if only is None else MASKS[only]
            drawn.append(
                EdgeFact(edge, project, kind, specifier, marker, words(extras), fault, mask)
            )
        return edge_facts

    def classes(self, wanted: Iterable[int]) -> Mapping[ClassKey, Class]:
        """Returns all classes into these projects."""
        return self._classes(tuples_among(self._connection, _classes_into, sorted(wanted)))

    def named(self, keys: Collection[ClassKey]) -> Mapping[ClassKey, Class]:
        """Returns those of these classes that there are."""
        found: dict[ClassKey, Class] = {}
        dialect = self._connection.dialect.name
        for batch in batches(keys):
            wanted = [
                (key.project, key.specifier, ",".join(key.extras), to_text(key.mask))
                for key in batch
            ]
            rows = raw(self._connection, _NAMED[dialect], {"wanted": json.dumps(wanted)})
            found.update(self._classes(rows))
        return found

    def choosers(self, wanted: Iterable[int]) -> Mapping[ClassKey, Class]:
        """Returns all classes that choose one of these releases."""
        # In two steps: joined, the planner would rather walk through all the classes.
        ids = {number for (number,) in tuples_among(self._connection, _choosing, sorted(wanted))}
        return self._classes(tuples_among(self._connection, _classes, sorted(ids)))

    def rooting(self, wanted: Iterable[int]) -> Sequence[RootState]:
        """Returns all roots that call for one of these releases."""
        ids = {number for (number,) in tuples_among(self._connection, _rooting, sorted(wanted))}
        return self._roots(tuples_among(self._connection, _roots, sorted(ids)))

    def users(self, wanted: Iterable[int], limit: int | None) -> Mapping[int, list[NodeKey]]:
        """Returns the nodes that use these classes (by id), at most ``limit`` for each."""
        found: dict[int, list[NodeKey]] = {}
        query = _USERS[self._connection.dialect.name]
        for batch in batches(sorted(wanted)):
            asked = {"wanted": json.dumps(batch), "bound": limit or _ALL}
            for number, release, extra in raw(self._connection, query, asked):
                found.setdefault(number, []).append(NodeKey(release, extra))
        return found

    def nodes(self, wanted: Iterable[int]) -> Mapping[NodeKey, Node]:
        """Returns the selected nodes of these releases."""
        found: dict[NodeKey, Node] = {}
        for row in tuples_among(self._connection, _nodes, sorted(wanted)):
            node = found.setdefault(NodeKey(row[1], row[2], bool(row[3])), Node(row[0]))
            if row[4] is not None:
                node.edges[row[4]] = _class_key(row[5:]) if row[5] is not None else None
        return found

    def all_roots(self) -> Iterator[RootState]:
        """Yields all roots that are wanted; those of one project together."""
        wanted = self._connection.scalars(select(roots.c.project_id).distinct()).all()
        for batch in batches(sorted(wanted)):
            here = self._roots(tuples_among(self._connection, _wanted_roots, batch))
            yield from sorted(here, key=lambda root: root.project)

    def roots(self, state: str) -> list[RootState]:
        """Returns the roots in this state, with what they call for."""
        return self._roots(raw(self._connection, once(_roots_in_state), {"state": state}))

    def roots_of(self, projects: Sequence[int]) -> list[RootState]:
        """Returns the kept roots of these projects, with what they call for."""
        return self._roots(tuples_among(self._connection, _kept_roots, projects))

    def _roots(self, rows: Iterable[Any]) -> list[RootState]:
        found: dict[int, RootState] = {}
        chosen: dict[int, list[int]] = {}
        for number, project, selector, extras, marker, unmet, pinned, release in rows:
            if number not in found:
                found[number] = RootState(
                    number,
                    project,
                    parse_selector(selector),
                    words(extras),
                    marker,
                    unmet=MASKS[unmet],
                    pinned=bool(pinned),
                )
            if release is not None:
                chosen.setdefault(number, []).append(release)
        for root, releases_chosen in chosen.items():
            found[root].chosen = tuple(releases_chosen)
        return list(found.values())

    def _classes(self, rows: Iterable[Any]) -> dict[ClassKey, Class]:
        found: dict[ClassKey, Class] = {}
        for of, some in groupby(rows, itemgetter(slice(7))):
            number, project, specifier, extras, mask, unmet, uses = of
            chosen = tuple(row[7] for row in some if row[7] is not None)
            key = ClassKey(project, specifier, words(extras), MASKS[mask])
            found[key] = Class(number, chosen, MASKS[unmet], uses)
        return found


# -- the queries ----------------------------------------------------------------------------


def _candidates() -> Select[Any]:
    p, r = projects.c, releases.c
    kept = projects.outerjoin(releases, and_(r.project_id == p.id, r.kept))
    columns = select(p.id, p.status == "unseen", *_CANDIDATE[1:]).select_from(kept)
    return columns.where(among(p.id)).order_by(p.id, r.key)


def _newest() -> Select[Any]:
    other = releases.alias("other").c
    newest = (
        select(other.id)
        .where(other.project_id == projects.c.id, other.kept, ~other.prerelease)
        .order_by(other.key.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(*_CANDIDATE)
        .join_from(projects, releases, releases.c.id == newest)
        .where(among(projects.c.id), projects.c.status != "unseen")
    )


def _pinnable() -> Select[Any]:
    r = releases.c
    there = exists().where(files.c.release_id == r.id)
    return select(r.project_id, r.key, r.id).where(among(r.project_id), there)


def _facts() -> Select[Any]:
    r = releases.c
    return select(
        r.id, r.project_id, r.version, r.admits_yanked, r.builds, r.knowledge, r.provides
    ).where(among(r.id))


def _requirements() -> Select[Any]:
    q = requirements.c
    where_to = q.project_id, q.kind, q.specifier, q.marker, q.extras, q.fault, q.targets
    return select(q.release_id, q.id, *where_to).where(among(q.release_id))


def _all_classes() -> Select[Any]:
    """Returns the query for classes, with a row for each release that one chooses."""
    c, h = classes.c, choices.c
    columns = c.id, c.project_id, c.specifier, c.extras, c.mask, c.unmet, c.uses
    both = select(*columns, h.release_id).select_from(classes.outerjoin(choices))
    return both.order_by(c.id, h.position)


def _classes() -> Select[Any]:
    return _all_classes().where(among(classes.c.id))


def _classes_into() -> Select[Any]:
    return _all_classes().where(among(classes.c.project_id))


def _choosing() -> Select[int]:
    return select(choices.c.class_id).where(among(choices.c.release_id))


def _nodes() -> Select[Any]:
    s, e, c = selected.c, edges.c, classes.c
    of_class = c.project_id, c.specifier, c.extras, c.mask
    return (
        select(s.id, s.release_id, s.extra, s.pinned, e.requirement_id, *of_class)
        .select_from(selected.outerjoin(edges).outerjoin(classes))
        .where(among(s.release_id))
    )


def _all_roots() -> Select[Any]:
    """Returns the query for roots, with a row for each release that one calls for."""
    c, h = roots.c, root_choices.c
    columns = c.id, c.project_id, c.selector, c.extras, c.marker, c.unmet, c.pinned
    both = select(*columns, h.release_id).select_from(roots.outerjoin(root_choices))
    return both.order_by(c.id, h.position)


def _roots() -> Select[Any]:
    return _all_roots().where(among(roots.c.id))


def _roots_in_state() -> Select[Any]:
    return _all_roots().where(roots.c.state == bindparam("state"))


def _kept_roots() -> Select[Any]:
    return _all_roots().where(among(roots.c.project_id), roots.c.state == "kept")


def _wanted_roots() -> Select[Any]:
    return _all_roots().where(among(roots.c.project_id), roots.c.state != "dropped")


def _rooting() -> Select[int]:
    return select(root_choices.c.root_id).where(among(root_choices.c.release_id))


_OF_CLASS = (
    "SELECT c.id, c.project_id, c.specifier, c.extras, c.mask, c.unmet, c.uses, h.release_id"
)
_IN_ORDER = " LEFT JOIN choices h ON h.class_id = c.id ORDER BY c.id, h.position"
# Row by row, each by the index; given to the planner as conditions, they would be a long search.
_NAMED = {
    "sqlite": text(
        f"{_OF_CLASS} FROM json_each(:wanted) AS w CROSS JOIN classes c"
        " ON c.project_id = json_extract(w.value, '$[0]')"
        " AND c.specifier = json_extract(w.value, '$[1]')"
        " AND c.extras = json_extract(w.value, '$[2]')"
        f" AND c.mask = json_extract(w.value, '$[3]'){_IN_ORDER}"
    ),
    "postgresql": text(
        f"{_OF_CLASS} FROM json_array_elements(CAST(:wanted AS JSON)) AS w(value)"
        " JOIN classes c ON c.project_id = CAST(w.value->>0 AS INTEGER)"
        " AND c.specifier = w.value->>1 AND c.extras = w.value->>2 AND c.mask = w.value->>3"
        f"{_IN_ORDER}"
    ),
}

# At most so many of each: a popular class has hundreds of thousands.
_USERS = {
    "sqlite": text(
        "SELECT e.class_id, s.release_id, s.extra FROM json_each(:wanted) AS w"
        " CROSS JOIN edges e ON e.rowid IN"
        " (SELECT f.rowid FROM edges f WHERE f.class_id = w.value LIMIT :bound)"
        " CROSS JOIN selected s ON s.id = e.selected_id"
    ),
    "postgresql": text(
        "SELECT e.class_id, s.release_id, s.extra"
        " FROM json_array_elements_text(CAST(:wanted AS JSON)) AS w(value)"
        " CROSS JOIN LATERAL (SELECT class_id, selected_id FROM edges"
        " WHERE class_id = CAST(w.value AS INTEGER) LIMIT :bound) AS e"
        " JOIN selected s ON s.id = e.selected_id"
    ),
}


def _class_key(row: Sequence[Any]) -> ClassKey:
    project, specifier, extras, mask = row[:4]
    return ClassKey(project, specifier, words(extras), to_mask(mask))
