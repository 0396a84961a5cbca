"""Why a release is in the mirror: every root that leads to it, and what its own roots are for.

Read-only, through :class:`pypisync.catalog.db.reader.Reader`. Of the roots, those of the operator
come first; then those that PypiSync made itself, of origin ``proof`` (a proof calls for a release
that nothing else calls for) and ``held`` (a release stays while something newer cannot be
published, or while too much would go at once).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from msgspec import Struct
from packaging.version import Version

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries.generations import frozen_to
from pypisync.catalog.queries.why_not import on_page
from pypisync.core.closure.model import NodeKey, called
from pypisync.core.closure.paths import Chain, ChainFinder, Chains, Use
from pypisync.core.display import stays_at
from pypisync.core.standards import versions
from pypisync.core.wanted.roots import OWN, Origin, Root, of_row

Kept = Literal["", "held", "frozen", "share"]
"""What keeps a release that nothing else calls for: something newer is held, or the index stays at
a generation, or too large a share of the mirror would go at once."""
# Whose pins a proof's release is: of those that are wanted, or still on the pages.
_WANTED = "o.wanted AND i.added"
_KEPT = (
    "o.published AND EXISTS"
    " (SELECT 1 FROM proofs n WHERE n.subject_id = o.subject_id AND n.wanted AND NOT n.published)"
)


class Step(Struct, frozen=True):
    """A release on the way, and the requirement by which it needs the next one."""

    project: str
    version: str
    extra: str
    requirement: str
    kind: str  # runtime or build


class OfProof(Struct, frozen=True):
    """A proof that has a release among its pins."""

    subject: str
    targets: str
    chosen_by: str  # solver; pip or uv where that comes to another; tried: looked at on the way


class Way(Struct, frozen=True):
    """A shortest way from a root to the release."""

    root: Root
    steps: tuple[Step, ...]
    # Of a root of our own: the proofs that it is for, or what is held (release, reason).
    proofs: tuple[OfProof, ...] = ()
    held: tuple[tuple[str, str], ...] = ()
    kept: Kept = ""


class Reason(Struct, frozen=True):
    """A selected release and the ways to it; none: no root reaches it any more."""

    project: str
    version: str
    held: str  # why it cannot be published yet, or the index is frozen; "" if it can
    ways: tuple[Way, ...]
    whole: bool  # whether these are all; else there may be more
    indexes: tuple[str, ...]  # that its files are from


def reasons(
    reader: Reader,
    name: str,
    version: Version | None,
    most: int | None = None,
    *,
    uses: int | None = None,
) -> list[Reason]:
    """Returns why the project's releases (or the one version) are selected; empty if none is.

    ``name`` is normalised; ``most``: the nodes to look at for one release, ``uses``: how many
    requirements to look at by one query, None for all.
    """
    nodes: dict[int, list[NodeKey]] = {}
    facts: dict[int, Any] = {}
    for row in _selected(reader, name):
        if version is None or bytes(row[3]) == versions.key(version):
            nodes.setdefault(row[0], []).append(NodeKey(row[0], "", bool(row[4])))
            facts[row[0]] = row
    graph = _Uses(reader, uses)
    climber = ChainFinder(graph, most)
    indexes = _indexes(reader, sorted(nodes))
    found = {release: climber.chains(starts) for release, starts in nodes.items()}
    teller = _Teller(reader, found.values())
    frozen = frozen_to(reader)
    listed = on_page(reader, name) if frozen else {}
    return [
        Reason(
            name,
            row[1],
            stays_at(frozen) if frozen and row[1] not in listed else row[2] or "",
            teller.ways(found[release]),
            found[release].whole and not graph.cut,
            tuple(indexes.get(release, ())),
        )
        for release, row in facts.items()
    ]


def _selected(reader: Reader, name: str) -> Sequence[Any]:
    """Returns rows (release, version, why held, key of the version, pinned) of a project."""
    return reader.rows(
        "SELECT r.id, r.version, h.reason, r.key, s.pinned"
        " FROM projects p JOIN releases r ON r.project_id = p.id"
        " JOIN selected s ON s.release_id = r.id AND s.extra = ''"
        " LEFT JOIN held h ON h.release = p.name || '==' || r.version"
        " WHERE p.name = ? ORDER BY r.key, s.pinned",
        name,
    )


def _indexes(reader: Reader, releases: Sequence[int]) -> dict[int, list[str]]:
    """Returns the indexes whose files are kept, by release."""
    indexes: dict[int, list[str]] = {}
    for release, index in reader.among(
        "SELECT DISTINCT release_id, index_name FROM files WHERE kept AND release_id IN (?)"
        " ORDER BY index_name",
        releases,
    ):
        indexes.setdefault(release, []).append(index)
    return indexes


@dataclass(slots=True)
class _Teller:
    """Puts names to chains."""

    reader: Reader
    found: Iterable[Chains]
    _labels: Mapping[int, tuple[str, str]] = field(init=False)
    _own: dict[Root, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._labels = _labels(self.reader, (c for one in self.found for c in one.chains))

    def ways(self, found: Chains) -> tuple[Way, ...]:
        """Returns the chains in words, the operator's roots first."""
        chains = sorted(found.chains, key=lambda chain: _rank(chain.root))
        return tuple(map(self._way, chains))

    def _way(self, chain: Chain) -> Way:
        steps = []
        for use in chain.uses:
            project, version = self._labels[use.user.release]
            steps.append(Step(project, version, use.user.extra, use.requirement, use.kind))
        root = chain.root
        if root.origin in OWN and root not in self._own:
            self._own[root] = _purpose(self.reader, root)
        return Way(root, tuple(steps), *self._own.get(root, ()))


