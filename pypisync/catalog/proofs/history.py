"""Which verdicts the generations were published with: subjects and pins by name, like pages.

A verdict can change while all pages stay. Then it counts for the newest generation from its
beginning: a generation is remembered with the last verdicts that were known of it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, or_, select, update

from pypisync.catalog.db.schema import projects
from pypisync.catalog.db.schema_proofs import proof_pins, proofs, published_proofs, subjects
from pypisync.catalog.db.sql import Ids, add, among, batches, raw

_Row = tuple[str, str, str, str]
_COLUMNS = ("subject", "targets", "verdict", "pins")
_h = published_proofs.c


def record(connection: Connection, number: int, ready: Iterable[int] | None) -> None:
    """Remember generation ``number``, the newest, with the published verdicts of these subjects.

    ``None``: of all. Of what is no subject any more nothing is published.
    """
    if ready is None:
        ready = connection.scalars(select(subjects.c.id)).all()
    for batch in batches(ready):
        texts = connection.scalars(select(subjects.c.text).where(among(subjects.c.id, batch))).all()
        had = _rows(connection, and_(_h.last.is_(None), among(_h.subject, texts)))
        _write(connection, number, had, _published(connection, batch))
    is_one = exists().where(subjects.c.text == _h.subject)
    _write(connection, number, _rows(connection, and_(_h.last.is_(None), ~is_one)), ())


def repeat(connection: Connection, old: int, number: int) -> None:
    """Remember generation ``number``, the newest, with the verdicts that ``old`` had."""
    then = and_(_h.first <= old, or_(_h.last.is_(None), _h.last >= old))
    now = _rows(connection, _h.last.is_(None))
    _write(connection, number, now, _rows(connection, then).keys())


def _rows(connection: Connection, condition: ColumnElement[bool]) -> dict[_Row, int]:
    query = select(_h.id, *(_h[name] for name in _COLUMNS)).where(condition)
    return {tuple(row): number for number, *row in raw(connection, query)}


def _write(
    connection: Connection, number: int, had: Mapping[_Row, int], has: Collection[_Row]
) -> None:
    """End the rows that no longer hold, and begin new ones."""
    over = [had[row] for row in had.keys() - set(has)]
    for batch in batches(sorted(over)):
        these = among(_h.id, batch)
        connection.execute(delete(published_proofs).where(these, _h.first == number))
        connection.execute(update(published_proofs).where(these).values(last=number - 1))
    fresh = sorted(row for row in has if row not in had)
    if fresh:
        count = Ids(connection, published_proofs)
        add(
            connection,
            published_proofs,
            [
                {"id": count.next(), **dict(zip(_COLUMNS, row, strict=True)), "first": number}
                for row in fresh
            ],
        )


def _published(connection: Connection, ids: Sequence[int]) -> set[_Row]:
    """Returns the verdicts of a batch of subjects that are published."""
    p, i = proofs.c, proof_pins.c
    these = and_(among(p.subject_id, ids), p.published)
    pins: dict[int, list[str]] = {}
    query = (
        select(i.proof_id, projects.c.name, i.version, i.extras, i.chosen_by)
        .join_from(proof_pins, projects)
        .join(proofs, p.id == i.proof_id)
        .where(these)
    )
    for proof, *pin in raw(connection, query):
        pins.setdefault(proof, []).append(_label(*pin))
    query = select(subjects.c.text, p.targets, p.verdict, p.id).join_from(proofs, subjects)
    return {
        (text, targets, verdict, ", ".join(sorted(pins.get(proof, ()))))
        for text, targets, verdict, proof in raw(connection, query.where(these))
    }


def _label(name: str, version: str, extras: str, chosen_by: str) -> str:
    """Returns a pin as text: "requests[socks]==2.31", and " (pip)" if only that chooses it."""
    label = f"{name}[{extras}]=={version}" if extras else f"{name}=={version}"
    return label if chosen_by == "solver" else f"{label} ({chosen_by})"
