"""What has still to be done: the serial read up to, and the projects that are stale."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import (
    Connection,
    delete,
    exists,
    insert,
    or_,
    select,
    text,
    true,
    update,
)

from pypisync.catalog.db.schema import pending, projects, releases, roots, settings
from pypisync.catalog.db.schema_proofs import subjects
from pypisync.catalog.db.sql import among, batches, is_set
from pypisync.core.standards.model import Validators

SERIAL = "serial"

# Made once: to build it costs more than to ask it. Spelt as in the index where there is one.
_UNFINISHED = select(
    or_(
        *(
            exists().select_from(table).where(condition)
            for table, condition in (
                (pending, true()),
                (releases, releases.c.knowledge == "wanted"),
                (projects, is_set(projects.c.undecided)),
                (projects, is_set(projects.c.unpublished)),
                (roots, text("roots.state <> 'kept'")),
                (subjects, is_set(subjects.c.open)),
            )
        )
    )
)
_WAIT = 1800.0
_LONGEST_WAIT = 86400.0
_DOUBLINGS = 6  # the sixth wait is 16 hours


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a project: the serial of its document, and its status."""

    serial: int
    status: str


def setting(connection: Connection, name: str) -> str | None:
    """A single value, or None."""
    return connection.scalar(select(settings.c.value).where(settings.c.name == name))


def set_setting(connection: Connection, name: str, value: str) -> None:
    """Store a single value."""
    row = settings.c.name == name
    if not connection.execute(update(settings).where(row).values(value=value)).rowcount:
        connection.execute(insert(settings).values(name=name, value=value))


def serial(connection: Connection) -> int | None:
    """The serial up to which the changelog was read; None before the first run."""
    value = setting(connection, SERIAL)
    return None if value is None else int(value)


def matters(connection: Connection, names: Iterable[str]) -> set[str]:
    """Those of the names (normalised) that the catalog knows."""
    known: set[str] = set()
    for batch in batches(names):
        found = select(projects.c.name).where(among(projects.c.name, batch))
        known.update(connection.scalars(found))
    return known


def shown(connection: Connection) -> set[str]:
    """The projects that upstream showed when they were read last: neither gone nor quarantined."""
    hidden = ("unseen", "gone", "quarantined")
    return set(connection.scalars(select(projects.c.name).where(projects.c.status.not_in(hidden))))


def known(connection: Connection) -> dict[str, Known]:
    """All projects that were read, by name."""
    query = select(projects.c.name, projects.c.serial, projects.c.status)
    rows = connection.execute(query.where(projects.c.status != "unseen"))
    return {row.name: Known(row.serial, row.status) for row in rows}


def owe_anew(connection: Connection, serials: Mapping[str, int], now: float) -> None:
    """Owe every project there is a document anew; what was owed counts no longer.

    ``serials`` are upstream's; for a project that it does not list any document will do.
    """
    names = set(connection.scalars(select(projects.c.name).where(projects.c.status != "unseen")))
    names.update(connection.scalars(select(pending.c.name)))
    connection.execute(delete(pending))
    mark_stale(connection, {name: serials.get(name, 0) for name in sorted(names)}, now)


def mark_stale(connection: Connection, serials: Mapping[str, int], now: float) -> None:
    """Owe each of these projects a document at least as new as the serial."""
    have: dict[str, int] = {}
    for batch in batches(serials):
        query = select(pending.c.name, pending.c.serial).where(among(pending.c.name, batch))
        have.update((row.name, row.serial) for row in connection.execute(query))
    for name, old in have.items():
        if serials[name] > old:
            connection.execute(
                update(pending).where(pending.c.name == name).values(serial=serials[name])
            )
    rows = [
        {"name": name, "serial": owed, "since": now, "attempts": 0}
        for name, owed in serials.items()
        if name not in have
    ]
    if rows:
        connection.execute(insert(pending), rows)


def stale(
    connection: Connection, now: float | None = None, fresh: Collection[str] = ()
) -> list[tuple[str, int, Validators]]:
    """All stale projects: name, the serial owed, and the validators of the known document.

    With ``now``, without those that failed and whose time has not come again, unless ``fresh``.
    """
    query = (
        select(pending, projects.c.etag, projects.c.modified, projects.c.digest)
        .select_from(pending.outerjoin(projects, projects.c.name == pending.c.name))
        .order_by(pending.c.name)
    )
    return [
        (row.name, row.serial, Validators(row.etag, row.modified, row.digest or ""))
        for row in connection.execute(query)
        if now is None or row.name in fresh or now >= row.since + patience(row.attempts)
    ]


def patience(attempts: int) -> float:
    """How long after it became stale a project is asked for again that failed so often (seconds).

    The waits double, from half an hour to a day.
    """
    doubling = min(attempts, _DOUBLINGS)
    return _WAIT * ((1 << doubling) - 1) + _LONGEST_WAIT * (attempts - doubling)


def settled(connection: Connection, names: Iterable[str]) -> None:
    """These projects are up to date."""
    for batch in batches(names):
        connection.execute(delete(pending).where(among(pending.c.name, batch)))


def set_aside(connection: Connection, reasons: Mapping[str, str]) -> None:
    """These projects could not be read; they stay stale, with the reason."""
    for name, reason in reasons.items():
        connection.execute(
            update(pending)
            .where(pending.c.name == name)
            .values(reason=reason, attempts=pending.c.attempts + 1)
        )


def unfinished(connection: Connection) -> bool:
    """Whether something is left to learn, to decide, to prove or to publish."""
    return bool(connection.scalar(_UNFINISHED))
