"""Changes the roots: the configuration's, those that keep what is published, proofs'."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select, update

from pypisync.catalog.db.projects import ensure_projects
from pypisync.catalog.db.schema import ROOT_KEY, projects, roots
from pypisync.catalog.db.sql import Ids, add, once
from pypisync.catalog.facts import lock_files
from pypisync.core.wanted.roots import OWN, NamedFile, Origin, Root, of_row

_KEY = ROOT_KEY[1:]  # the project by its name instead


def set_roots(connection: Connection, wanted: Iterable[Root]) -> None:
    """Make the roots those of the configuration."""
    _change_roots(connection, once(lambda: _which(roots.c.origin.not_in(OWN))), wanted)


def retain(connection: Connection, wanted: Mapping[tuple[str, str], tuple[NamedFile, ...]]) -> bool:
    """Keep exactly these releases (name, version) selected. Returns whether this changes anything.

    They are the listed releases of projects whose wanted releases are held. As roots they also keep
    everything that they need, except pinned releases, whose files alone a lock file named.
    """
    lines = [
        Root(*release, origin=Origin.HELD, pinned=bool(files), files=files)
        for release, files in sorted(wanted.items())
    ]
    return _change_roots(connection, once(lambda: _which(roots.c.origin == Origin.HELD)), lines)


def add_for_proofs(connection: Connection, wanted: Iterable[tuple[str, str, str]]) -> bool:
    """Select exactly these releases (name, version, extras) for proofs.

    Returns whether this changes anything.
    """
    lines = (of_row(*line, Origin.PROOF) for line in wanted)
    return _change_roots(connection, once(lambda: _which(roots.c.origin == Origin.PROOF)), lines)


def _which(condition: ColumnElement[bool]) -> Select[Any]:
    return select(roots, projects.c.name).join_from(roots, projects).where(condition)


def _change_roots(
    connection: Connection,
    which: Select[Any],
    wanted: Iterable[Root],
) -> bool:
    """Make these roots the wanted ones. Returns whether anything changed."""
    have = {
        (row.name, *(getattr(row, column) for column in _KEY)): row
        for row in connection.execute(which)
    }
    wants = {_key(one): one for one in wanted}
    changed = False
    for key, row in have.items():
        state = "dropped" if key not in wants else "kept" if row.state == "dropped" else row.state
        if state != row.state:
            # A root that comes back before its loss was decided has kept all it called for.
            changed = True
            connection.execute(update(roots).where(roots.c.id == row.id).values(state=state))
    fresh = [key for key in wants if key not in have]
    ids = ensure_projects(connection, [key[0] for key in fresh])
    count = Ids(connection, roots)
    rows: list[dict[str, Any]] = [
        {"id": count.next(), "project_id": ids[name], **dict(zip(_KEY, key, strict=True))}
        for name, *key in fresh
    ]
    add(connection, roots, rows)
    made = dict(zip((row["id"] for row in rows), fresh, strict=True))
    lock_files.record(
        connection, {row: wants[key].files for row, key in made.items() if wants[key].pinned}
    )
    return changed or bool(fresh)


def _key(root: Root) -> tuple[Any, ...]:
    """Returns what tells roots apart, as a row has it."""
    return (
        root.project,
        root.selector,
        root.extras_text,
        root.pinned,
        root.origin,
        root.source,
        root.marker,
        lock_files.digest(root.files),
    )
