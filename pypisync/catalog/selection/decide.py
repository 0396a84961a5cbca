"""Decides what the changed facts touch, and records the decision.

Facts mark what they changed (``undecided``) in the transaction that records them; a decision
clears the marks in the transaction that records it. So a crash between the two loses nothing.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Delete,
    Float,
    Insert,
    Update,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    union_all,
    update,
)

from pypisync.catalog.db.collector import uncollected
from pypisync.catalog.db.schema import (
    choices,
    classes,
    edges,
    files,
    pending,
    projects,
    releases,
    root_choices,
    roots,
    selected,
)
from pypisync.catalog.db.sql import (
    Ids,
    add,
    among,
    batches,
    delete_among,
    execute_among,
    is_set,
    once,
    to_text,
    update_among,
)
from pypisync.catalog.facts import policy
from pypisync.catalog.facts.vulnerabilities import owe
from pypisync.core.standards.model import Targets
from pypisync.core.wanted.roots import Origin

if TYPE_CHECKING:
    from pypisync.core.closure.model import Class, ClassKey, Decision, Node, NodeKey, RootState

# Spelt as in the index, which a parameter would keep SQLite from using.
_MOVED = text("roots.state <> 'kept'")
# Made once: each round asks it, and to build it costs more.
_TOUCHED = union_all(
    select(literal_column("'project'"), projects.c.id).where(is_set(projects.c.undecided)),
    select(literal_column("'release'"), releases.c.id).where(is_set(releases.c.undecided)),
    select(literal_column("'roots'"), func.count()).select_from(roots).where(_MOVED),
    *(
        select(literal_column("'decided'"), func.count()).select_from(some)
        for some in (select(t.c.id).limit(1).subquery() for t in (selected, classes))
    ),
)
# More changes than this may cost more than deciding all from nothing, in memory above all.
_MANY = 20_000


def decide(connection: Connection, targets: Targets, now: float, *, examine: bool = False) -> int:
    """Bring the selection up to date with facts and roots. Returns how many nodes changed.

    With ``examine``, releases that come into it are to be examined for vulnerabilities.
    """
    changed, redraw, moved, decided = _touched(connection)
    if not (changed or redraw or moved):
        return 0
    with uncollected():
        if not decided or _is_anew(connection, len(changed) + len(redraw) + moved):
            if decided:
                forget_decisions(connection)
            count = _decide_all(connection, targets, now)
            came = None
        else:
            count, came = _update(connection, targets, now, changed, redraw, moved=bool(moved))
    if examine:
        owe(connection, came, now)
    update_among(connection, projects.c.id, sorted(changed), undecided=False)
    update_among(connection, releases.c.id, sorted(redraw), undecided=False)
    _forget_gone(connection, changed)
    return count


def _touched(connection: Connection) -> tuple[set[int], set[int], int, bool]:
    """Returns changed projects, releases to be drawn again, and how many roots came or go.

    And whether anything is decided yet.
    """
    found: dict[str, set[int]] = {"project": set(), "release": set(), "roots": set()}
    found["decided"] = set()
    for what, number in connection.execute(_TOUCHED):
        found[what].add(number)
    return found["project"], found["release"], sum(found["roots"]), any(found["decided"])


def _is_anew(connection: Connection, changes: int) -> bool:
    """Returns whether to decide from nothing: most of what is decided changes."""
    if changes < _MANY:
        return False
    decided = connection.scalar(select(func.count()).select_from(selected)) or 0
    return changes * 4 >= decided


def _update(
    connection: Connection,
    targets: Targets,
    now: float,
    changed: set[int],
    redraw: set[int],
    *,
    moved: bool,
) -> tuple[int, set[int]]:
    """Decide anew what the changes touch. Returns also which releases came.

    ``moved``: there are new or dropped roots, which are looked for among all.
    """
    # Most cycles decide nothing, and need not wait for what does.
    from pypisync.catalog.selection.read import CatalogGraph
    from pypisync.core.closure.incremental import Closure

    graph = CatalogGraph(connection)
    open_roots = [*(graph.roots("new") if moved else ()), *graph.roots_of(sorted(changed))]
    dropped = graph.roots("dropped") if moved else []
    decision = Closure(graph, targets).update(
        roots=open_roots, dropped=dropped, projects=changed, releases=redraw
    )
    asked = {
        key.project for key, entry in decision.classes.items() if not (entry.id and entry.uses)
    }
    asked.update(root.project for root in (*decision.roots, *dropped))
    _Save(connection).decision(decision)
    _settle_roots(connection, decision.roots, dropped)
    _review_quarantined(connection, asked)
    _ask_for(connection, decision.unknown, decision.unseen, now)
    unmet = {key.project for key, entry in decision.classes.items() if entry.unmet}
    policy.explain(connection, changed | unmet)
    came = {key.release for key in decision.created}
    return len(decision.created) + len(decision.removed), came


def _decide_all(connection: Connection, targets: Targets, now: float) -> int:
    """Decide everything, where nothing is decided; all pages are to be looked at."""
    from pypisync.catalog.selection import decide_full

    connection.execute(once(lambda: delete(roots).where(roots.c.state == "dropped")))
    connection.execute(once(lambda: update(roots).values(state="kept", unmet="0")))
    connection.execute(once(_unpublished_all))
    found = decide_full.decide(connection, targets)
    _ask_for(connection, found.unknown, found.unseen, now)
    policy.explain(connection, None)
    return len(found.nodes)


def forget_decisions(connection: Connection) -> None:
    """Drop all decisions, so that the next one starts from scratch (the environments changed)."""
    for statement in once(_forgetting):
        connection.execute(statement)


def _forgetting() -> list[Delete | Update]:
    return [
        *(delete(table) for table in (edges, root_choices, choices, selected, classes)),
        update(roots).where(roots.c.state == "kept").values(state="new"),
        _unpublished_all(),
    ]


def _unpublished_all() -> Update:
    return update(projects).values(unpublished=True)


def matched_names(connection: Connection) -> set[str]:
    """Returns the projects that patterns have matched until now and upstream still has."""
    query = (
        select(projects.c.name)
        .join_from(roots, projects)
        .where(
            roots.c.origin == Origin.PATTERN,
            roots.c.state != "dropped",
            projects.c.status != "gone",
        )
    )
    return set(connection.scalars(query))


class _Save:
    """Writes a decision: first what goes, then what comes, so that references always hold."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def decision(self, decision: "Decision") -> None:
        """Write nodes, edges, classes and choices."""
        redrawn = [node.id for node in decision.redrawn.values()]
        removed = [node.id for node in decision.removed.values()]
        unused = [c.id for c in decision.classes.values() if c.uses == 0]
        delete_among(self._connection, edges.c.selected_id, redrawn + removed)
        delete_among(self._connection, selected.c.id, removed)
        delete_among(
            self._connection, choices.c.class_id, [c.id for c in decision.classes.values() if c.id]
        )
        delete_among(
            self._connection, classes.c.id, [number for number in unused if number is not None]
        )
        self._classes(decision.classes)
        self._nodes(decision.created)
        self._edges({**decision.created, **decision.redrawn}, decision.known)
        touched = {key.release for key in (*decision.created, *decision.removed) if not key.extra}
        self._unpublish(touched)

    def _classes(self, changed: "dict[ClassKey, Class]") -> None:
        count = Ids(self._connection, classes)
        fresh, old = [], []
        for key, entry in changed.items():
            if entry.uses == 0:
                continue
            row = {"unmet": to_text(entry.unmet), "uses": entry.uses}
            if entry.id is None:
                entry.id = count.next()
                fresh.append(row | {"id": entry.id, **_class_columns(key)})
            else:
                old.append(row | {"row": entry.id})
        add(self._connection, classes, fresh)
        if old:
            row_of = once(lambda: update(classes).where(classes.c.id == bindparam("row")))
            self._connection.execute(row_of, old)
        add(
            self._connection,
            choices,
            [
                {"class_id": entry.id, "release_id": release, "position": position}
                for entry in changed.values()
                if entry.uses
                for position, release in enumerate(entry.chosen)
            ],
        )

    def _nodes(self, created: "dict[NodeKey, Node]") -> None:
        count = Ids(self._connection, selected)
        for node in created.values():
            node.id = count.next()
        add(
            self._connection,
            selected,
            [
                {"id": node.id, "release_id": key.release, "extra": key.extra, "pinned": key.pinned}
                for key, node in created.items()
            ],
        )

    def _edges(self, drawn: "dict[NodeKey, Node]", known: "dict[ClassKey, Class]") -> None:
        rows = [
            {
                "selected_id": node.id,
                "requirement_id": requirement,
                "class_id": known[c].id if c else None,
            }
            for node in drawn.values()
            for requirement, c in node.edges.items()
        ]
        for batch in batches(rows):
            add(self._connection, edges, batch)

    def _unpublish(self, touched: Iterable[int]) -> None:
        execute_among(self._connection, _unpublished, sorted(touched))


