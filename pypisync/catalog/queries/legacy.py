"""What PyPI's JSON API says of a project on the pages, for mirrors of this mirror. Read-only."""

from datetime import UTC, datetime

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries import generations, journal
from pypisync.core.publish.legacy import Described
from pypisync.core.publish.pages import Page
from pypisync.core.standards.model import Vulnerability


def page(reader: Reader, name: str) -> tuple[Page, str] | None:
    """Returns the page of a project (normalised), and when it last changed; None: it has none.

    It is that of the newest generation that is told of. The time is as pages state upload times.
    """
    number = journal.newest(reader)
    found = generations.page(reader, number, name) if number else None
    if found is None:
        return None
    said = "SELECT at FROM journal WHERE serial = ?"
    at = datetime.fromtimestamp(int(reader.value(said, found.serial) or 0), UTC)
    return found, at.strftime("%Y-%m-%dT%H:%M:%SZ")


def about(reader: Reader, name: str, version: str) -> Described:
    """Returns what is known of a release besides its files."""
    rows = reader.rows(
        "SELECT r.id, r.summary, r.license, r.license_expression, r.knowledge, r.provides,"
        " r.examined FROM releases r JOIN projects p ON p.id = r.project_id"
        " WHERE p.name = ? AND r.version = ?",
        name,
        version,
    )
    if not rows:
        return Described()
    ((release, summary, license_, expression, knowledge, provides, examined),) = rows
    return Described(
        summary,
        license_,
        expression,
        _requires(reader, release) if knowledge == "known" else None,
        tuple(filter(None, provides.split(","))),
        None if examined is None else _vulnerabilities(reader, release),
    )


def _requires(reader: Reader, release: int) -> tuple[str, ...]:
    rows = reader.rows(
        "SELECT text FROM requirements WHERE release_id = ? AND kind = 'runtime' ORDER BY id",
        release,
    )
    return tuple(text for (text,) in rows)


def _vulnerabilities(reader: Reader, release: int) -> tuple[Vulnerability, ...]:
    rows = reader.rows(
        "SELECT id, aliases, summary, fixed_in, link FROM vulnerabilities WHERE release_id = ?"
        " ORDER BY id",
        release,
    )
    return tuple(
        Vulnerability(id_, _listed(aliases), summary, _listed(fixed_in), link)
        for id_, aliases, summary, fixed_in, link in rows
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))
