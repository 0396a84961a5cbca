"""What an operator asks of the catalog: how the mirror is, and why a release is in it.

Read-only, through :class:`pypisync.catalog.reader.Reader`, so that the answer comes at once. Times
are seconds since 1970, sizes bytes.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.version import Version

from pypisync.catalog.reader import Reader
from pypisync.catalog.verdicts import Verdicts, verdicts
from pypisync.core import versions
from pypisync.core.chains import Chain, Node, RootLine, Use, shortest
from pypisync.core.graph import called
from pypisync.core.policy import UNDATED

# -- status ---------------------------------------------------------------------------------


_ENDED = ("done", "incomplete", "stopped", "failed")


@dataclass(frozen=True, slots=True)
class Run:
    """A cycle; ``outcome`` is running, done, incomplete, stopped or failed."""

    number: int
    started: float
    finished: float | None
    outcome: str
    serial: int
    generation: int
    failed: Mapping[str, str]  # what could not be read or fetched, with the reason
    seconds: Mapping[str, float]  # how long each step took
    answers: Mapping[str, int]  # how upstream answered: "project ok", and how often


@dataclass(frozen=True, slots=True)
class Pending:
    """The projects whose document is still owed; the first of those that failed, or the oldest."""

    projects: int
    failing: int  # those tried in vain
    name: str
    since: float
    reason: str
    serial: int = 0  # the oldest that a document is owed for; 0: none (they are looked at anew)


@dataclass(frozen=True, slots=True)
class Status:
    """How the mirror is. ``last`` is the newest run, ``good`` the newest without a fault."""

    last: Run | None
    finished: Run | None  # the newest that is not running (any more)
    good: Run | None
    completed: Run | None  # the newest that got to its end, with or without faults
    serial: int | None
    generation: tuple[int, int, float, bool] | None  # number, serial, time, pages all written
    frozen: tuple[int, float] | None  # the generation that the index stays at, and since when
    listed: Mapping[str, int]  # projects, releases, files, bytes
    pending: Pending | None
    held: int
    held_first: Sequence[tuple[str, str, float]]  # release, reason, since
    unmet: int
    skipped: int
    barred: int  # files, by the policy
    undated: int  # those of them that are because upstream does not tell when they were uploaded
    vulnerable: int  # selected releases
    vulnerable_first: Sequence[tuple[str, str]]  # release, ids
    proofs: Verdicts

    @property
    def well(self) -> bool:
        """Whether nothing is held, nothing fails, and the last finished run did all it had to."""
        failing = self.pending is not None and self.pending.failing > 0
        done = self.finished is not None and self.finished.outcome == "done"
        return done and not self.held and not failing


def status(reader: Reader, *, first: int = 5) -> Status:
    """How the mirror is, with the ``first`` of what is held."""
    serial = reader.value("SELECT value FROM settings WHERE name = ?", "serial")
    generations = reader.rows(
        "SELECT id, serial, at, complete FROM generations ORDER BY id DESC LIMIT 1"
    )
    frozen = reader.rows("SELECT id, frozen FROM generations WHERE frozen IS NOT NULL")
    return Status(
        last=_run(reader, ("running", *_ENDED)),
        finished=_run(reader, _ENDED),
        good=_run(reader, ("done",)),
        completed=_run(reader, ("done", "incomplete")),
        serial=None if serial is None else int(serial),
        generation=(*generations[0][:3], bool(generations[0][3])) if generations else None,
        frozen=(frozen[0][0], frozen[0][1]) if frozen else None,
        listed=_listed(reader),
        pending=_pending(reader),
        held=reader.value("SELECT count(*) FROM held"),
        held_first=[
            (row[0], row[1], row[2])
            for row in reader.rows(
                # What merely needs something that is held says less than what is held itself.
                "SELECT release, reason, since FROM held"
                " ORDER BY CASE WHEN reason LIKE ? THEN 1 ELSE 0 END, since, release LIMIT ?",
                "needs %, which is held",
                first,
            )
        ],
        unmet=reader.value(
            "SELECT (SELECT count(*) FROM edges WHERE class_id IS NULL) + (SELECT count(*)"
            " FROM classes c JOIN edges e ON e.class_id = c.id WHERE c.unmet <> '0')"
        ),
        skipped=reader.value("SELECT count(*) FROM skipped"),
        barred=reader.value("SELECT count(*) FROM files WHERE barred <> ''"),
        undated=reader.value(
            "SELECT count(*) FROM files WHERE barred <> '' AND barred LIKE ?", f"{UNDATED}%"
        ),
        vulnerable=reader.value(
            "SELECT count(DISTINCT v.release_id) FROM vulnerabilities v"
            " JOIN selected s ON s.release_id = v.release_id"
        ),
        vulnerable_first=_vulnerable(reader, first),
        proofs=verdicts(reader, first),
    )


def _vulnerable(reader: Reader, first: int) -> list[tuple[str, str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for project, version, number in reader.rows(
        "SELECT project, version, id FROM v_vulnerabilities WHERE selected = 1"
        " ORDER BY project, version, id"
    ):
        found.setdefault((project, version), []).append(number)
    return [
        (f"{project}=={version}", ", ".join(ids))
        for (project, version), ids in list(found.items())[:first]
    ]


def _run(reader: Reader, outcomes: Sequence[str]) -> Run | None:
    """The newest run with one of these outcomes."""
    rows = reader.among(
        "SELECT id, started, finished, outcome, serial, generation, report FROM runs"
        " WHERE outcome IN (?) ORDER BY id DESC LIMIT 1",
        outcomes,
    )
    for number, started, finished, outcome, serial, generation, text in rows:
        report = json.loads(text)
        return Run(
            number,
            started,
            finished,
            outcome,
            serial,
            generation or 0,
            report.get("failed", {}),
            report.get("seconds", {}),
            report.get("answers", {}),
        )
    return None


def _listed(reader: Reader) -> dict[str, int]:
    ((files, size, releases),) = reader.rows(
        "SELECT coalesce(sum(files), 0), coalesce(sum(bytes), 0), count(*) FROM (SELECT count(*)"
        " AS files, sum(size) AS bytes FROM published WHERE last IS NULL GROUP BY name, version) g"
    )
    projects = reader.value("SELECT count(*) FROM pages WHERE last IS NULL")
    return {
        "projects": projects, "releases": releases, "files": int(files), "bytes": int(size)
    }  # fmt: skip


def _pending(reader: Reader) -> Pending | None:
    ((projects, failing),) = reader.rows(
        "SELECT count(*), coalesce(sum(CASE WHEN attempts > 0 THEN 1 ELSE 0 END), 0) FROM pending"
    )
    if not projects:
        return None
    ((name, since, reason),) = reader.rows(
        "SELECT name, since, reason FROM pending"
        " ORDER BY CASE WHEN attempts > 0 THEN 0 ELSE 1 END, since, name LIMIT 1"
    )
    serial = reader.value("SELECT min(serial) FROM pending WHERE serial > 0")
    return Pending(projects, int(failing), name, since, reason, serial or 0)


# -- why ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """A release on the way, and the requirement by which it needs the next one."""

    project: str
    version: str
    extra: str
    requirement: str
    kind: str  # runtime or build


@dataclass(frozen=True, slots=True)
class Reason:
    """A selected release and a shortest way to it from a root (None: no root reaches it)."""

    project: str
    version: str
    root: RootLine | None
    steps: tuple[Step, ...]
    held: str  # why it cannot be published yet; "" if it can


@dataclass(frozen=True, slots=True)
class Unselected:
    """What is known of what is not selected; ``listed`` if a page lists it still."""

    reason: str
    listed: bool


def why(reader: Reader, name: str, version: Version | None) -> list[Reason] | Unselected:
    """Why the project's releases (or the one version) are in the selection.

    ``name`` is normalised.
    """
    rows = reader.rows(
        "SELECT r.id, r.version, h.reason, r.key, min(s.extra)"
        " FROM projects p JOIN releases r ON r.project_id = p.id"
        " JOIN selected s ON s.release_id = r.id AND s.extra IN ('', '=')"
        " LEFT JOIN held h ON h.release = p.name || '==' || r.version"
        " WHERE p.name = ? GROUP BY r.id, r.version, h.reason, r.key ORDER BY r.key",
        name,
    )
    if version is not None:
        rows = [row for row in rows if bytes(row[3]) == versions.key(version)]
    if not rows:
        return _unselected(reader, name, version)
    chains = shortest([Node(row[0], row[4]) for row in rows], _Book(reader))
    labels = _labels(reader, chains.values())
    return [_reason(name, row, chains.get(Node(row[0], row[4])), labels) for row in rows]


def _reason(name: str, row: Any, chain: Chain | None, labels: Mapping[int, Any]) -> Reason:
    version, held = row[1], row[2]
    if chain is None:
        return Reason(name, version, None, (), held or "")
    steps = []
    for use in chain.uses:
        project, its_version = labels[use.user.release]
        steps.append(Step(project, its_version, use.user.extra, use.requirement, use.kind))
    return Reason(name, version, chain.root, tuple(steps), held or "")


class _Book:
    """A :class:`pypisync.core.chains.Book` over a reader."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def roots(self, nodes: Collection[Node]) -> Mapping[Node, RootLine]:
        """A root that calls for the node itself."""
        rows = self._reader.among(
            "SELECT rc.release_id, p.name, ro.selector, ro.extras, ro.origin FROM root_choices rc"
            " JOIN roots ro ON ro.id = rc.root_id JOIN projects p ON p.id = ro.project_id"
            " WHERE rc.release_id IN (?) ORDER BY ro.id",
            sorted({node.release for node in nodes}),
        )
        found: dict[Node, RootLine] = {}
        for release, *line in rows:
            root = RootLine(*line)
            for node in _served(release, root.extras, nodes):
                found.setdefault(node, root)
        return found

    def uses(self, nodes: Collection[Node]) -> Mapping[Node, Sequence[Use]]:
        """What needs the node."""
        rows = self._reader.among(
            "SELECT c.release_id, k.extras, s.release_id, s.extra, q.text, q.kind FROM choices c"
            " JOIN classes k ON k.id = c.class_id JOIN edges e ON e.class_id = k.id"
            " JOIN selected s ON s.id = e.selected_id"
            " JOIN requirements q ON q.id = e.requirement_id"
            " WHERE c.release_id IN (?) ORDER BY s.id, q.id",
            sorted({node.release for node in nodes}),
        )
        found: dict[Node, list[Use]] = {}
        for release, extras, user, extra, requirement, kind in rows:
            use = Use(Node(user, extra), requirement, kind)
            for node in _served(release, extras, nodes):
                found.setdefault(node, []).append(use)
        return found