def _unpublished() -> Update:
    of = select(releases.c.project_id).where(among(releases.c.id))
    return update(projects).where(projects.c.id.in_(of)).values(unpublished=True)


def _class_columns(key: "ClassKey") -> dict[str, Any]:
    return {
        "project_id": key.project,
        "specifier": key.specifier,
        "extras": ",".join(key.extras),
        "mask": to_text(key.mask),
    }


def _settle_roots(
    connection: Connection, changed: "list[RootState]", dropped: "list[RootState]"
) -> None:
    # Which files are wanted may change without any node.
    pinned = {root.project for root in (*changed, *dropped) if root.pinned}
    update_among(connection, projects.c.id, sorted(pinned), unpublished=True)
    delete_among(connection, root_choices.c.root_id, (root.id for root in (*changed, *dropped)))
    delete_among(connection, roots.c.id, (root.id for root in dropped))
    rows = [
        {"root_id": root.id, "release_id": release, "position": position}
        for root in changed
        for position, release in enumerate(root.chosen)
    ]
    add(connection, root_choices, rows)
    if changed:
        kept = [{"row": root.id, "state": "kept", "unmet": to_text(root.unmet)} for root in changed]
        connection.execute(once(lambda: update(roots).where(roots.c.id == bindparam("row"))), kept)


