"""Wheels that were read in parts, by Range, before they came: what they say is checked then."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Select, Update, bindparam, select, update

from pypisync.catalog.db.schema import files, projects, releases, stored
from pypisync.catalog.db.sql import among, execute_among, once, raw
from pypisync.catalog.facts import readings
from pypisync.catalog.facts.readings import Knowledge


class Unverified(Struct, frozen=True):
    """A wheel in the pool whose METADATA was read by Range before the wheel came."""

    release: int
    project: str
    version: str
    path: str
    metadata_sha256: str  # of what was read


def note(connection: Connection, known: Sequence[Knowledge]) -> None:
    """Record what of these releases was read by Range, and nothing that was read before."""
    execute_among(connection, _forget_ranged, [item.release for item in known])
    rows = [
        {"release": item.release, "at": path, "digest": digest}
        for item in known
        for path, digest in item.ranged.items()
    ]
    if rows:
        connection.execute(once(_ranged), rows)


def unverified(connection: Connection) -> list[Unverified]:
    """Returns the wheels in the pool that have been read only in parts so far."""
    return [Unverified(*row) for row in raw(connection, once(_unverified))]


def _unverified() -> Select[Any]:
    f = files.c
    return (
        select(f.release_id, projects.c.name, releases.c.version, f.path, f.ranged)
        .join_from(files, releases)
        .join(projects)
        .join(stored, stored.c.path == f.path)
        .where(f.ranged.is_not(None), stored.c.sha256 == f.sha256)
        .order_by(f.path)
    )


def verified(connection: Connection, sound: Iterable[int], doubted: Iterable[int]) -> None:
    """Record whose wheels say what was read by Range (``sound``), and whose do not (``doubted``).

    The requirements of the latter are to be read again.
    """
    sound, doubted = list(sound), list(doubted)
    execute_among(connection, _whole, sound)
    readings.read_again(connection, doubted)
    execute_among(connection, _forget_ranged, [*sound, *doubted])


def _whole() -> Update:
    r = releases.c
    return update(releases).where(among(r.id), r.source == "ranges").values(source="wheel")


def _ranged() -> Update:
    of = files.c.release_id == bindparam("release"), files.c.path == bindparam("at")
    return update(files).where(*of).values(ranged=bindparam("digest"))


def _forget_ranged() -> Update:
    parts = update(files).where(among(files.c.release_id), files.c.ranged.is_not(None))
    return parts.values(ranged=None)
