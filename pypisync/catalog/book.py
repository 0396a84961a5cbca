"""Reads what a decision needs: facts, and the decisions made before."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Row, select, union_all

from pypisync.catalog.rows import MASKS, among, batches, raw, to_mask, words
from pypisync.catalog.schema import (
    choices,
    classes,
    edges,
    projects,
    releases,
    requirements,
    root_choices,
    roots,
    selected,
)
from pypisync.core.graph import (
    Class,
    ClassKey,
    EdgeFact,
    Node,
    NodeKey,
    ReleaseFacts,
    Root,
)
from pypisync.core.select import Candidate
from pypisync.core.selector import parse as parse_selector

# Parts of one compound statement; SQLite allows 500.
_UNION = 200


class CatalogBook:
    """A :class:`pypisync.core.graph.Book` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def candidates(self, wanted: Iterable[int]) -> Mapping[int, Sequence[Candidate] | None]:
        """Releases with files, newest first; None for a project nobody has looked at yet."""
        return dict(self.candidates_of(sorted(wanted)))

    def candidates_of(
        self, wanted: Sequence[int]
    ) -> Iterator[tuple[int, Sequence[Candidate] | None]]:
        """The same for project after project; ``wanted`` is sorted."""
        r = releases.c
        for batch in batches(wanted):
            seen = select(projects.c.id, projects.c.status).where(among(projects.c.id, batch))
            unseen = {p for p, status in raw(self._connection, seen) if status == "unseen"}
            query = (
                select(
                    r.project_id, r.id, r.key, r.version, r.prerelease, r.admits, r.admits_yanked
                )
                .where(among(r.project_id, batch), r.kept)
                .order_by(r.project_id, r.key)
            )
            found: dict[int, list[Candidate]] = {}
            last, known = 0, []
            for project, release, key, version, pre, admits, yanked in raw(self._connection, query):
                if project != last:
                    last, known = project, found.setdefault(project, [])
                known.append(Candidate(release, key, version, pre, MASKS[admits], MASKS[yanked]))
            for project in batch:
                yield project, None if project in unseen else found.get(project, [])[::-1]

    def newest_of(self, wanted: Sequence[int]) -> Mapping[int, Candidate]:
        """The newest final release with files, of projects that have one; ``wanted`` is sorted."""
        found: dict[int, Candidate] = {}
        r, other = releases.c, releases.alias("other").c
        newest = (
            select(other.id)
            .where(other.project_id == projects.c.id, other.kept, ~other.prerelease)
            .order_by(other.key.desc())
            .limit(1)
            .scalar_subquery()
        )
        for batch in batches(wanted):
            query = (
                select(
                    r.project_id, r.id, r.key, r.version, r.prerelease, r.admits, r.admits_yanked
                )
                .join_from(projects, releases, r.id == newest)
                .where(among(projects.c.id, batch), projects.c.status != "unseen")
            )
            for project, release, key, version, pre, admits, yanked in raw(self._connection, query):
                found[project] = Candidate(release, key, version, pre, MASKS[admits], MASKS[yanked])
        return found

    def releases(self, wanted: Iterable[int]) -> Mapping[int, ReleaseFacts]:
        """The facts of releases."""
        return dict(self.facts_of(sorted(wanted)))

    def facts_of(self, wanted: Sequence[int]) -> Iterator[tuple[int, ReleaseFacts]]:
        """The same for release after release; ``wanted`` is sorted."""
        r, q = releases.c, requirements.c
        for batch in batches(wanted):
            edge_facts: dict[int, list[EdgeFact]] = {}
            query = select(
                q.release_id, q.id, q.project_id, q.kind, q.specifier, q.marker, q.extras, q.fault
            ).where(among(q.release_id, batch))
            last, drawn = 0, []
            for owner, edge, project, kind, specifier, marker, extras, fault in raw(
                self._connection, query
            ):
                if owner != last:
                    last, drawn = owner, edge_facts.setdefault(owner, [])
                drawn.append(EdgeFact(edge, project, kind, specifier, marker, words(extras), fault))
            facts = select(
                r.id, r.project_id, r.version, r.admits_yanked, r.builds, r.knowledge, r.provides
            ).where(among(r.id, batch))
            for release, project, version, admits, builds, knowledge, provides in raw(
                self._connection, facts
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

    def classes(self, wanted: Iterable[int]) -> Mapping[ClassKey, Class]:
        """All classes into these projects."""
        found: dict[ClassKey, Class] = {}
        for batch in batches(sorted(wanted)):
            found.update(self._classes(among(classes.c.project_id, batch)))
        return found

    def choosers(self, wanted: Iterable[int]) -> tuple[Mapping[ClassKey, Class], Sequence[Root]]:
        """All classes and all roots that choose one of these releases."""
        found: dict[ClassKey, Class] = {}
        found_roots: dict[int, Root] = {}
        for batch in batches(sorted(wanted)):
            ids = select(choices.c.class_id).where(among(choices.c.release_id, batch))
            # In two steps: joined, the planner would rather walk through all the classes.
            for some in batches(sorted(set(self._connection.scalars(ids)))):
                found.update(self._classes(among(classes.c.id, some)))
            ids = select(root_choices.c.root_id).where(among(root_choices.c.release_id, batch))
            for some in batches(sorted(set(self._connection.scalars(ids)))):
                found_roots.update((r.id, r) for r in self.roots(among(roots.c.id, some)))
        return found, list(found_roots.values())

    def users(self, wanted: Iterable[int], limit: int | None) -> Mapping[int, list[NodeKey]]:
        """The nodes that use these classes (by id), at most ``limit`` for each."""
        found: dict[int, list[NodeKey]] = {}
        e, s = edges.c, selected.c
        for batch in batches(sorted(wanted), _UNION):
            some = [
                select(e.class_id, e.selected_id)
                .where(e.class_id == number)
                .limit(limit)
                .subquery()
                for number in batch
            ]
            every = union_all(*(select(one) for one in some)).subquery()
            query = select(every.c.class_id, s.release_id, s.extra).join_from(
                every, selected, s.id == every.c.selected_id
            )
            for number, release, extra in self._connection.execute(query).all():
                found.setdefault(number, []).append(NodeKey(release, extra))
        return found

    def nodes(self, wanted: Iterable[int]) -> Mapping[NodeKey, Node]:
        """The selected nodes of these releases."""
        found: dict[NodeKey, Node] = {}
        s, e, c = selected.c, edges.c, classes.c
        for batch in batches(sorted(wanted)):
            query = (
                select(
                    s.id, s.release_id, s.extra, e.requirement_id,
                    c.project_id, c.specifier, c.extras, c.mask,
                )
                .select_from(selected.outerjoin(edges).outerjoin(classes))
                .where(among(s.release_id, batch))
            )  # fmt: skip
            for row in self._connection.execute(query).all():
                node = found.setdefault(NodeKey(row[1], row[2]), Node(row[0]))
                if row[3] is not None:
                    node.edges[row[3]] = _class_key(row[4:]) if row[4] is not None else None
        return found

    def all_roots(self) -> Iterator[Root]:
        """All roots that are wanted; those of one project together."""
        wanted = self._connection.scalars(select(roots.c.project_id).distinct()).all()
        for batch in batches(sorted(wanted)):
            here = among(roots.c.project_id, batch) & (roots.c.state != "dropped")
            yield from sorted(self.roots(here), key=lambda root: root.project)

    def roots(self, condition: ColumnElement[bool]) -> list[Root]:
        """The roots that meet an SQL condition, with what they call for."""
        found: dict[int, Root] = {}
        chosen: dict[int, list[int]] = {}
        c = roots.c
        query = select(c.id, c.project_id, c.selector, c.extras, c.unmet).where(condition)
        for number, project, selector, extras, unmet in sorted(raw(self._connection, query)):
            found[number] = Root(
                number, project, parse_selector(selector), words(extras), unmet=MASKS[unmet]
            )
        for batch in batches(found):
            pairs = select(root_choices.c.root_id, root_choices.c.release_id)
            pairs = pairs.where(among(root_choices.c.root_id, batch)).order_by(
                root_choices.c.position
            )
            for root, release in self._connection.execute(pairs).all():
                chosen.setdefault(root, []).append(release)
        for root, releases_chosen in chosen.items():
            found[root].chosen = tuple(releases_chosen)
        return list(found.values())

    def _classes(self, condition: ColumnElement[bool]) -> dict[ClassKey, Class]:
        found: dict[ClassKey, Class] = {}
        c = classes.c
        query = (
            select(
                c.project_id, c.specifier, c.extras, c.mask,
                c.id, c.unmet, c.uses, choices.c.position, choices.c.release_id,
            )
            .select_from(classes.outerjoin(choices))
            .where(condition)
        )  # fmt: skip
        chosen: dict[ClassKey, list[tuple[int, int]]] = {}
        for row in self._connection.execute(query).all():
            key = _class_key(row)
            if key not in found:
                found[key] = Class(row[4], (), to_mask(row[5]), row[6])
            if row[8] is not None:
                chosen.setdefault(key, []).append((row[7], row[8]))
        for key, pairs in chosen.items():
            found[key].chosen = tuple(release for _, release in sorted(pairs))
        return found


def _class_key(row: Row[tuple[int, str, str, str]] | Sequence[object]) -> ClassKey:
    project, specifier, extras, mask = row[:4]
    return ClassKey(project, specifier, words(extras), to_mask(mask))  # type: ignore[arg-type]
