"""How the mirror is, as operators and monitoring ask for it.

Read-only, through :class:`pypisync.catalog.db.reader.Reader`, so that the answer comes at once.
Times are seconds since 1970, sizes bytes.
"""

import json
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.db.setting_names import CONFIGURATION
from pypisync.catalog.queries.fed import LastBundle, last_bundle, refusal
from pypisync.catalog.queries.problems import COUNT_UNMET
from pypisync.catalog.queries.proofs import Verdicts, verdicts
from pypisync.core.filters.policy import RULES, rule
from pypisync.core.standards.model import ENDPOINT

# CROSS JOIN keeps SQLite, which has no statistics, from looking up the project of every page.
_ELSEWHERE = (
    "SELECT p.index_name, count(*) FROM projects p CROSS JOIN pages g WHERE p.index_name <> ?"
    " AND g.name = p.name AND g.last IS NULL GROUP BY p.index_name"
)
_FIRST = 5  # of what is held, vulnerable or not proven
_ENDED = ("done", "incomplete", "stopped", "failed")


class Run(Struct, frozen=True):
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
    frozen: int = 0  # the generation that the index stayed at; 0: it followed upstream


class Pending(Struct, frozen=True):
    """The projects whose document is still owed; the first of those that failed, or the oldest."""

    projects: int
    failing: int  # those tried in vain
    name: str
    since: float
    reason: str
    serial: int = 0  # the oldest that a document is owed for; 0: none (they are looked at anew)


class Status(Struct, frozen=True):
    """How the mirror is. ``last`` is the newest run, ``good`` the newest without a fault."""

    last: Run | None
    finished: Run | None  # the newest that is not running (any more)
    good: Run | None
    completed: Run | None  # the newest that got to its end, with or without faults
    serial: int | None
    generation: tuple[int, int, float, bool] | None  # number, serial, time, pages all written
    frozen: tuple[int, float] | None  # the generation that the index stays at, and since when
    released: bool  # the index may follow upstream again, and no cycle has published since
    listed: Mapping[str, int]  # projects, releases, files, bytes
    indexes: Mapping[str, int]  # projects that the pages list, by the index that they are from
    configuration: str  # the digest of what the last completed cycle used; "": not on record
    feeds: Mapping[str, str]  # by index how it tells its changes: changelog, serials or polling
    broken: tuple[float, str] | None  # since when an index denies too much, and how much that is
    pending: Pending | None
    held: int
    held_first: Sequence[tuple[str, str, float]]  # release, reason, since
    quarantined: Sequence[tuple[str, float]]  # "name" or "name==version" by upstream, since when
    unmet: int
    skipped: int
    barred: int  # files, by the policy
    barred_by: Mapping[str, int]  # the same by the rule; undated: upstream tells no upload time
    matures: float | None  # when the next of them is old enough
    vulnerable: int  # selected releases
    vulnerable_first: Sequence[tuple[str, str]]  # release, ids
    proofs: Verdicts
    bundle: LastBundle | None = None  # the last one, if bundles feed the mirror
    refusal: str = ""  # why the daemon could not import what lies in its folder, the first as well

    @property
    def well(self) -> bool:
        """Whether nothing is held, nothing fails, and the last finished run did all it had to."""
        failing = self.pending is not None and self.pending.failing > 0
        done = self.finished is not None and self.finished.outcome == "done"
        return done and not self.held and not failing


def read_status(reader: Reader) -> Status:
    """Returns how the mirror is, with the first of what is held. Raises CatalogError."""
    serial = reader.value("SELECT value FROM settings WHERE name = ?", "serial")
    generations = reader.rows(
        "SELECT id, serial, at, complete FROM generations ORDER BY id DESC LIMIT 1"
    )
    frozen = reader.rows("SELECT id, frozen FROM generations WHERE frozen IS NOT NULL")
    barred, completed, bundle = _barred(reader), _completed(reader), last_bundle(reader)
    return Status(
        last=_run(reader, ("running", *_ENDED)),
        finished=_run(reader, _ENDED),
        good=_run(reader, ("done",)),
        completed=completed,
        serial=None if serial is None else int(serial),
        generation=(*generations[0][:3], bool(generations[0][3])) if generations else None,
        frozen=(frozen[0][0], frozen[0][1]) if frozen else None,
        released=not (frozen or bundle) and _kept_back(reader, completed),
        listed=_listed(reader),
        indexes=_by_index(reader),
        configuration=reader.value("SELECT max(value) FROM settings WHERE name = ?", CONFIGURATION)
        or "",
        feeds=_feeds(reader),
        broken=_broken(reader),
        pending=_pending(reader),
        held=reader.value("SELECT count(*) FROM held"),
        held_first=_held(reader),
        quarantined=_quarantined(reader),
        unmet=reader.value(COUNT_UNMET),
        skipped=reader.value("SELECT count(*) FROM skipped"),
        barred=sum(barred.values()),
        barred_by=barred,
        matures=reader.value("SELECT min(matures) FROM files WHERE matures IS NOT NULL"),
        vulnerable=reader.value(
            "SELECT count(DISTINCT v.release_id) FROM vulnerabilities v"
            " JOIN selected s ON s.release_id = v.release_id"
        ),
        vulnerable_first=_vulnerable(reader),
        proofs=verdicts(reader, _FIRST),
        bundle=bundle,
        refusal=refusal(reader),
    )


