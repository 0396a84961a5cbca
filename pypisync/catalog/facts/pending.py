"""What has still to be done: the serial read up to, and the projects that are stale."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    Connection,
    Select,
    Update,
    bindparam,
    exists,
    insert,
    or_,
    select,
    text,
    true,
    union,
    update,
)

from pypisync.catalog.db.schema import (
    classes,
    files,
    pending,
    projects,
    releases,
    roots,
    selected,
    settings,
    stored,
)
from pypisync.catalog.db.schema_proofs import proof_projects, subjects
from pypisync.catalog.db.sql import (
    among,
    delete_among,
    execute_among,
    is_set,
    once,
    rows_among,
    these,
    tuples_among,
    update_among,
)
from pypisync.core.standards.model import ENDPOINT, Validators
from pypisync.core.standards.wheel_contents import RULE

SERIAL = "serial"

# Made once: to build them costs more than to ask them. Spelt as in the index where there is one.
_SETTING = select(settings.c.value).where(settings.c.name == bindparam("name"))
_SET = text(
    "INSERT INTO settings (name, value) VALUES (:name, :value)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_OWED_NOTHING_NEW = select(pending.c.name).where(pending.c.serial == 0)
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
                (stored, stored.c.looked.is_(None)),
                (stored, stored.c.looked < RULE),
            )
        )
    )
)
_WAIT = 1800.0
_LONGEST_WAIT = 86400.0
_DOUBLINGS = 6  # the sixth wait is 16 hours


class KnownProject(Struct, frozen=True):
    """What is known of a project: the serial of its document, and its status."""

    serial: int
    status: str


def setting(connection: Connection, name: str) -> str | None:
    """Returns a single value, or None."""
    return connection.scalar(_SETTING, {"name": name})


def all_settings(connection: Connection) -> dict[str, str]:
    """Returns all single values by name, with one statement."""
    return {row.name: row.value for row in connection.execute(once(lambda: select(settings)))}


def set_setting(connection: Connection, name: str, value: str) -> None:
    """Store a single value."""
    connection.execute(_SET, {"name": name, "value": value})


def clear_setting(connection: Connection, *names: str) -> None:
    """Make single values "", as far as there are any."""
    execute_among(connection, _clear, names)


def _clear() -> Update:
    some = among(settings.c.name), settings.c.value != ""
    return update(settings).where(*some).values(value="")


def serial(connection: Connection) -> int | None:
    """Returns the serial up to which the endpoint was read; None before the first run."""
    name = _serial_of(ENDPOINT)
    return serial_in({name: setting(connection, name)})


def serial_in(values: Mapping[str, str | None], index: str = ENDPOINT) -> int | None:
    """Returns the same from values that were read before."""
    value = values.get(_serial_of(index))
    return None if value is None else int(value)


def set_serial(connection: Connection, serial: int, index: str) -> None:
    """Record that the changes of an index were read up to this serial."""
    set_setting(connection, _serial_of(index), str(serial))


def forget_serial(connection: Connection, index: str) -> None:
    """Forget the serial of this index."""
    forget_setting(connection, _serial_of(index))


def forget_setting(connection: Connection, name: str) -> None:
    """Drop a single value."""
    delete_among(connection, settings.c.name, [name])


def _serial_of(index: str) -> str:
    return SERIAL if index == ENDPOINT else f"{SERIAL}:{index}"


def found_on(connection: Connection, names: Iterable[str]) -> dict[str, str]:
    """Returns the index ("": none) of those of the names that were read, or are to be read.

    A project that is only named, by a requirement that nothing calls for, is not among them: it is
    read as soon as something does.
    """
    return {row.name: row.index_name for row in rows_among(connection, _found_on, names)}


def _found_on() -> Select[str, str]:
    owed = projects.c.name.in_(select(pending.c.name))
    found = select(projects.c.name, projects.c.index_name)
    return found.where(among(projects.c.name), or_(projects.c.status != "unseen", owed))


def owed_nothing_new(connection: Connection) -> set[str]:
    """Returns the stale projects for which a document of any serial will do."""
    return set(connection.scalars(_OWED_NOTHING_NEW))


def indexes(connection: Connection) -> dict[str, str]:
    """Returns the index of each project that was looked for ("": none has it)."""
    found = select(projects.c.name, projects.c.index_name).where(projects.c.status != "unseen")
    return {row.name: row.index_name for row in connection.execute(found)}


def shown(connection: Connection, index: str) -> set[str]:
    """Returns the projects that an index showed when they were read last.

    Projects that were gone or quarantined then are left out.
    """
    hidden = ("unseen", "gone", "quarantined")
    found = select(projects.c.name).where(projects.c.status.not_in(hidden))
    return set(connection.scalars(found.where(projects.c.index_name == index)))


def shown_besides(connection: Connection, index: str) -> set[str]:
    """Returns the projects of other indexes that have files from this one."""
    found = select(projects.c.name).join_from(projects, releases).join(files).distinct()
    here = files.c.index_name == index, projects.c.index_name != index
    return set(connection.scalars(found.where(*here)))


def known(connection: Connection, index: str) -> dict[str, KnownProject]:
    """Returns the projects read from an index, by name, and those that no index has any more."""
    query = select(projects.c.name, projects.c.serial, projects.c.status)
    here = projects.c.index_name.in_((index, ""))
    rows = connection.execute(query.where(projects.c.status != "unseen", here))
    return {row.name: KnownProject(row.serial, row.status) for row in rows}


def serials(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Returns the serials of the known documents of these projects; 0: it states none."""
    return dict(tuples_among(connection, _serials, names))


