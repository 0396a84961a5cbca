"""What was found in stored wheels that stops an installer.

It is recorded with the bytes, as long as the pool holds them, and becomes a requirement that
nothing meets (:data:`pypisync.core.standards.model.BROKEN`) of the releases that the wheels belong
to. So selection and proofs know of it, and a release that is read again still has it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Connection,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    union_all,
    update,
)

from pypisync.catalog.db.pool import at, forget_beside, lie_at, stored_among
from pypisync.catalog.db.schema import files, releases, stored
from pypisync.catalog.db.sql import among, as_list, batches, once, rows_among, update_among
from pypisync.catalog.facts.readings import Knowledge, Stated, read_again
from pypisync.core.standards.filenames import METADATA
from pypisync.core.standards.model import BROKEN, BROKEN_FOR_UV, UNREADABLE, Requirement
from pypisync.core.standards.requires_python import Installer
from pypisync.core.standards.wheel_contents import RULE, at_opening, is_wheel

_SAME = and_(stored.c.path == files.c.path, stored.c.sha256 == files.c.sha256)
_STOPS = or_(stored.c.stops_pip != "", stored.c.stops_uv != "")


class Looked(Struct, frozen=True):
    """What was found in a stored wheel: who stops at it, and why."""

    path: str
    stops: Mapping[Installer, str]


def unlooked(connection: Connection) -> list[str]:
    """Returns the paths of the stored wheels that have come and were not looked into."""
    return list(connection.scalars(once(_unlooked)))


def _unlooked() -> Select[str]:
    query = select(stored.c.path).where(stored.c.looked.is_(None), stored.c.sha256 != "")
    return query.order_by(stored.c.path)


def outdated(connection: Connection, most: int, size: int) -> list[str]:
    """Returns stored files that were looked into by an older rule, or before there was one.

    At most so many, their wheels of so many bytes together, but one at least.
    """
    rows = connection.execute(once(_outdated), {"most": most}).all()
    before = accumulate((row.size if is_wheel(row.path) else 0 for row in rows), initial=0)
    return [row.path for row, sofar in zip(rows, before, strict=False) if sofar < size]


def _outdated() -> Select[str, int]:
    query = select(stored.c.path, stored.c.size)
    query = query.where(stored.c.looked < RULE, stored.c.sha256 != "")
    most: BindParameter[int] = bindparam("most", type_=Integer())
    return query.order_by(stored.c.looked, stored.c.path).limit(most)


def with_metadata(connection: Connection, paths: Iterable[str]) -> set[str]:
    """Returns those of the wheels whose METADATA stands beside them, upstream and in the pool."""
    found: set[str] = set()
    for batch in batches(paths):
        beside = {"beside": as_list([path + METADATA for path in batch])}
        rows = set(connection.scalars(once(_described), at(batch) | beside))
        there = {path for path in rows if path.endswith(METADATA)}
        found.update({path.removesuffix(METADATA) for path in there} - rows)
    return found


def _described() -> CompoundSelect[str]:
    """Returns the query for stored METADATA, and for the wheels that have none upstream."""
    beside = among(stored.c.path, bindparam("beside", type_=Text())), stored.c.sha256 != ""
    silent = select(files.c.path).where(lie_at(), files.c.metadata_sha256.is_(None))
    return union_all(select(stored.c.path).where(*beside), silent)


def record(connection: Connection, found: Sequence[Looked]) -> list[int]:
    """Record what was found. Returns the ids of the releases that are to be read again."""
    before = _stops(connection, [one.path for one in found])
    changed: list[str] = []
    sound = [one.path for one in found if not one.stops]
    update_among(connection, stored.c.path, sound, looked=RULE, stops_pip="", stops_uv="")
    for one in found:
        now = one.stops.get("pip", ""), one.stops.get("uv", "")
        if now != before.get(one.path, ("", "")):
            changed.append(one.path)
        if one.stops:
            row = {"looked": RULE, "stops_pip": now[0], "stops_uv": now[1]}
            connection.execute(update(stored).where(stored.c.path == one.path).values(row))
    return _read_again(connection, changed)


def _stops(connection: Connection, paths: Iterable[str]) -> dict[str, tuple[str, str]]:
    rows = rows_among(connection, _stopping, paths)
    return {row.path: (row.stops_pip, row.stops_uv) for row in rows}


def _stopping() -> Select[str, str, str]:
    query = select(stored.c.path, stored.c.stops_pip, stored.c.stops_uv)
    return query.where(among(stored.c.path), _STOPS)


def _read_again(connection: Connection, paths: Sequence[str]) -> list[int]:
    found: set[int] = set()
    for batch in batches(paths):
        found.update(connection.scalars(once(_read), at(batch)))
    read_again(connection, sorted(found))
    return sorted(found)


def _read() -> Select[int]:
    read = releases.c.knowledge.in_(("known", "unavailable"))
    return select(releases.c.id).join_from(releases, files).where(lie_at(), read)


def added(connection: Connection, known: Sequence[Knowledge]) -> list[Knowledge]:
    """Returns what was read of releases, with what was found in their wheels.

    Wheels without METADATA beside them are looked into again if the pool has some: upstream has
    taken it away.
    """
    by_release: dict[int, list[Any]] = {}
    for row in rows_among(connection, _stopped, [item.release for item in known]):
        by_release.setdefault(row.release_id, []).append(row)
    if not by_release:
        return list(known)
    silent = [r.path for some in by_release.values() for r in some if r.metadata_sha256 is None]
    beside = [path + METADATA for path in silent]
    forget_beside(connection, stored_among(connection, beside))
    alone = _alone(connection, by_release)
    return [
        _with_stops(item, rows, alone=item.release in alone)
        if (rows := by_release.get(item.release))
        else item
        for item in known
    ]


def _with_stops(item: Knowledge, rows: Sequence[Any], *, alone: bool) -> Knowledge:
    """Returns what was read of a release, with what was found in its wheels.

    A wheel that pip cannot open it does not pass over, whatever the METADATA says.
    """
    readings = dict(item.readings)
    for row in rows:
        if at_opening(row.stops_pip) and (reading := readings.get(row.filename)):
            refused = {by: why for by, why in reading.refused.items() if by != "pip"}
            readings[row.filename] = replace(reading, refused=refused)
    return replace(item, runtime=(*item.runtime, *_stated(rows, alone=alone)), readings=readings)


def _stopped() -> Select[Any]:
    f, s = files.c, stored.c
    return (
        select(f.release_id, f.filename, f.path, f.metadata_sha256, s.stops_pip, s.stops_uv)
        .join_from(files, stored, _SAME)
        .where(among(f.release_id), f.kept, _STOPS)
        .order_by(f.filename)
    )


def _alone(connection: Connection, ids: Iterable[int]) -> set[int]:
    """Returns those of the releases that keep one file only."""
    return {release for (release,) in rows_among(connection, _with_one_file, ids)}


def _with_one_file() -> Select[int]:
    query = select(files.c.release_id).where(among(files.c.release_id), files.c.kept)
    return query.group_by(files.c.release_id).having(func.count() == literal_column("1"))


def _stated(rows: Sequence[Any], *, alone: bool) -> list[Stated]:
    return [
        Stated(need, None if alone else frozenset([row.filename]))
        for row in rows
        for need in _needs(row.filename, row.stops_pip, row.stops_uv)
    ]


def _needs(filename: str, pip: str, uv: str) -> Iterator[Requirement]:
    """Yields what stands for what stops whoever installs a wheel, or pip where it opens it."""
    if opening := at_opening(pip):
        yield Requirement(UNREADABLE, "", refused=f"{filename}: {opening}")
    elif pip and uv:
        why = pip if pip == uv else f"{pip} (pip); {uv} (uv)"
        yield Requirement(BROKEN, "", fault=f"{filename}: {why}")
        return
    elif pip:
        yield Requirement(BROKEN, "", refused=f"pip stops: {filename}: {pip}")
    if uv:
        yield Requirement(BROKEN_FOR_UV, "", refused=f"uv stops: {filename}: {uv}")
