"""Which verdicts the generations were published with: subjects and pins by name, like pages.

A verdict can change while all pages stay. Then it counts for the newest generation from its
beginning: a generation is remembered with the last verdicts that were known of it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Delete,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    or_,
    select,
)

from pypisync.catalog.db.schema import projects
from pypisync.catalog.db.schema_proofs import (
    proof_pins,
    proofs,
    published_pins,
    published_proofs,
    subjects,
)
from pypisync.catalog.db.sql import (
    Ids,
    among,
    batches,
    execute_among,
    pour,
    raw,
    these,
    tuples_among,
    update_among,
)

_h = published_proofs.c
_p = published_pins.c
_PINS = ("published_proof_id", "name", "version", "extras", "chosen_by")


_Pin = tuple[str, str, str, str]  # name, version, extras with commas, chosen_by
Said = tuple[str, str, list[_Pin]]
"""A verdict on a subject: its targets, the verdict, its pins."""


class _Row(NamedTuple):
    """A verdict as generations are remembered with it."""

    subject: str
    targets: str
    verdict: str
    pins: frozenset[_Pin]


def record(connection: Connection, number: int, ready: Iterable[int] | None) -> None:
    """Remember generation ``number``, the newest, with the published verdicts of these subjects.

    ``None``: of all. Of what is no subject any more nothing is published.
    """
    if ready is None:
        ready = connection.scalars(select(subjects.c.id)).all()
    for batch in batches(ready):
        texts = [text for (text,) in tuples_among(connection, _texts, batch)]
        had = _rows(connection, _now_of, these(texts))
        _write(connection, number, had, _published(connection, batch))
    _write(connection, number, _rows(connection, _of_no_subject), ())


def _texts() -> Select[str]:
    return select(subjects.c.text).where(among(subjects.c.id))


def repeat(connection: Connection, old: int, number: int) -> None:
    """Remember generation ``number``, the newest, with the verdicts that ``old`` had."""
    then = _rows(connection, _then, {"number": old})
    _write(connection, number, _rows(connection, _now), then.keys())


def current(connection: Connection, ids: Sequence[int]) -> dict[str, list[Said]]:
    """Returns these of the verdicts that the newest generation has, by subject, in order."""
    found: dict[str, list[Said]] = {}
    rows = _rows(connection, _now_numbered, these(ids))
    for row in sorted(rows, key=lambda row: row[:3]):
        found.setdefault(row.subject, []).append((row.targets, row.verdict, sorted(row.pins)))
    return found


def current_ids() -> Select[tuple[int, str]]:
    """Returns the query for all of these verdicts: number, and subject."""
    return select(_h.id, _h.subject).where(_h.last.is_(None))


def current_subjects(connection: Connection) -> list[str]:
    """Returns the subjects on which the newest generation has verdicts."""
    return list(connection.scalars(select(_h.subject).where(_h.last.is_(None)).distinct()))


def set_current(connection: Connection, number: int, said: Mapping[str, Sequence[Said]]) -> None:
    """Remember generation ``number``, the newest, with these verdicts on these subjects."""
    for texts in batches(said):
        had = _rows(connection, _now_of, these(texts))
        has = {
            _Row(text, targets, verdict, frozenset(pins))
            for text in texts
            for targets, verdict, pins in said[text]
        }
        _write(connection, number, had, has)


_Condition = ColumnElement[bool]


def _now() -> _Condition:
    return _h.last.is_(None)


def _now_of() -> _Condition:
    return and_(_now(), among(_h.subject))


def _now_numbered() -> _Condition:
    return and_(_now(), among(_h.id))


def _of_no_subject() -> _Condition:
    return and_(_now(), ~exists().where(subjects.c.text == _h.subject))


def _then() -> _Condition:
    number: BindParameter[int] = bindparam("number")
    return and_(_h.first <= number, or_(_h.last.is_(None), _h.last >= number))


def _rows(
    connection: Connection,
    which: Callable[[], _Condition],
    parameters: dict[str, Any] | None = None,
) -> dict[_Row, int]:
    """Returns the remembered verdicts of which a condition holds, with their numbers."""
    of_pins, of_verdicts = _remembered(which)
    verdicts = raw(connection, of_verdicts, parameters)
    pins = _by_proof(raw(connection, of_pins, parameters)) if verdicts else {}
    return {
        _Row(subject, targets, verdict, pins.get(number, frozenset())): number
        for number, subject, targets, verdict in verdicts
    }


@cache
def _remembered(which: Callable[[], _Condition]) -> tuple[Select[Any], Select[Any]]:
    """Returns the queries for such pins, and for such verdicts."""
    pins = select(_p.published_proof_id, _p.name, _p.version, _p.extras, _p.chosen_by)
    pins = pins.join_from(published_pins, published_proofs)
    verdicts = select(_h.id, _h.subject, _h.targets, _h.verdict)
    return pins.where(which()), verdicts.where(which())


def _by_proof(rows: Iterable[tuple[Any, ...]]) -> dict[int, frozenset[_Pin]]:
    """Returns pins by the number of their verdict, with which their rows begin."""
    found: dict[int, frozenset[_Pin]] = {}
    # The rows of one verdict mostly follow each other, as their index has them.
    for number, pins in groupby(rows, itemgetter(0)):
        some = frozenset(map(itemgetter(1, 2, 3, 4), pins))
        found[number] = some | found[number] if number in found else some
    return found


def _write(
    connection: Connection, number: int, had: Mapping[_Row, int], has: Collection[_Row]
) -> None:
    """End the rows that no longer hold, and begin new ones."""
    over = [had[row] for row in had.keys() - set(has)]
    for batch in batches(sorted(over)):
        # Not left to the cascade: SQLite does none while a bundle is imported.
        execute_among(connection, _pins_begun, batch, number=number)
        execute_among(connection, _begun, batch, number=number)
        update_among(connection, _h.id, batch, last=number - 1)
    fresh = sorted((row for row in has if row not in had), key=lambda row: row[:3])
    count = Ids(connection, published_proofs)
    numbered = [(count.next(), row) for row in fresh]
    columns = ("id", "subject", "targets", "verdict", "first")
    new = ((one, row.subject, row.targets, row.verdict, number) for one, row in numbered)
    pour(connection, published_proofs, columns, new)
    pins = ((one, *pin) for one, row in numbered for pin in row.pins)
    pour(connection, published_pins, _PINS, pins)


def _begun() -> Delete:
    return delete(published_proofs).where(among(_h.id), _h.first == bindparam("number"))


def _pins_begun() -> Delete:
    gone = select(_h.id).where(among(_h.id), _h.first == bindparam("number"))
    return delete(published_pins).where(_p.published_proof_id.in_(gone))


def _published(connection: Connection, ids: Sequence[int]) -> set[_Row]:
    """Returns the verdicts of a batch of subjects that are published."""
    pins = _by_proof(tuples_among(connection, _published_pins, ids))
    return {
        _Row(text, targets, verdict, pins.get(number, frozenset()))
        for number, text, targets, verdict in tuples_among(connection, _published_verdicts, ids)
    }


def _published_pins() -> Select[Any]:
    p, i = proofs.c, proof_pins.c
    return (
        select(i.proof_id, projects.c.name, i.version, i.extras, i.chosen_by)
        .join_from(proof_pins, projects)
        .join(proofs, p.id == i.proof_id)
        .where(among(p.subject_id), p.published)
    )


def _published_verdicts() -> Select[Any]:
    p = proofs.c
    verdicts = select(p.id, subjects.c.text, p.targets, p.verdict).join_from(proofs, subjects)
    return verdicts.where(among(p.subject_id), p.published)
