"""What upstream has quarantined, since when, and the stored files that are kept meanwhile.

A project's status says it (PEP 792), or a journal, which alone tells that a single release is
quarantined: its page just lists that release no more. The facts say what the page says, nothing.
The files stay stored until the page lists them again, or until upstream has removed them for good.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select, update

from pypisync.catalog.db.schema import stored
from pypisync.catalog.db.schema_quarantine import quarantined, quarantines
from pypisync.catalog.db.sql import add, among, batches, is_set, rows_among
from pypisync.core.standards import versions
from pypisync.core.standards.filenames import METADATA

STATUS = "quarantined"  # of a project
WHOLE = ""  # the version that stands for all of a project
# Files by (project, version), as paths.
Paths = Mapping[tuple[str, str], Iterable[str]]


def tell(connection: Connection, words: Mapping[tuple[str, str], bool], now: float) -> None:
    """Note a journal's last words: whether (project, version) is quarantined."""
    for (name, version), is_so in words.items():
        row = (quarantines.c.name == name) & (quarantines.c.version == version)
        known = connection.execute(update(quarantines).where(row).values(told=is_so)).rowcount
        if is_so and not known:
            new = {"name": name, "version": version, "told": True, "since": now}
            connection.execute(insert(quarantines).values(new))


def removed(connection: Connection, names: Collection[str]) -> None:
    """Note that a journal told the removal of these projects: it ends what it told before."""
    for batch in batches(sorted(names)):
        row = among(quarantines.c.name, batch), is_set(quarantines.c.told)
        connection.execute(update(quarantines).where(*row).values(told=False))


def update_states(
    connection: Connection,
    whole: Mapping[str, bool],
    shown: Mapping[str, Collection[bytes]],
    withdrawn: Paths,
    now: float,
) -> None:
    """Bring quarantines up to date with the documents of projects.

    ``whole``: whether the project's status is quarantined; ``shown``: the versions that its page
    lists, as keys; ``withdrawn``: the files of versions that it listed before and lists no more.
    """
    states = _states(connection, whole)
    for name in whole:
        if whole[name] and (name, WHOLE) not in states:
            connection.execute(insert(quarantines).values(name=name, version=WHOLE, since=now))
            states[name, WHOLE] = False
    if not states:
        return  # nothing is kept either: that ends with what it is kept for
    holds: set[_Key] = set()
    for (name, version), told in states.items():
        if version == WHOLE:
            goes_on = whole[name] or (told and not shown[name])
        else:
            goes_on = (told or whole[name]) and _key(name, version)[1] not in shown[name]
        if goes_on:
            holds.add(_key(name, version))
        else:
            row = (quarantines.c.name == name) & (quarantines.c.version == version)
            connection.execute(delete(quarantines).where(row))
    _keep(connection, {of: paths for of, paths in withdrawn.items() if _held(*of, holds)})
    _release(connection, whole, holds, now)


_Key = tuple[str, bytes]  # a project and the key of a version


def _key(name: str, version: str) -> _Key:
    parsed = versions.parse(version)
    return name, b"" if parsed is None else versions.key(parsed)


def _held(name: str, version: str, holds: Collection[_Key]) -> bool:
    return (name, b"") in holds or _key(name, version) in holds


def _states(connection: Connection, names: Iterable[str]) -> dict[tuple[str, str], bool]:
    """Returns by (project, version) whether a journal told that it is quarantined."""
    found: dict[tuple[str, str], bool] = {}
    rows = rows_among(connection, _of_projects, sorted(names))
    found.update(((row.name, row.version), row.told) for row in rows)
    return found


def _of_projects() -> Select[Any]:
    return select(quarantines).where(among(quarantines.c.name))


def _keep(connection: Connection, withdrawn: Paths) -> None:
    """Keep those of the files that are stored."""
    of = {path: key for key, paths in withdrawn.items() for path in paths}
    for batch in batches(sorted(of)):
        connection.execute(delete(quarantined).where(among(quarantined.c.path, batch)))
        there = select(stored.c.path).where(among(stored.c.path, batch), stored.c.sha256 != "")
        rows = [
            {"path": path, "name": of[path][0], "version": of[path][1]}
            for path in connection.scalars(there.order_by(stored.c.path))
        ]
        add(connection, quarantined, rows)


def _release(
    connection: Connection, names: Iterable[str], holds: Collection[_Key], now: float
) -> None:
    """Let the files go that are quarantined no more; their grace begins now."""
    q = quarantined.c
    for batch in batches(sorted(names)):
        kept = connection.execute(select(quarantined).where(among(q.name, batch))).all()
        for paths in batches(row.path for row in kept if not _held(row.name, row.version, holds)):
            connection.execute(delete(quarantined).where(among(q.path, paths)))
            both = [end for path in paths for end in (path, path + METADATA)]
            unlisted = among(stored.c.path, both), stored.c.unlisted.is_not(None)
            connection.execute(update(stored).where(*unlisted).values(unlisted=now))
