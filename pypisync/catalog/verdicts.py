"""The proofs on record, as operators ask for them. Read-only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pypisync.catalog.reader import Reader

VERDICTS = ("proven", "refuted", "undecided", "blocked")
# Names of targets stand in one text, separated by ", ".
_TARGETS = "length(targets) - length(replace(targets, ', ', ',')) + 1"


@dataclass(frozen=True, slots=True)
class Unproven:
    """A root or group that does not install on some targets."""

    subject: str
    targets: str
    verdict: str
    why: str  # lines


@dataclass(frozen=True, slots=True)
class Verdicts:
    """How the roots and groups stand."""

    counts: Mapping[str, int]  # of pairs of a subject and a target, by verdict
    waiting: int  # subjects whose newest verdicts are not on the pages yet
    first: Sequence[Unproven]


def verdicts(reader: Reader, first: int) -> Verdicts:
    """All of them counted, and the ``first`` of those that are not proven."""
    counted = reader.rows(
        f"SELECT verdict, sum({_TARGETS}) FROM proofs WHERE wanted GROUP BY verdict"  # noqa: S608
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
        first=[Unproven(*row) for row in rows],
    )