def _serials() -> Select[str, int]:
    return select(projects.c.name, projects.c.serial).where(among(projects.c.name))


def owe_anew(
    connection: Connection, serials: Mapping[str, int], now: float, index: str = ENDPOINT
) -> None:
    """Owe every project of an index a document anew; what was owed counts no longer.

    ``serials`` are the index's; for a project that it does not list any document will do.
    """
    query = select(projects.c.name).where(projects.c.index_name.in_((index, "")))
    here = set(connection.scalars(query))
    names = here & set(connection.scalars(select(pending.c.name)))
    names.update(connection.scalars(query.where(projects.c.status != "unseen")))
    delete_among(connection, pending.c.name, sorted(names))
    execute_among(connection, _untold, sorted(names))
    mark_stale(connection, {name: serials.get(name, 0) for name in sorted(names)}, now, index)


def _untold() -> Update:
    """Another index, or another state of it, may have given the same tag to something else.

    It may show pages in another form as well.
    """
    p = projects.c
    told = or_(p.etag.is_not(None), p.modified.is_not(None), p.form != "")
    return update(projects).where(among(p.name), told).values(etag=None, modified=None, form="")


def mark_stale(
    connection: Connection, serials: Mapping[str, int], now: float, index: str = ENDPOINT
) -> None:
    """Owe each of these projects a document at least as new as the serial of this index."""
    rows = rows_among(connection, _owed, serials)
    have: dict[str, int] = {name: old if of == index else 0 for name, of, old in rows}
    for name, old in have.items():
        if serials[name] > old:
            owed = {"of": name, "new": serials[name], "index": index}
            connection.execute(once(_owe_newer), owed)
    fresh = [
        {"name": name, "serial": owed, "index_name": index, "since": now, "attempts": 0}
        for name, owed in serials.items()
        if name not in have
    ]
    if fresh:
        connection.execute(once(lambda: insert(pending)), fresh)


def _owed() -> Select[str, str, int]:
    columns = select(pending.c.name, pending.c.index_name, pending.c.serial)
    return columns.where(among(pending.c.name))


def _owe_newer() -> Update:
    row = update(pending).where(pending.c.name == bindparam("of"))
    return row.values(serial=bindparam("new"), index_name=bindparam("index"))


def look_anew(connection: Connection, names: Iterable[str]) -> None:
    """Let these stale projects be looked for from the first index that may have them."""
    update_among(connection, projects.c.name, sorted(names), anew=True)


