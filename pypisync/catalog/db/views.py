"""The stable views: what operators may build queries on.

Their names and columns stay as they are across versions; columns may be added. The tables below
them may change with any version. Times are seconds since 1970, UTC.
"""

import re

from msgspec import Struct
from sqlalchemy import Connection, text

from pypisync.catalog.db import statuses
from pypisync.catalog.db.origins import EXTRAS, OPERATORS, SHOWN
from pypisync.catalog.db.statuses import NO_PROJECT
from pypisync.core.wanted.roots import Origin

_SECONDS = {
    "sqlite": r"CAST(strftime('%s', \1) AS INTEGER)",
    "postgresql": r"CAST(floor(extract(epoch FROM CAST(\1 AS timestamptz))) AS bigint)",
}
"""How a time that upstream states becomes seconds since 1970; ``seconds_of(x)`` in a query."""
_HEX = {"sqlite": r"NULLIF(lower(hex(\1)), '')", "postgresql": r"encode(\1, 'hex')"}
"""How the key of a version becomes text that sorts as it does; ``hex_of(x)`` in a query."""


class View(Struct, frozen=True):
    """A view, what it holds, and its query in the words of PostgreSQL."""

    name: str
    comment: str
    query: str


VIEWS = (
    View(
        "v_projects",
        "Projects the mirror knows; selected: releases wanted now, listed: files on its page;"
        " summary, license: of the newest release whose METADATA was read.",
        """
        SELECT p.name, p.display, p.status, p.status_reason, p.serial,
            (SELECT count(DISTINCT r.id) FROM releases r JOIN selected s ON s.release_id = r.id
                WHERE r.project_id = p.id AND s.extra = '') AS selected,
            (SELECT count(*) FROM published u WHERE u.name = p.name AND u.last IS NULL) AS listed,
            p.index_name,
            (SELECT r.summary FROM releases r WHERE r.project_id = p.id
                AND r.summary IS NOT NULL ORDER BY r.key DESC LIMIT 1) AS summary,
            (SELECT COALESCE(NULLIF(r.license_expression, ''), r.license) FROM releases r
                WHERE r.project_id = p.id
                AND r.license IS NOT NULL ORDER BY r.key DESC LIMIT 1) AS license
        FROM projects p
        """,
    ),
    View(
        "v_releases",
        "Releases upstream has; selected: 1 if wanted now; source: where requirements were read;"
        " version_key: sorts as PEP 440 does; summary, license, license_expression: as its METADATA"
        " says, null if none was read.",
        """
        SELECT p.name AS project, r.version, r.prerelease, r.knowledge, r.source,
            CASE WHEN EXISTS (SELECT 1 FROM selected s
                WHERE s.release_id = r.id AND s.extra = '') THEN 1 ELSE 0 END AS selected,
            p.index_name, hex_of(r.key) AS version_key,
            r.summary, r.license, r.license_expression
        FROM releases r JOIN projects p ON p.id = r.project_id
        """,
    ),
    View(
        "v_files",
        "Files upstream has; kept: by the rules, barred: by the policy, stored, listed: on a page;"
        " verified: by which hash of upstream's, unverified if it states none; stops_pip, stops_uv:"
        " what in the stored wheel stops them when they install it.",
        """
        SELECT p.name AS project, r.version, f.filename, f.kind, f.size, f.sha256,
            seconds_of(f.uploaded) AS uploaded,
            f.requires_python, f.yanked, f.kept, f.path, f.barred,
            CASE WHEN f.stated IS NULL THEN 'sha256' WHEN f.stated = '' THEN 'unverified'
                ELSE f.stated END AS verified,
            CASE WHEN t.path IS NULL THEN 0 ELSE 1 END AS stored,
            CASE WHEN u.id IS NULL THEN 0 ELSE 1 END AS listed, f.index_name,
            hex_of(r.key) AS version_key,
            COALESCE(t.stops_pip, '') AS stops_pip, COALESCE(t.stops_uv, '') AS stops_uv
        FROM files f JOIN releases r ON r.id = f.release_id JOIN projects p ON p.id = r.project_id
        LEFT JOIN stored t ON t.path = f.path
        LEFT JOIN published u
            ON u.name = p.name AND u.last IS NULL AND u.filename = f.filename
        """,
    ),
    View(
        "v_dependencies",
        "Requirements of selected releases that can apply, with the releases chosen for each.",
        """
        SELECT p.name AS project, r.version, s.extra, q.kind, q.text AS requirement,
            d.name AS needs, cr.version AS chosen, q.fault
        FROM edges e
        JOIN selected s ON s.id = e.selected_id
        JOIN releases r ON r.id = s.release_id
        JOIN projects p ON p.id = r.project_id
        JOIN requirements q ON q.id = e.requirement_id
        JOIN projects d ON d.id = q.project_id
        LEFT JOIN choices c ON c.class_id = e.class_id
        LEFT JOIN releases cr ON cr.id = c.release_id
        """,
    ),
    View(
        "v_reasons",
        "Why a release is in the selection: what chose it; purpose: of roots of PypiSync's own.",
        f"""
        SELECT p.name AS project, r.version,
            CASE WHEN {OPERATORS} THEN 'root' ELSE ro.origin END AS reason,
            rp.name AS needed_by, '' AS needed_by_version, ro.selector AS requirement,
            {SHOWN} AS origin,
            CASE ro.origin
                WHEN '{Origin.PROOF}' THEN COALESCE((
                    SELECT min('the proof of ' || s.text || ' on ' || o.targets)
                        || CASE count(*) WHEN 1 THEN ''
                            ELSE ' and ' || (count(*) - 1) || ' more' END
                    FROM proofs o JOIN subjects s ON s.id = o.subject_id
                    WHERE o.wanted AND o.id IN (
                        SELECT proof_id FROM proof_pins i WHERE i.project_id = ro.project_id
                            AND i.version = ro.selector AND i.added
                        UNION SELECT proof_id FROM proof_tried i
                            WHERE i.project_id = ro.project_id AND i.version = ro.selector)), '')
                WHEN '{Origin.HELD}' THEN COALESCE((
                    SELECT min(h.release || ' is held: ' || h.reason) FROM held h
                    WHERE substr(h.release, 1, length(rp.name) + 2) = rp.name || '=='), (
                    SELECT min('the proof of ' || s.text || ' on ' || o.targets
                        || ' until newer pins are listed')
                    FROM proofs o JOIN subjects s ON s.id = o.subject_id
                    WHERE o.published AND o.id IN (
                        SELECT proof_id FROM proof_pins i
                            WHERE i.project_id = ro.project_id AND i.version = ro.selector
                        UNION SELECT proof_id FROM proof_tried i
                            WHERE i.project_id = ro.project_id AND i.version = ro.selector)
                        AND EXISTS (SELECT 1 FROM proofs n WHERE n.subject_id = o.subject_id
                            AND n.wanted AND NOT n.published)), '')
                ELSE '' END AS purpose
        FROM root_choices rc
        JOIN roots ro ON ro.id = rc.root_id JOIN projects rp ON rp.id = ro.project_id
        JOIN releases r ON r.id = rc.release_id JOIN projects p ON p.id = r.project_id
        UNION ALL
        SELECT p.name, r.version, q.kind, np.name, nr.version, q.text, '', ''
        FROM choices c
        JOIN releases r ON r.id = c.release_id JOIN projects p ON p.id = r.project_id
        JOIN edges e ON e.class_id = c.class_id
        JOIN selected s ON s.id = e.selected_id
        JOIN releases nr ON nr.id = s.release_id JOIN projects np ON np.id = nr.project_id
        JOIN requirements q ON q.id = e.requirement_id
        """,
    ),
    View(
        "v_roots",
        "Wanted lines (origin: a pattern, group:FILE, proof or held), and the releases called for.",
        f"""
        SELECT p.name AS project, ro.selector, {EXTRAS} AS extras,
            {SHOWN} AS origin,
            r.version AS chosen, ro.marker
        FROM roots ro JOIN projects p ON p.id = ro.project_id
        LEFT JOIN root_choices rc ON rc.root_id = ro.id
        LEFT JOIN releases r ON r.id = rc.release_id
        """,
    ),
    View(
        "v_unmet",
        "Requirements of the selection that nothing read upstream meets, on some target or on all.",
        f"""
        SELECT p.name AS project, r.version, s.extra, q.kind, q.text AS requirement,
            CASE WHEN q.fault <> '' THEN q.fault
                WHEN d.status = 'gone' THEN coalesce(d.status_reason, '{NO_PROJECT}')
                WHEN d.status = 'unseen' THEN 'not read yet'
                WHEN d.status = 'quarantined' THEN 'upstream has quarantined the project'
                WHEN c.barred <> '' THEN c.barred
                WHEN EXISTS (SELECT 1 FROM choices h WHERE h.class_id = c.id)
                    THEN 'no release for some targets'
                ELSE 'no release meets it' END AS reason,
            c.unmet AS targets
        FROM edges e
        JOIN selected s ON s.id = e.selected_id
        JOIN releases r ON r.id = s.release_id JOIN projects p ON p.id = r.project_id
        JOIN requirements q ON q.id = e.requirement_id
        JOIN projects d ON d.id = q.project_id
        LEFT JOIN classes c ON c.id = e.class_id
        WHERE c.id IS NULL OR c.unmet <> '0'
        """,
    ),
    View(
        "v_named",
        "Files that lock files name (by sha256, or else by filename), and the file that is meant.",
        f"""
        SELECT ro.source AS lock_file, p.name AS project, ro.selector AS version,
            l.sha256, l.filename, f.filename AS found
        FROM locked l JOIN roots ro ON ro.id = l.root_id JOIN projects p ON p.id = ro.project_id
        LEFT JOIN root_choices rc ON rc.root_id = ro.id
        LEFT JOIN files f ON f.release_id = rc.release_id AND (
            l.sha256 <> '' AND l.sha256 = f.sha256
            OR l.sha256 = '' AND (l.filename = f.filename OR l.filename = '' AND f.kept))
        WHERE ro.origin = '{Origin.GROUP}'
        """,
    ),
    View(
        "v_vulnerabilities",
        "Known vulnerabilities of releases that were looked at; barred: 1 if the policy bars it.",
        """
        SELECT p.name AS project, r.version, v.id, v.aliases, v.summary, v.fixed_in, v.link,
            CASE WHEN EXISTS (SELECT 1 FROM selected s WHERE s.release_id = r.id)
                THEN 1 ELSE 0 END AS selected,
            CASE WHEN EXISTS (SELECT 1 FROM files f WHERE f.release_id = r.id AND f.barred <> '')
                THEN 1 ELSE 0 END AS barred,
            r.examined
        FROM vulnerabilities v
        JOIN releases r ON r.id = v.release_id JOIN projects p ON p.id = r.project_id
        """,
    ),
    View(
        "v_proofs",
        "Verdicts on roots and groups by target; published: 1 if its pins are all on the pages.",
        """
        SELECT p.id AS proof, s.text AS subject, p.targets, p.verdict, p.why, p.steps, p.at,
            CASE WHEN p.published THEN 1 ELSE 0 END AS published
        FROM proofs p JOIN subjects s ON s.id = p.subject_id WHERE p.wanted
        """,
    ),
    View(
        "v_pins",
        "Pins of proofs; chosen_by: solver, or pip or uv where it differs; added: by proofs alone.",
        """
        SELECT i.proof_id AS proof, s.text AS subject, p.targets, j.name AS project, i.version,
            i.extras, i.chosen_by, CASE WHEN i.added THEN 1 ELSE 0 END AS added, j.index_name
        FROM proof_pins i JOIN proofs p ON p.id = i.proof_id
        JOIN subjects s ON s.id = p.subject_id JOIN projects j ON j.id = i.project_id
        WHERE p.wanted
        """,
    ),
    View(
        "v_tried",
        "Releases that pip or uv looks at, and leaves, on the way to the pins of a proof.",
        """
        SELECT i.proof_id AS proof, s.text AS subject, p.targets, j.name AS project, i.version
        FROM proof_tried i JOIN proofs p ON p.id = i.proof_id
        JOIN subjects s ON s.id = p.subject_id JOIN projects j ON j.id = i.project_id
        WHERE p.wanted
        """,
    ),
    View(
        "v_published_proofs",
        "Verdicts and pins that generations were published with, from the first to the last.",
        """
        SELECT p.subject, p.targets, p.verdict, coalesce((
            SELECT string_agg(label, ', ') FROM (
                SELECT i.name || CASE WHEN i.extras = '' THEN '' ELSE '[' || i.extras || ']' END
                    || '==' || i.version
                    || CASE WHEN i.chosen_by = 'solver' THEN '' ELSE ' (' || i.chosen_by || ')' END
                    AS label
                FROM published_pins i WHERE i.published_proof_id = p.id
                ORDER BY i.name, i.chosen_by
            ) AS pins
        ), '') AS pins, p.first AS first_generation, p.last AS last_generation
        FROM published_proofs p
        """,
    ),
    View(
        "v_published_pins",
        "Releases of the verdicts that generations were published with; extras: with commas.",
        """
        SELECT p.subject, p.targets, i.name AS project, i.version, i.extras, i.chosen_by,
            p.first AS first_generation, p.last AS last_generation
        FROM published_pins i JOIN published_proofs p ON p.id = i.published_proof_id
        """,
    ),
    View("v_held", "Releases that are wanted and cannot be published yet.",
         "SELECT release, reason, since FROM held"),
    View("v_pending", "Projects whose document has still to be fetched.",
         "SELECT name AS project, serial, since, attempts, reason, index_name FROM pending"),
    View(
        "v_quarantined",
        "What upstream has quarantined, the whole project where version is empty; files, bytes:"
        " kept meanwhile.",
        """
        SELECT q.name AS project, q.version, q.since, count(f.path) AS files,
            COALESCE(sum(t.size), 0) AS bytes
        FROM quarantines q
        LEFT JOIN quarantined f ON f.name = q.name AND (q.version = '' OR f.version = q.version)
        LEFT JOIN stored t ON t.path = f.path
        GROUP BY q.name, q.version, q.since
        """,
    ),
    View("v_skipped", "Versions and files upstream lists that the standards do not allow.",
         "SELECT p.name AS project, k.what, k.reason"
         " FROM skipped k JOIN projects p ON p.id = k.project_id"),
    View("v_listed", "Files on the mirror's pages now; version_key: sorts as PEP 440 does.",
         "SELECT name AS project, version, filename, size, sha256,"
         " seconds_of(uploaded) AS uploaded, requires_python,"
         " yanked, path, first AS since_generation, hex_of(key) AS version_key"
         " FROM published WHERE last IS NULL"),
    View(
        "v_generations",
        "Published states of the index; replaced: when the next came, repeats: after a rollback.",
        """
        SELECT id AS generation, serial, at, complete, replaced, repeats, frozen,
            projects, releases, files, bytes, pages, came, went, changed
        FROM generations
        """,
    ),
    View(
        "v_changes",
        "Files that came onto the pages or went from them, by the generation that did it.",
        """
        SELECT first AS generation, 'came' AS change, name AS project, version, filename, size,
            hex_of(key) AS version_key
        FROM published
        UNION ALL
        SELECT last + 1, 'went', name, version, filename, size, hex_of(key)
        FROM published WHERE last IS NOT NULL
        """,
    ),
    View(
        "v_root_sizes",
        "What each wanted line leads to: kept files and bytes, and those that only it leads to.",
        f"""
        WITH RECURSIVE reach(root_id, release_id) AS (
            SELECT root_id, release_id FROM root_choices
            UNION
            SELECT reach.root_id, c.release_id
            FROM reach JOIN selected s ON s.release_id = reach.release_id
            JOIN edges e ON e.selected_id = s.id JOIN choices c ON c.class_id = e.class_id
        ), sizes AS (
            SELECT release_id, count(*) AS files, COALESCE(sum(size), 0) AS bytes
            FROM files WHERE kept GROUP BY release_id
        ), alone AS (
            SELECT release_id FROM reach GROUP BY release_id HAVING count(*) = 1
        )
        SELECT p.name AS project, ro.selector, {EXTRAS} AS extras,
            {SHOWN} AS origin,
            count(reach.release_id) AS releases,
            CAST(COALESCE(sum(z.files), 0) AS bigint) AS files,
            CAST(COALESCE(sum(z.bytes), 0) AS bigint) AS bytes,
            CAST(COALESCE(sum(CASE WHEN a.release_id IS NULL THEN 0 ELSE z.files END), 0)
                AS bigint) AS files_alone,
            CAST(COALESCE(sum(CASE WHEN a.release_id IS NULL THEN 0 ELSE z.bytes END), 0)
                AS bigint) AS bytes_alone
        FROM roots ro JOIN projects p ON p.id = ro.project_id
        LEFT JOIN reach ON reach.root_id = ro.id
        LEFT JOIN sizes z ON z.release_id = reach.release_id
        LEFT JOIN alone a ON a.release_id = reach.release_id
        GROUP BY ro.id, p.name, ro.selector, ro.extras, ro.pinned, ro.origin, ro.source
        """,
    ),
    View("v_generation_names", "Names of generations, which are kept for ever.",
         "SELECT name, generation_id AS generation FROM generation_names"),
    View("v_runs", "Cycles; report: JSON with counts, failures and seconds by step.",
         "SELECT id AS run, started, finished, serial, generation, outcome, report FROM runs"),
    View("v_statuses", "What the values in columns of the views mean.", statuses.query()),
)  # fmt: skip


def create(connection: Connection) -> None:
    """Make the views of this code, where there are none."""
    for view in VIEWS:
        query = view.query
        if connection.dialect.name == "sqlite":
            query = query.replace("string_agg(", "group_concat(")  # its name before SQLite 3.44
        query = re.sub(r"seconds_of\(([a-z.]+)\)", _SECONDS[connection.dialect.name], query)
        query = re.sub(r"hex_of\(([a-z.]+)\)", _HEX[connection.dialect.name], query)
        connection.exec_driver_sql(f"CREATE VIEW {view.name} AS {query}")
        if connection.dialect.name == "postgresql":
            comment = view.comment.replace("'", "''")
            connection.exec_driver_sql(f"COMMENT ON VIEW {view.name} IS '{comment}'")


def drop(connection: Connection) -> None:
    """Drop the views, which stand in the way of changes to their tables."""
    for view in reversed(VIEWS):
        connection.execute(text(f"DROP VIEW IF EXISTS {view.name}"))