def _rank(root: Root) -> int:
    return OWN.index(root.origin) + 1 if root.origin in OWN else 0


def _purpose(
    reader: Reader, root: Root
) -> tuple[tuple[OfProof, ...], tuple[tuple[str, str], ...], Kept]:
    """Returns what a root of our own is for: proofs, what is held, and what else keeps it."""
    rows = reader.rows(
        "SELECT DISTINCT s.text, o.targets, i.chosen_by FROM"  # noqa: S608 - constants
        " (SELECT proof_id, project_id, version, chosen_by, added FROM proof_pins UNION ALL"
        "  SELECT proof_id, project_id, version, 'tried', TRUE FROM proof_tried) i"
        " JOIN proofs o ON o.id = i.proof_id JOIN subjects s ON s.id = o.subject_id"
        " JOIN projects p ON p.id = i.project_id WHERE p.name = ? AND i.version = ?"
        f" AND {_WANTED if root.origin == Origin.PROOF else _KEPT}"
        " ORDER BY s.text, o.targets, i.chosen_by",
        root.project,
        root.selector,
    )
    proofs = tuple(OfProof(*row) for row in rows)
    if root.origin == Origin.PROOF:
        return proofs, (), ""
    held = reader.rows(
        "SELECT release, reason FROM held WHERE substr(release, 1, ?) = ? ORDER BY release",
        len(root.project) + 2,
        f"{root.project}==",
    )
    if held:
        return proofs, tuple((row[0], row[1]) for row in held), "held"
    if proofs:
        return proofs, (), ""
    # While the index stays at a generation, nothing that is held is on record.
    return (), (), "share" if frozen_to(reader) is None else "frozen"


class _Uses:
    """A :class:`pypisync.core.closure.paths.UseGraph` over a reader."""

    def __init__(self, reader: Reader, most: int | None) -> None:
        self._reader = reader
        self._most = most  # requirements that are looked at by one query
        self.cut = False  # whether there were more

    def roots(self, nodes: Collection[NodeKey]) -> Mapping[NodeKey, Sequence[Root]]:
        """Returns the roots that call for the node itself."""
        rows = self._reader.among(
            "SELECT rc.release_id, p.name, ro.selector, ro.extras, ro.origin, ro.source, ro.pinned"
            " FROM root_choices rc"
            " JOIN roots ro ON ro.id = rc.root_id JOIN projects p ON p.id = ro.project_id"
            " WHERE rc.release_id IN (?) ORDER BY ro.id",
            sorted({node.release for node in nodes}),
        )
        found: dict[NodeKey, list[Root]] = {}
        for release, *line in rows:
            root = of_row(*line)
            for node in served(release, root.extras_text, pinned=root.pinned):
                if node in nodes:
                    found.setdefault(node, []).append(root)
        return found

    def uses(self, nodes: Collection[NodeKey]) -> Mapping[NodeKey, Sequence[Use]]:
        """Returns what needs the node."""
        # Sorting means reading all of them first.
        last = "ORDER BY s.id, q.id" if self._most is None else f"LIMIT {self._most}"
        rows = list(
            self._reader.among(
                "SELECT c.release_id, k.extras, s.release_id, s.extra, q.text, q.kind"  # noqa: S608 - a number
                " FROM choices c"
                " JOIN classes k ON k.id = c.class_id JOIN edges e ON e.class_id = k.id"
                " JOIN selected s ON s.id = e.selected_id"
                " JOIN requirements q ON q.id = e.requirement_id"
                f" WHERE c.release_id IN (?) {last}",
                sorted({node.release for node in nodes}),
            )
        )
        self.cut = self.cut or (self._most is not None and len(rows) >= self._most)
        found: dict[NodeKey, list[Use]] = {}
        for release, extras, user, extra, requirement, kind in rows:
            use = Use(NodeKey(user, extra), requirement, kind)
            for node in served(release, extras):
                if node in nodes:
                    found.setdefault(node, []).append(use)
        return found


def served(release: int, extras: str, *, pinned: bool = False) -> tuple[NodeKey, ...]:
    """Returns the nodes that a call for this release with these comma-separated extras reaches."""
    return called(release, extras.split(",") if extras else (), pinned=pinned)


def _labels(reader: Reader, chains: Iterable[Chain]) -> dict[int, tuple[str, str]]:
    rows = reader.among(
        "SELECT r.id, p.name, r.version FROM releases r JOIN projects p ON p.id = r.project_id"
        " WHERE r.id IN (?)",
        sorted({use.user.release for chain in chains for use in chain.uses}),
    )
    return {release: (name, version) for release, name, version in rows}