class StaleProject(Struct, frozen=True):
    """A stale project."""

    name: str
    serial: int  # that its document must have
    of: str  # the index whose serial that is
    validators: Validators  # of the known document
    index: str  # the index that it was found on; "": none
    anew: bool  # to be looked for from the first index
    form: Any  # of the known document, as ProjectAsk has it
    attempts: int  # that have failed so far


def stale(
    connection: Connection, now: float | None = None, fresh: Collection[str] = ()
) -> list[StaleProject]:
    """Returns all stale projects.

    With ``now``, without those that failed and whose time has not come again, unless ``fresh``.
    """
    return [
        StaleProject(
            row.name,
            row.serial,
            row.index_name,
            Validators(row.etag, row.modified, row.digest or ""),
            row.found or "",
            anew=bool(row.anew),
            form=row.form or "",
            attempts=row.attempts,
        )
        for row in connection.execute(once(_stale))
        # A time to come was written by a clock that was wrong.
        if now is None
        or row.name in fresh
        or not row.since <= now < row.since + patience(row.attempts)
    ]


def _stale() -> Select[Any]:
    p = projects.c
    return (
        select(pending, p.etag, p.modified, p.digest, p.index_name.label("found"), p.anew, p.form)
        .select_from(pending.outerjoin(projects, p.name == pending.c.name))
        .order_by(pending.c.name)
    )


def mattering(
    connection: Connection, indexes: Collection[str], united: Callable[[str], bool] | None
) -> list[StaleProject]:
    """Returns the projects of these indexes, or of none, that matter, were read and are not stale.

    A project matters if a root, a requirement of the selection or a proof depends on it.
    ``united`` tells which projects of other indexes also come from these; None: there are none.
    """
    here = [*indexes, ""]
    if united is None:
        rows = connection.execute(once(_mattering_here), these(here))
    else:
        rows = connection.execute(once(_mattering))
    return [
        StaleProject(
            row.name,
            0,
            row.index_name or ENDPOINT,
            Validators(row.etag, row.modified, row.digest or ""),
            row.index_name,
            anew=False,
            form=row.form,
            attempts=0,
        )
        for row in rows
        if united is None or row.index_name in here or united(row.name)
    ]


def _mattering_here() -> Select[Any]:
    return _mattering().where(among(projects.c.index_name))


def _mattering() -> Select[Any]:
    named = union(
        select(roots.c.project_id),
        select(classes.c.project_id).where(classes.c.uses > 0),
        select(releases.c.project_id).join_from(selected, releases),
        select(proof_projects.c.project_id),
    )
    fresh = projects.c.status != "unseen", projects.c.name.not_in(select(pending.c.name))
    return select(projects).where(projects.c.id.in_(named), *fresh).order_by(projects.c.name)


def patience(attempts: int) -> float:
    """Returns the seconds until a stale project that failed so often is asked for again.

    The waits double, from half an hour to a day.
    """
    doubling = min(attempts, _DOUBLINGS)
    return _WAIT * ((1 << doubling) - 1) + _LONGEST_WAIT * (attempts - doubling)


def settled(connection: Connection, names: Iterable[str]) -> None:
    """Note that these projects are up to date."""
    delete_among(connection, pending.c.name, names)


def found(connection: Connection, names: Iterable[str]) -> None:
    """Note that these projects were found where they were before."""
    execute_among(connection, _found, names)


def _found() -> Update:
    looked_for = among(projects.c.name), is_set(projects.c.anew)
    return update(projects).where(*looked_for).values(anew=False)


def set_aside(connection: Connection, reasons: Mapping[str, str]) -> None:
    """Note that these projects could not be read; they stay stale, with the reason."""
    for name, reason in reasons.items():
        connection.execute(once(_set_aside), {"of": name, "why": reason})


def _set_aside() -> Update:
    row = update(pending).where(pending.c.name == bindparam("of"))
    return row.values(reason=bindparam("why"), attempts=pending.c.attempts + 1)


def unfinished(connection: Connection) -> bool:
    """Returns whether something is left to learn, to decide, to prove or to publish."""
    return bool(connection.scalar(_UNFINISHED))
