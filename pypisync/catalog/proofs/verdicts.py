"""Proofs on record: what has to be proven, what came out, and what of it is on the pages.

A subject is open until it has been proven on every target with the current facts. A change of a
project that its proofs depend on opens it again, in the transaction that records the change. Each
subject has the verdicts that are *wanted* now and, until all their pins are on the pages, those
that were *published* before.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import (
    CompoundSelect,
    Connection,
    Select,
    Update,
    delete,
    literal,
    select,
    union,
    update,
)

from pypisync.catalog.db.projects import ensure_projects
from pypisync.catalog.db.schema import projects
from pypisync.catalog.db.schema_proofs import (
    proof_pins,
    proof_projects,
    proof_tried,
    proofs,
    subjects,
)
from pypisync.catalog.db.sql import (
    Ids,
    add,
    among,
    batches,
    delete_among,
    is_set,
    once,
    pour,
    raw,
    rows_among,
    these,
    tuples_among,
    update_among,
    words,
)
from pypisync.core.resolve.subject_verdict import SubjectVerdict
from pypisync.core.standards.model import Pin


def set_subjects(connection: Connection, wanted: Mapping[str, str]) -> None:
    """Make the subjects exactly these: a digest of what is asked for, by text."""
    have = {row.text: row for row in connection.execute(once(lambda: select(subjects)))}
    delete_among(
        connection, subjects.c.id, (row.id for text, row in have.items() if text not in wanted)
    )
    for text, digest in wanted.items():
        if text in have and have[text].digest != digest:
            row = subjects.c.id == have[text].id
            connection.execute(update(subjects).where(row).values(digest=digest, open=True))
    count = Ids(connection, subjects)
    fresh = [
        {"id": count.next(), "text": text, "digest": digest, "open": True}
        for text, digest in wanted.items()
        if text not in have
    ]
    for some in batches(fresh):
        add(connection, subjects, some)


def forget(connection: Connection, targets: Collection[str]) -> None:
    """Open all subjects on these targets, because the rules have changed.

    Published verdicts on targets that stay are kept until the new ones are published.
    """
    connection.execute(delete(proofs).where(~proofs.c.published))
    connection.execute(update(proofs).values(wanted=False))
    for row in connection.execute(select(proofs.c.id, proofs.c.targets)).all():
        stay = [name for name in row.targets.split(", ") if name in targets]
        this = proofs.c.id == row.id
        if stay:
            connection.execute(update(proofs).where(this).values(targets=", ".join(stay)))
        else:
            connection.execute(delete(proofs).where(this))
    connection.execute(update(subjects).values(open=True))


def open_touched(connection: Connection) -> None:
    """Open the subjects whose proofs depend on projects that have changed since."""
    changed = connection.scalars(once(_changed)).all()
    for batch in batches(changed):
        connection.execute(once(_opening), these(batch))
        update_among(connection, projects.c.id, batch, unproven=False)


def _changed() -> Select[int]:
    return select(projects.c.id).where(is_set(projects.c.unproven))


def _opening() -> Update:
    depending = union(
        *(
            select(proofs.c.subject_id)
            .join_from(proofs, table)
            .where(among(table.c.project_id), proofs.c.wanted)
            for table in (proof_pins, proof_projects)
        )
    )
    return update(subjects).where(subjects.c.id.in_(depending)).values(open=True)


def open_subjects(connection: Connection) -> list[str]:
    """Returns the texts of the subjects that are to be proven."""
    return list(connection.scalars(once(_open)))


def _open() -> Select[str]:
    return select(subjects.c.text).where(is_set(subjects.c.open)).order_by(subjects.c.id)


def record(
    connection: Connection,
    found: Mapping[str, Sequence[SubjectVerdict]],
    unsure: Collection[str],
    now: float,
) -> None:
    """Record the verdicts of subjects; those in ``unsure`` stay open, for facts were missing."""
    ids = {row.text: row.id for row in _among(connection, found)}
    writer = _VerdictWriter(connection, found, ids.values(), now)
    for text, verdicts in found.items():
        writer.subject(ids[text], verdicts)
    writer.write()
    settled = [ids[text] for text in found if text not in unsure]
    update_among(connection, subjects.c.id, settled, open=False)


def _among(connection: Connection, texts: Iterable[str]) -> list[Any]:
    return list(rows_among(connection, _by_text, texts))


def _by_text() -> Select[int, str]:
    return select(subjects.c.id, subjects.c.text).where(among(subjects.c.text))


_PROOF = (
    "id", "subject_id", "targets", "verdict", "why", "steps", "at", "wanted", "published"
)  # fmt: skip
_PIN = ("proof_id", "project_id", "chosen_by", "version", "extras", "added")


class _VerdictWriter:
    """Collects the rows of many subjects, then writes them in few statements."""

    def __init__(
        self,
        connection: Connection,
        found: Mapping[str, Sequence[SubjectVerdict]],
        ids: Iterable[int],  # of these subjects
        now: float,
    ) -> None:
        self._connection = connection
        self._now = now
        every = [one for verdicts in found.values() for one in verdicts]
        self._projects = ensure_projects(
            connection,
            # What was tried was consulted.
            {name for one in every for name in (*one.consulted, *(p.name for p in one.pins))},
        )
        self._old = stored(connection, ids)
        self._ids = Ids(connection, proofs)
        self._gone: list[int] = []
        self._kept: list[int] = []
        self._same: list[int] = []
        self._proofs: list[tuple[object, ...]] = []
        self._pins: list[tuple[object, ...]] = []
        self._tried: list[tuple[object, ...]] = []
        self._consulted: list[tuple[int, int]] = []

    def subject(self, subject: int, verdicts: Sequence[SubjectVerdict]) -> None:
        """Replace the wanted verdicts of a subject; equal ones stay as they are."""
        for number, old in self._old.get(subject, {}).items():
            same = next((one for one in verdicts if _same(one, old.verdict)), None)
            if same is not None and old.wanted:
                verdicts = [one for one in verdicts if one is not same]
                self._same.append(number)
                self._consults(number, same)
            elif old.published and old.wanted:
                self._kept.append(number)
            elif not old.published:
                self._gone.append(number)
        for one in verdicts:
            self._add(subject, one)

    def _add(self, subject: int, one: SubjectVerdict) -> None:
        number = self._ids.next()
        targets, why = ", ".join(one.targets), "\n".join(one.why)
        self._proofs.append(
            (number, subject, targets, one.verdict, why, one.steps, self._now, True, False)
        )
        ids = self._projects
        self._pins += [
            (number, ids[pin.name], pin.chosen_by, pin.version, ",".join(pin.extras), pin.added)
            for pin in one.pins
        ]
        self._tried += [(number, ids[name], version) for name, version in sorted(one.tried)]
        self._consults(number, one)

    def _consults(self, number: int, one: SubjectVerdict) -> None:
        """Note the projects, besides those of the pins, that the verdict depends on."""
        others = one.consulted.difference(pin.name for pin in one.pins)
        self._consulted += [(self._projects[name], number) for name in sorted(others)]

    def write(self) -> None:
        """Write everything collected."""
        connection = self._connection
        delete_among(connection, proofs.c.id, self._gone)
        # They describe the pages, and depend on no facts any more.
        update_among(connection, proofs.c.id, self._kept, wanted=False)
        delete_among(connection, proof_projects.c.proof_id, {*self._same, *self._kept})
        pour(connection, proofs, _PROOF, self._proofs)
        pour(connection, proof_pins, _PIN, self._pins)
        pour(connection, proof_tried, ("proof_id", "project_id", "version"), self._tried)
        pour(connection, proof_projects, ("project_id", "proof_id"), self._consulted)


class RecordedVerdict(Struct):
    """A verdict on record."""

    verdict: SubjectVerdict
    wanted: bool
    published: bool


def stored(connection: Connection, ids: Iterable[int]) -> dict[int, dict[int, RecordedVerdict]]:
    """Returns the proofs on record by subject and number."""
    found: dict[int, dict[int, RecordedVerdict]] = {}
    for batch in batches(ids):
        rows = list(rows_among(connection, _proofs, batch))
        if not rows:
            continue
        pins: dict[int, list[Pin]] = {}
        for number, name, version, extras, chosen_by, added in tuples_among(
            connection, _pins, batch
        ):
            pin = Pin(name, version, words(extras), chosen_by, bool(added))
            pins.setdefault(number, []).append(pin)
        tried = dict[int, set[tuple[str, str]]]()
        for number, name, version in tuples_among(connection, _tried, batch):
            tried.setdefault(number, set()).add((name, version))
        for row in rows:
            verdict = SubjectVerdict(
                tuple(row.targets.split(", ")),
                row.verdict,
                tuple(pins.get(row.id, ())),
                tuple(row.why.split("\n")) if row.why else (),
                tried=frozenset(tried.get(row.id, ())),
            )
            by_number = found.setdefault(row.subject_id, {})
            by_number[row.id] = RecordedVerdict(verdict, row.wanted, row.published)
    return found


def _pins() -> Select[Any]:
    p = proof_pins.c
    return (
        select(p.proof_id, projects.c.name, p.version, p.extras, p.chosen_by, p.added)
        .join_from(proof_pins, projects)
        .join(proofs, proofs.c.id == p.proof_id)
        .where(among(proofs.c.subject_id))
        .order_by(projects.c.name, p.chosen_by)
    )


def _tried() -> Select[int, str, str]:
    t = proof_tried.c
    query = select(t.proof_id, projects.c.name, t.version).join_from(proof_tried, projects)
    return query.join(proofs, proofs.c.id == t.proof_id).where(among(proofs.c.subject_id))


def _proofs() -> Select[Any]:
    return select(proofs).where(among(proofs.c.subject_id))


def _same(one: SubjectVerdict, old: SubjectVerdict) -> bool:
    by_name = sorted(one.pins, key=lambda pin: (pin.name, pin.chosen_by))
    return one.targets == old.targets and replace(one, pins=tuple(by_name)).same_as(old)


def added_releases(connection: Connection) -> list[tuple[str, str, str]]:
    """Returns the releases that no closure selects by itself: pins and tried ones."""
    return sorted(tuple(row) for row in raw(connection, once(_added)))


def _added() -> CompoundSelect[str, str, str]:
    p, t = proof_pins.c, proof_tried.c
    pins = (
        select(projects.c.name, p.version, p.extras)
        .join_from(proof_pins, projects)
        .join(proofs, proofs.c.id == p.proof_id)
        .where(p.added, proofs.c.wanted)
    )
    tried = (
        select(projects.c.name, t.version, literal(""))
        .join_from(proof_tried, projects)
        .join(proofs, proofs.c.id == t.proof_id)
        .where(proofs.c.wanted)
    )
    return union(pins, tried)
