"""One project as people look at it: its releases and files, and what needs what. Read-only.

Times are seconds since 1970, sizes bytes. Names are normalised.
"""

import re
from collections.abc import Sequence

from msgspec import Struct
from packaging.version import Version

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.db.statuses import NO_PROJECT
from pypisync.catalog.queries.proofs import Unproven
from pypisync.core.standards import versions

_BARRED, _LOOKED_AT = 3, 30  # releases


class Release(Struct, frozen=True):
    """A release that the project's page lists."""

    version: str
    files: int
    bytes: int
    generation: int  # the oldest since which a file of it has been listed


class Project(Struct, frozen=True):
    """A project that the mirror knows, with the releases on its page, the newest first."""

    name: str
    display: str
    status: str
    status_reason: str
    index: str  # "": none
    releases: Sequence[Release]
    known: int  # releases that upstream has
    selected: Sequence[str]  # versions that are wanted now, the newest first
    held: Sequence[tuple[str, str, float]]  # release, reason, since
    barred: Sequence[tuple[str, str]]  # versions newer than those on the page, and by which rule
    summary: str  # as its newest release says it that was read; "": nothing
    license: str


def project(reader: Reader, name: str) -> Project | None:
    """Returns the project of this name; None if the mirror knows nothing of it."""
    rows = reader.rows(
        "SELECT id, display, status, status_reason, index_name FROM projects WHERE name = ?", name
    )
    listed = reader.rows(
        "SELECT version, count(*), sum(size), min(first) FROM published"
        " WHERE name = ? AND last IS NULL GROUP BY version, key ORDER BY key DESC",
        name,
    )
    if not rows and not listed:
        return None
    ((number, display, status, reason, index),) = rows or [(0, "", "unseen", "", "")]
    known = reader.rows(
        "SELECT r.version, EXISTS (SELECT 1 FROM selected s WHERE s.release_id = r.id"
        " AND s.extra = '') FROM releases r WHERE r.project_id = ? ORDER BY r.key DESC",
        number,
    )
    return Project(
        name,
        display or name,
        status,
        reason or (NO_PROJECT if status == "gone" else ""),
        index,
        [Release(*row) for row in listed],
        len(known),
        [version for version, selected in known if selected],
        _held(reader, name),
        _barred(reader, number, listed[0][0] if listed else ""),
        *_about(reader, name),
    )


def _about(reader: Reader, name: str) -> tuple[str, str]:
    rows = reader.rows("SELECT summary, license FROM v_projects WHERE name = ?", name)
    ((summary, license_),) = rows or [("", "")]
    return summary or "", license_ or ""


def _held(reader: Reader, name: str) -> list[tuple[str, str, float]]:
    rows = reader.rows(
        "SELECT release, reason, since FROM held WHERE substr(release, 1, ?) = ? ORDER BY release",
        len(name) + 2,
        f"{name}==",
    )
    return [(row[0], row[1], row[2]) for row in rows]


def _barred(reader: Reader, project: int, newest: str) -> list[tuple[str, str]]:
    """Returns the final releases above ``newest`` ("": all) of which the policy bars files."""
    rows = reader.rows(
        "SELECT r.version, min(f.barred) FROM releases r JOIN files f ON f.release_id = r.id"
        " WHERE r.project_id = ? AND r.key > ? AND f.barred <> ''"
        " GROUP BY r.version, r.key ORDER BY r.key DESC LIMIT ?",
        project,
        versions.key_of(newest) or b"",
        _LOOKED_AT,
    )
    final = [(version, rule) for version, rule in rows if not Version(version).is_prerelease]
    return final[:_BARRED]


class ProjectFile(Struct, frozen=True):
    """A file on the project's page."""

    version: str
    filename: str
    path: str
    sha256: str
    size: int
    uploaded: str | None
    requires_python: str | None
    yanked: str | None  # the reason; None: not yanked
    generation: int  # since which it is listed


def files(reader: Reader, name: str, releases: Sequence[str]) -> dict[str, list[ProjectFile]]:
    """Returns the files on the project's page of these releases, by version."""
    if not releases:
        return {}
    marks = ",".join("?" * len(releases))
    rows = reader.rows(
        "SELECT version, filename, path, sha256, size, uploaded, requires_python, yanked, first"  # noqa: S608 - marks
        f" FROM published WHERE name = ? AND last IS NULL AND version IN ({marks})"
        " ORDER BY filename",
        name,
        *releases,
    )
    found: dict[str, list[ProjectFile]] = {version: [] for version in releases}
    for row in rows:
        found[row[0]].append(ProjectFile(*row))
    return found


# -- requirements ---------------------------------------------------------------------------


class Need(Struct, frozen=True):
    """A requirement of a release that can apply, and the releases chosen for it."""

    extra: str  # of the release, that has this requirement
    kind: str  # runtime or build
    requirement: str
    project: str
    fault: str  # why it can never be met
    chosen: tuple[str, ...]  # versions, the most preferred first


class User(Struct, frozen=True):
    """A selected release that needs the project."""

    project: str
    version: str
    requirement: str
    kind: str