def _served(release: int, extras: str, nodes: Collection[Node]) -> Iterable[Node]:
    """Those of the nodes that a call for this release with these extras calls for."""
    for extra in called(extras.split(",") if extras else ()):
        node = Node(release, extra)
        if node in nodes:
            yield node


def _labels(reader: Reader, chains: Iterable[Chain]) -> dict[int, tuple[str, str]]:
    releases = sorted({use.user.release for chain in chains for use in chain.uses})
    rows = reader.among(
        "SELECT r.id, p.name, r.version FROM releases r JOIN projects p ON p.id = r.project_id"
        " WHERE r.id IN (?)",
        releases,
    )
    return {release: (name, version) for release, name, version in rows}


def _unselected(reader: Reader, name: str, version: Version | None) -> Unselected:
    listed = reader.rows(
        "SELECT DISTINCT version FROM published WHERE name = ? AND last IS NULL", name
    )
    stays = any(version in (None, Version(row[0])) for row in listed)
    return Unselected(_missing(reader, name, version), stays)


def _missing(reader: Reader, name: str, version: Version | None) -> str:
    projects = reader.rows("SELECT id, status FROM projects WHERE name = ?", name)
    if not projects:
        return "not in the catalog: no root, pattern or requirement names it"
    ((project, state),) = projects
    if state == "gone":
        return "upstream has no such project"
    if state == "unseen":
        reason = reader.value("SELECT reason FROM pending WHERE name = ?", name)
        return "its document has not been read yet" + (f": {reason}" if reason else "")
    kept = {
        Version(row[0]): bool(row[1])
        for row in reader.rows(
            "SELECT version, kept FROM releases WHERE project_id = ? ORDER BY key DESC", project
        )
    }
    return _unwanted(kept, version, _barred(reader, project, version))


def _barred(reader: Reader, project: int, version: Version | None) -> str:
    """Why the policy bars files of this release; "" if it does not."""
    if version is None:
        return ""
    reason = reader.value(
        "SELECT min(f.barred) FROM files f JOIN releases r ON r.id = f.release_id"
        " WHERE r.project_id = ? AND r.key = ? AND f.barred <> ''",
        project,
        versions.key(version),
    )
    return reason or ""


def _unwanted(kept: Mapping[Version, bool], version: Version | None, barred: str) -> str:
    """Why none of these releases, newest first, is the selected one that was asked for."""
    if version is None:
        return (
            f"no root or requirement calls for any of its {len(kept)} releases"
            f" ({sum(kept.values())} with files that the configuration keeps)"
        )
    if version not in kept:
        newest = f"; the newest known is {next(iter(kept))}" if kept else ""
        return f"upstream has no such version{newest}"
    if not kept[version] and barred:
        return f"the policy bars it ({barred})"
    if not kept[version]:
        return "the configuration keeps none of its files (environment, file rules)"
    return "no root or requirement calls for it"