def _review_quarantined(connection: Connection, ids: Iterable[int]) -> None:
    """Look at the pages of those of the projects anew that are in quarantine.

    A project in quarantine has a page, without files, only while a root or requirement names it.
    """
    execute_among(connection, _review, sorted(ids))


def _review() -> Update:
    these = among(projects.c.id), projects.c.status == "quarantined"
    return update(projects).where(*these).values(unpublished=True)


def _ask_for(
    connection: Connection, unknown: Iterable[int], unseen: Iterable[int], now: float
) -> None:
    """Note the facts that a decision lacked, so that they are fetched."""
    execute_among(connection, _to_read, sorted(unknown))
    execute_among(connection, _asking, sorted(unseen), now=now)


def _to_read() -> Update:
    unknown = among(releases.c.id), releases.c.knowledge == "unknown"
    return update(releases).where(*unknown).values(knowledge="wanted")


def _asking() -> Insert:
    known = exists().where(pending.c.name == projects.c.name)
    since: BindParameter[float] = bindparam("now", type_=Float())
    rows = select(projects.c.name, literal_column("0"), since, literal_column("0"))
    columns = ["name", "serial", "since", "attempts"]
    return insert(pending).from_select(columns, rows.where(among(projects.c.id), ~known))


def _forget_gone(connection: Connection, changed: Iterable[int]) -> None:
    """Delete releases that upstream no longer has and that nothing refers to any more."""
    execute_among(connection, _gone, sorted(changed))


def _gone() -> Delete:
    r = releases.c
    used = or_(
        exists().where(files.c.release_id == r.id),
        exists().where(selected.c.release_id == r.id),
        exists().where(choices.c.release_id == r.id),
        exists().where(root_choices.c.release_id == r.id),
    )
    return delete(releases).where(among(r.project_id), ~used)