def needs(reader: Reader, name: str, version: str, most: int) -> list[Need]:
    """Returns what a selected release needs, ``most`` requirements of it."""
    rows = reader.rows(
        "SELECT s.extra, q.kind, q.text, d.name, q.fault, q.id, e.class_id FROM projects p"
        " JOIN releases r ON r.project_id = p.id AND r.version = ?"
        " JOIN selected s ON s.release_id = r.id JOIN edges e ON e.selected_id = s.id"
        " JOIN requirements q ON q.id = e.requirement_id JOIN projects d ON d.id = q.project_id"
        " WHERE p.name = ? ORDER BY s.extra, q.kind DESC, d.name, q.id LIMIT ?",
        version,
        name,
        most,
    )
    chosen: dict[int, list[str]] = {}
    for number, text in reader.among(
        "SELECT c.class_id, r.version FROM choices c JOIN releases r ON r.id = c.release_id"
        " WHERE c.class_id IN (?) ORDER BY c.class_id, c.position",
        sorted({row[6] for row in rows if row[6] is not None}),
    ):
        chosen.setdefault(number, []).append(text)
    found = (
        Need(extra, kind, text, project, fault, tuple(chosen.get(number, ())))
        for extra, kind, text, project, fault, _, number in rows
    )
    return list(dict.fromkeys(found))  # a requirement may be kept in parts, by extras


def users(reader: Reader, name: str, most: int) -> tuple[list[User], int]:
    """Returns what needs the project, ``most`` requirements, and how many there are.

    Which of them, if there are more, follows from how the database keeps them: to sort those of a
    project that everything needs would take too long for a page.
    """
    total = reader.value(
        "SELECT coalesce(sum(c.uses), 0) FROM classes c JOIN projects p ON p.id = c.project_id"
        " WHERE p.name = ?",
        name,
    )
    rows = reader.rows(
        "SELECT up.name, ur.version, q.text, q.kind FROM"
        " (SELECT e.selected_id, e.requirement_id FROM projects p"
        "  JOIN classes c ON c.project_id = p.id JOIN edges e ON e.class_id = c.id"
        "  WHERE p.name = ? LIMIT ?) uses"
        " JOIN selected s ON s.id = uses.selected_id JOIN releases ur ON ur.id = s.release_id"
        " JOIN projects up ON up.id = ur.project_id"
        " JOIN requirements q ON q.id = uses.requirement_id",
        name,
        most,
    )
    return sorted({User(*row) for row in rows}, key=_order), max(int(total), len(rows))


def _order(user: User) -> tuple[str, bytes, str]:
    return user.project, versions.key_of(user.version) or b"", user.requirement


# -- proofs and vulnerabilities -------------------------------------------------------------


class ProvenBy(Struct, frozen=True):
    """A proof with a release of the project among its pins."""

    subject: str
    targets: str
    version: str
    chosen_by: str  # solver; pip or uv where that comes to another


class ReleaseVulnerability(Struct, frozen=True):
    """A known vulnerability of a release that was looked at."""

    version: str
    id: str
    summary: str
    fixed_in: str
    link: str
    selected: bool


def proofs(reader: Reader, name: str, most: int) -> tuple[list[ProvenBy], int]:
    """Returns the proofs with a pin of the project, ``most`` of them, and how many there are."""
    pins = (
        "FROM projects j JOIN proof_pins i ON i.project_id = j.id"
        " JOIN proofs p ON p.id = i.proof_id AND p.wanted"
    )
    total = reader.value(f"SELECT count(*) {pins} WHERE j.name = ?", name)
    rows = reader.rows(
        f"SELECT s.text, p.targets, i.version, i.chosen_by {pins}"
        " JOIN subjects s ON s.id = p.subject_id WHERE j.name = ? LIMIT ?",
        name,
        most,
    )
    return sorted(
        (ProvenBy(*row) for row in rows), key=lambda one: (one.subject, one.targets)
    ), total


def unproven(reader: Reader, name: str) -> list[Unproven]:
    """Returns the verdicts on the project's own roots that are no proof."""
    rows = reader.rows(
        "SELECT s.text, p.targets, p.verdict, p.why FROM proofs p"
        " JOIN subjects s ON s.id = p.subject_id"
        " WHERE p.wanted AND p.verdict IN ('refuted', 'undecided', 'blocked')"
        " AND s.digest = '' AND substr(s.text, 1, ?) = ? ORDER BY s.text, p.targets",
        len(name),
        name,
    )
    return [Unproven(*row) for row in rows if re.split(r"[^\w-]", row[0])[0] == name]


def vulnerabilities(reader: Reader, name: str, most: int) -> list[ReleaseVulnerability]:
    """Returns the known vulnerabilities of the project's releases, the selected ones first."""
    rows = reader.rows(
        "SELECT r.version, v.id, v.summary, v.fixed_in, v.link, EXISTS"
        " (SELECT 1 FROM selected s WHERE s.release_id = r.id) AS wanted FROM projects p"
        " JOIN releases r ON r.project_id = p.id JOIN vulnerabilities v ON v.release_id = r.id"
        " WHERE p.name = ? ORDER BY wanted DESC, r.key DESC, v.id LIMIT ?",
        name,
        most,
    )
    return [
        ReleaseVulnerability(row[0], row[1], row[2], row[3], row[4], bool(row[5])) for row in rows
    ]