def _completed(reader: Reader) -> Run | None:
    """Returns the newest run that got to its end; it ended before any later one began.

    A clock that ran ahead says otherwise, and the mirror would count as fresh until that time.
    """
    run = _run(reader, ("done", "incomplete"))
    if run is None or run.finished is None:
        return run
    later = reader.value("SELECT min(started) FROM runs WHERE id > ?", run.number)
    return run if later is None else replace(run, finished=min(run.finished, later))


def _kept_back(reader: Reader, completed: Run | None) -> bool:
    """Returns whether the index was frozen in the last completed cycle, or has gone back since."""
    if completed is None or completed.finished is None or completed.frozen:
        return completed is not None and bool(completed.frozen)
    back = reader.value(
        "SELECT at FROM generations WHERE repeats IS NOT NULL"
        " AND id = (SELECT max(id) FROM generations)"
    )
    return back is not None and back > completed.finished


def _by_index(reader: Reader) -> dict[str, int]:
    """Returns how many projects of each index the pages list; nearly all are the endpoint's."""
    found: dict[str, int] = dict(reader.rows(_ELSEWHERE, ENDPOINT))
    total = reader.value("SELECT count(*) FROM pages WHERE last IS NULL")
    found[ENDPOINT] = total - sum(found.values())
    return {name: found[name] for name in sorted(found) if name and found[name]}


def _held(reader: Reader) -> list[tuple[str, str, float]]:
    """Returns the first held releases, with reason and time."""
    rows = reader.rows(
        # What merely needs something that is held says less than what is held itself.
        "SELECT release, reason, since FROM held"
        " ORDER BY CASE WHEN reason LIKE ? THEN 1 ELSE 0 END, since, release LIMIT ?",
        "needs %, which is held",
        _FIRST,
    )
    return [(release, reason, since) for release, reason, since in rows]


def _feeds(reader: Reader) -> dict[str, str]:
    rows = reader.rows("SELECT name, value FROM settings WHERE name LIKE ? ORDER BY name", "feed:%")
    return {name.partition(":")[2]: kind for name, kind in rows}


def _broken(reader: Reader) -> tuple[float, str] | None:
    text = reader.value("SELECT max(value) FROM settings WHERE name = ?", "broken")
    if not text:
        return None
    since, _, said = text.partition(" ")
    return float(since), said


def _quarantined(reader: Reader) -> list[tuple[str, float]]:
    rows = reader.rows("SELECT name, version, since FROM quarantines ORDER BY name, version")
    return [(f"{name}=={version}" if version else name, since) for name, version, since in rows]


def _barred(reader: Reader) -> dict[str, int]:
    """Returns how many files each rule of the policy bars."""
    query = "SELECT barred, count(*) FROM files WHERE barred <> '' GROUP BY barred"
    found = dict.fromkeys(RULES, 0)
    for reason, number in reader.rows(query):
        found[rule(reason)] += number
    return found


def _vulnerable(reader: Reader) -> list[tuple[str, str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for project, version, number in reader.rows(
        # CROSS JOIN keeps SQLite from reading all releases first.
        "SELECT p.name, r.version, v.id FROM vulnerabilities v CROSS JOIN releases r"
        " CROSS JOIN projects p WHERE r.id = v.release_id AND p.id = r.project_id"
        " AND EXISTS (SELECT 1 FROM selected s WHERE s.release_id = r.id)"
        " ORDER BY p.name, r.version, v.id"
    ):
        found.setdefault((project, version), []).append(number)
    return [
        (f"{project}=={version}", ", ".join(ids))
        for (project, version), ids in list(found.items())[:_FIRST]
    ]


def _run(reader: Reader, outcomes: Sequence[str]) -> Run | None:
    """Returns the newest run with one of these outcomes."""
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
            report.get("frozen", 0),
        )
    return None


def _listed(reader: Reader) -> dict[str, int]:
    # The newest generation says it: to count again would take 0.2 s among 80,000 files.
    said = reader.rows(
        "SELECT projects, releases, files, bytes FROM generations ORDER BY id DESC LIMIT 1"
    )
    if said:
        return dict(zip(("projects", "releases", "files", "bytes"), said[0], strict=True))
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
