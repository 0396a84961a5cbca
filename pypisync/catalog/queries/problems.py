"""What is not as it should be, kind by kind, for people. Read-only; times are since 1970."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.db.statuses import NO_PROJECT


class Kind(Struct, frozen=True):
    """A kind of problem: its heading, what it means, and where its rows are."""

    title: str
    about: str
    columns: tuple[str, ...]  # headings: project, release, since are shown as what they are
    query: str  # the columns' values
    count: str


# CROSS JOIN keeps SQLite, which has no statistics, from reading all edges.
COUNT_UNMET = (
    "SELECT (SELECT count(*) FROM edges WHERE class_id IS NULL) + (SELECT count(*)"
    " FROM classes c CROSS JOIN edges e WHERE e.class_id = c.id AND c.unmet <> '0')"
)

KINDS: Mapping[str, Kind] = {
    "held": Kind(
        "Held releases",
        "Wanted, and not listed yet: what was listed before stays until they can be.",
        ("release", "reason", "since"),
        # What merely needs something that is held says less than what is held itself.
        "SELECT release, reason, since FROM held ORDER BY CASE WHEN substr(reason, 1, 6) = 'needs '"
        " THEN 1 ELSE 0 END, since, release",
        "SELECT count(*) FROM held",
    ),
    "pending": Kind(
        "Pending projects",
        "Their documents have still to be fetched from upstream; those with a reason failed.",
        ("project", "attempts", "reason", "since"),
        "SELECT name, attempts, reason, since FROM pending"
        " ORDER BY CASE WHEN attempts > 0 THEN 0 ELSE 1 END, since, name",
        "SELECT count(*) FROM pending",
    ),
    "unmet": Kind(
        "Unmet requirements",
        "Requirements of mirrored releases that nothing read upstream meets, on a machine or all.",
        ("project", "version", "requirement", "reason"),
        # What v_unmet says, from its rows instead of from all edges.
        "SELECT p.name, r.version, q.text, CASE WHEN q.fault <> '' THEN q.fault"  # noqa: S608 - constants
        f" WHEN d.status = 'gone' THEN coalesce(d.status_reason, '{NO_PROJECT}')"
        " WHEN d.status = 'unseen' THEN 'not read yet'"
        " WHEN d.status = 'quarantined' THEN 'upstream has quarantined the project'"
        " WHEN e.barred <> '' THEN e.barred"
        " WHEN EXISTS (SELECT 1 FROM choices h WHERE h.class_id = e.class_id)"
        " THEN 'no release for some targets' ELSE 'no release meets it' END"
        " FROM (SELECT selected_id, requirement_id, class_id, '' AS barred FROM edges"
        "  WHERE class_id IS NULL UNION ALL"
        "  SELECT b.selected_id, b.requirement_id, b.class_id, c.barred"
        "  FROM classes c CROSS JOIN edges b WHERE b.class_id = c.id AND c.unmet <> '0') e"
        " JOIN selected s ON s.id = e.selected_id JOIN releases r ON r.id = s.release_id"
        " JOIN projects p ON p.id = r.project_id JOIN requirements q ON q.id = e.requirement_id"
        " JOIN projects d ON d.id = q.project_id",
        COUNT_UNMET,
    ),
    "unproven": Kind(
        "Not proven",
        "Roots and groups that do not install on some machine, or where that is not known.",
        ("subject", "machines", "verdict", "why"),
        "SELECT subject, targets, verdict, why FROM v_proofs"
        " WHERE verdict IN ('refuted', 'undecided', 'blocked') ORDER BY subject, targets",
        "SELECT count(*) FROM proofs WHERE wanted"
        " AND verdict IN ('refuted', 'undecided', 'blocked')",
    ),
    "vulnerable": Kind(
        "Vulnerable releases",
        "Mirrored releases with a known vulnerability.",
        ("project", "version", "id", "fixed in", "summary"),
        # CROSS JOIN keeps SQLite from reading all releases first.
        "SELECT p.name, r.version, v.id, v.fixed_in, v.summary FROM vulnerabilities v"
        " CROSS JOIN releases r CROSS JOIN projects p"
        " WHERE r.id = v.release_id AND p.id = r.project_id"
        " AND EXISTS (SELECT 1 FROM selected s WHERE s.release_id = r.id)"
        " ORDER BY p.name, r.key DESC, v.id",
        "SELECT count(*) FROM vulnerabilities v"
        " WHERE EXISTS (SELECT 1 FROM selected s WHERE s.release_id = v.release_id)",
    ),
    "quarantined": Kind(
        "Quarantined by upstream",
        "Off the pages at once, and kept until upstream clears or removes them.",
        ("project", "version", "since"),
        "SELECT name, version, since FROM quarantines ORDER BY name, version",
        "SELECT count(*) FROM quarantines",
    ),
    "skipped": Kind(
        "Skipped",
        "Versions and files that upstream lists and the standards do not allow; installers ignore"
        " them as well, so nothing needs to be done.",
        ("project", "what", "reason"),
        "SELECT p.name, k.what, k.reason FROM skipped k JOIN projects p ON p.id = k.project_id"
        " ORDER BY k.id",
        "SELECT count(*) FROM skipped",
    ),
}


def count(reader: Reader, kind: str) -> int:
    """Returns how many problems of a kind there are."""
    return int(reader.value(KINDS[kind].count))


def problems(reader: Reader, kind: str, *, offset: int, most: int) -> list[Sequence[Any]]:
    """Returns ``most`` problems of a kind, with the values of its columns."""
    return reader.rows(f"{KINDS[kind].query} LIMIT ? OFFSET ?", most, offset)
