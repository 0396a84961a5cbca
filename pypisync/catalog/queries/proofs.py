"""The proofs on record, as operators ask for them. Read-only."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from pypisync.catalog.db.reader import Reader
from pypisync.core.standards.model import Pin
from pypisync.core.wanted.groups import means

VERDICTS = ("proven", "refuted", "undecided", "blocked")
# Names of targets stand in one text, separated by ", ".
_TARGETS = "length(targets) - length(replace(targets, ', ', ',')) + 1"


class Unproven(Struct, frozen=True):
    """A root or group that does not install on some targets."""

    subject: str
    targets: str
    verdict: str
    why: str  # lines


class Verdicts(Struct, frozen=True):
    """How the roots and groups stand."""

    counts: Mapping[str, int]  # of pairs of a subject and a target, by verdict
    waiting: int  # subjects whose newest verdicts are not on the pages yet
    # Proven, but installers may come to other pins: what they examine takes too much room, or
    # their search took too long.
    unsure: int  # pairs
    first: Sequence[Unproven]


def verdicts(reader: Reader, first: int) -> Verdicts:
    """Returns all of them counted, and the ``first`` of those that are not proven."""
    counted = reader.rows(
        f"SELECT verdict, sum({_TARGETS}) FROM proofs WHERE wanted GROUP BY verdict"  # noqa: S608 - constants
    )
    rows = reader.rows(
        "SELECT s.text, p.targets, p.verdict, p.why FROM proofs p"
        " JOIN subjects s ON s.id = p.subject_id"
        " WHERE p.verdict IN ('refuted', 'undecided', 'blocked') AND p.wanted"
        " ORDER BY CASE p.verdict WHEN 'undecided' THEN 0 ELSE 1 END, s.text, p.id LIMIT ?",
        first,
    )
    return Verdicts(
        counts=dict.fromkeys(VERDICTS, 0) | {verdict: int(number) for verdict, number in counted},
        waiting=reader.value(
            "SELECT count(DISTINCT subject_id) FROM proofs WHERE wanted AND NOT published"
        ),
        unsure=int(
            reader.value(
                f"SELECT coalesce(sum({_TARGETS}), 0) FROM proofs"  # noqa: S608 - constants
                " WHERE wanted AND verdict = 'proven' AND why <> ''"
            )
        ),
        first=[Unproven(*row) for row in rows],
    )


def verdicts_of(reader: Reader, subjects: Iterable[str]) -> dict[str, dict[str, int]]:
    """Returns on how many targets each verdict holds, by subject: a requirement's or group's text.

    A subject without a verdict is left out.
    """
    rows = reader.among(
        f"SELECT s.text, p.verdict, sum({_TARGETS}) FROM subjects s"  # noqa: S608 - constants
        " JOIN proofs p ON p.subject_id = s.id AND p.wanted"
        " WHERE s.text IN (?) GROUP BY s.text, p.verdict",
        subjects,
    )
    found: dict[str, dict[str, int]] = {}
    for text, verdict, count in sorted(rows, key=lambda row: VERDICTS.index(row[1])):
        found.setdefault(text, {})[verdict] = int(count)
    return found


# -- on record ------------------------------------------------------------------------------


class OnRecord(Struct, frozen=True):
    """A verdict. ``state``: published, waiting, kept (on the pages until the new one is), or open.

    What is open has not been proven yet, so it has no verdict.
    """

    subject: str
    targets: str
    verdict: str
    state: str
    releases: int  # that an installation has; of the solver's choice
    at: float | None
    why: Sequence[str] = ()
    pins: Sequence[Pin] = ()


def on_record(reader: Reader, given: str | None, verdict: str | None) -> list[OnRecord] | None:
    """Returns the verdicts of all subjects, or of one with its pins; None: no such subject.

    ``verdict``: only these.
    """
    texts = [row[0] for row in reader.rows("SELECT text FROM subjects ORDER BY text")]
    if given is not None:
        texts = [text for text in texts if text == given] or [
            text for text in texts if means(given, text)
        ]
        if not texts:
            return None
    rows = reader.among(
        "SELECT s.text, p.targets, p.verdict, p.wanted, p.published, p.at, p.why, p.id,"
        " (SELECT count(*) FROM proof_pins i WHERE i.proof_id = p.id AND i.chosen_by = 'solver')"
        " FROM subjects s LEFT JOIN proofs p ON p.subject_id = s.id WHERE s.text IN (?)",
        texts,
    )
    found = [
        OnRecord(
            text,
            targets or "",
            came_out or "",
            _state(came_out, wanted=bool(wanted), published=bool(published)),
            releases,
            at,
            tuple(why.split("\n")) if why else (),
            _pins(reader, number) if given is not None and number is not None else (),
        )
        for text, targets, came_out, wanted, published, at, why, number, releases in rows
        if verdict in (None, came_out)
    ]
    return sorted(found, key=lambda one: (one.subject, one.state == "kept", one.targets))


def _state(verdict: str | None, *, wanted: bool, published: bool) -> str:
    if verdict is None:
        return "open"
    if not wanted:
        return "kept"
    return "published" if published else "waiting"


def _pins(reader: Reader, number: int) -> tuple[Pin, ...]:
    rows = reader.rows(
        "SELECT p.name, i.version, i.extras, i.chosen_by, i.added FROM proof_pins i"
        " JOIN projects p ON p.id = i.project_id WHERE i.proof_id = ?"
        " ORDER BY p.name, i.chosen_by DESC",
        number,
    )
    return tuple(
        Pin(name, version, tuple(filter(None, extras.split(","))), chosen_by, added=bool(added))
        for name, version, extras, chosen_by, added in rows
    )
