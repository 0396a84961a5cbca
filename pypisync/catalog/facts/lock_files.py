"""What lock files name: which files of upstream that is, and what upstream does not have.

A root that a lock file makes calls for one release, and names files of it. These are wanted
whatever the file rules say, and of a release that nothing else calls for, they are all.
"""

from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select, union

from pypisync.catalog.db.schema import (
    files,
    locked,
    projects,
    releases,
    root_choices,
    roots,
    selected,
)
from pypisync.catalog.db.sql import add, batches, once
from pypisync.catalog.db.statuses import NO_PROJECT
from pypisync.core.wanted.roots import NamedFile, Origin


def digest(named: Collection[NamedFile]) -> str:
    """Returns a text that differs whenever the files do."""
    spelled = repr(sorted((file.sha256, file.filename) for file in named))
    return sha256(spelled.encode()).hexdigest() if named else ""


def record(connection: Connection, named: Mapping[int, Collection[NamedFile]]) -> None:
    """Record the files that are named for roots (by id); none: those that the file rules keep."""
    rows = (
        {"root_id": root, "sha256": file.sha256, "filename": file.filename}
        for root, some in named.items()
        for file in some or (NamedFile(),)
    )
    for batch in batches(rows):
        add(connection, locked, batch)


def is_named() -> ColumnElement[bool]:
    """Returns whether a file is among those that a row of ``locked`` names.

    One whose SHA-256 nobody knows yet may be: by its name, or as one of those that the file rules
    keep. Once it is fetched its hash tells.
    """
    by_name = and_(locked.c.sha256 == "", locked.c.filename == files.c.filename)
    by_rules = and_(locked.c.sha256 == "", locked.c.filename == "", files.c.kept)
    alike = or_(locked.c.filename == files.c.filename, and_(locked.c.filename == "", files.c.kept))
    perhaps = and_(locked.c.sha256 != "", files.c.sha256 == "", alike)
    by_hash = and_(locked.c.sha256 != "", locked.c.sha256 == files.c.sha256)
    return or_(by_hash, by_name, by_rules, perhaps)


def named_files(of: ColumnElement[bool] | None = None) -> Any:
    """Returns a query for the ids of the files that lock files name, of releases they call for.

    ``of``: a condition on their projects.
    """
    pins = locked.join(root_choices, root_choices.c.root_id == locked.c.root_id)
    pins = pins.join(files, files.c.release_id == root_choices.c.release_id)
    if of is not None:
        pins = pins.join(releases, releases.c.id == files.c.release_id).join(projects)
    query = select(files.c.id).select_from(pins).where(is_named(), files.c.barred == "")
    return query if of is None else query.where(of)


def wanted_files() -> Any:
    """Returns a query for the ids of all files that the pages are to list."""
    kept = (
        select(files.c.id)
        .join_from(files, selected, selected.c.release_id == files.c.release_id)
        .where(selected.c.extra == "", ~selected.c.pinned, files.c.kept)
    )
    return union(kept, named_files())


def missing(connection: Connection) -> dict[str, str]:
    """Returns what lock files name and cannot be had: files, or whole releases, with the reason.

    Upstream does not have it, or the policy bars it.

    A project that could not be read yet has a reason of its own.
    """
    found: dict[str, str] = {}
    if connection.scalar(once(_any_pinned)) is None:
        return found
    for file, name, version, status, gone in connection.execute(_without_release()):
        why = gone if status == "gone" else "upstream has no such release"
        found.setdefault(f"{name}=={version}", f"{file} names it, and {why}")
    for file, name, version, filename, digest_ in connection.execute(_without_file()):
        label = filename or f"{name}=={version} sha256:{digest_}"
        why = f"{file} names it, and upstream has no such file"
        found.setdefault(label, why)
    for file, _, _, filename, barred in connection.execute(_barred()):
        why = f"{file} names it, and the policy bars it ({barred})"
        found.setdefault(filename, why)
    return found


def _any_pinned() -> Select[int]:
    return select(roots.c.id).where(roots.c.pinned).limit(1)


def _pinned(*more: Any) -> Any:
    file, version = roots.c.source, roots.c.selector
    return (
        select(file, projects.c.name, version, *more)
        .where(roots.c.pinned, roots.c.origin == Origin.GROUP)
        .where(roots.c.state == "kept", projects.c.status != "unseen")
        .order_by(projects.c.name, version, file)
    )


def _without_release() -> Any:
    chosen = exists().where(root_choices.c.root_id == roots.c.id)
    gone = func.coalesce(projects.c.status_reason, NO_PROJECT)
    return _pinned(projects.c.status, gone).join_from(roots, projects).where(~chosen)


def _without_file() -> Any:
    there = exists().where(files.c.release_id == root_choices.c.release_id, is_named())
    return (
        _pinned(locked.c.filename, locked.c.sha256)
        .select_from(
            roots.join(projects)
            .join(root_choices, root_choices.c.root_id == roots.c.id)
            .join(locked, locked.c.root_id == roots.c.id)
        )
        .where(or_(locked.c.sha256 != "", locked.c.filename != ""), ~there)
        .order_by(locked.c.filename, locked.c.sha256)
    )


def _barred() -> Any:
    # Where a lock file names no files, what is left of the release will do.
    whole = and_(locked.c.sha256 == "", locked.c.filename == "", ~releases.c.kept)
    return (
        _pinned(files.c.filename, files.c.barred)
        .select_from(
            roots.join(projects)
            .join(root_choices, root_choices.c.root_id == roots.c.id)
            .join(locked, locked.c.root_id == roots.c.id)
            .join(releases, releases.c.id == root_choices.c.release_id)
            .join(files, files.c.release_id == releases.c.id)
        )
        .where(files.c.barred != "", or_(is_named(), whole))
        .order_by(files.c.filename)
    )
