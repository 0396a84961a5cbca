"""Why a root or a requirement finds nothing, and what the policy has to do with it."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    outerjoin,
    select,
    text,
    update,
)

from pypisync.catalog.db.pool import doom_stored
from pypisync.catalog.db.schema import (
    classes,
    files,
    projects,
    published,
    releases,
    root_choices,
    roots,
    stored,
)
from pypisync.catalog.db.schema_quarantine import quarantined
from pypisync.catalog.db.sql import among, batches, once, rows_among
from pypisync.catalog.db.statuses import NO_PROJECT
from pypisync.catalog.facts.offered import why_none_fits
from pypisync.core.filters.file_rules import Rules
from pypisync.core.filters.policy import Policy, blocked
from pypisync.core.standards.filenames import METADATA
from pypisync.core.standards.model import ENDPOINT
from pypisync.core.standards.specifiers import matcher
from pypisync.core.wanted.roots import Origin, shown
from pypisync.core.wanted.selector import parse_selector

# Spelt as in the index: a parameter, or "= 1" behind it, would keep SQLite from using that.
_IS_BARRED = text("files.barred <> ''")


class Barred(NamedTuple):
    """A release whose files the policy bars, at least one of them."""

    key: bytes
    version: str
    reason: str


def barred_releases(connection: Connection, ids: Iterable[int]) -> dict[int, list[Barred]]:
    """Returns the releases with barred files, by project, newest first, with a reason."""
    found: dict[int, list[Barred]] = {}
    for project, key, version, reason in rows_among(connection, _barred, sorted(ids)):
        found.setdefault(project, []).append(Barred(bytes(key), version, reason))
    return found


def _barred() -> Select[Any]:
    r = releases.c
    return (
        select(r.project_id, r.key, r.version, func.min(files.c.barred))
        .join_from(releases, files)
        .where(among(r.project_id), _IS_BARRED)
        .group_by(r.id, r.project_id, r.key, r.version)
        .order_by(r.project_id, r.key.desc())
    )


def rules_on(connection: Connection, names: Iterable[str]) -> dict[str, str]:
    """Returns what the policy bars of projects, by name, for those that it touches."""
    ids: dict[int, str] = {}
    for batch in batches(sorted(names)):
        query = select(projects.c.id, projects.c.name).where(among(projects.c.name, batch))
        ids.update((row.id, row.name) for row in connection.execute(query))
    return {
        ids[project]: f"{ids[project]}: {reason(barred, '')}"
        for project, barred in barred_releases(connection, ids).items()
    }


def reason(barred: Collection[Barred], specifier: str) -> str:
    """Returns how the policy causes a specifier to find nothing; "" if it does not."""
    wanted = matcher(specifier)
    matching = [one for one in barred if wanted.matches(one.key, one.version)]
    if not matching:
        return ""
    newest = matching[0]
    others = f", and {len(matching) - 1} more" if len(matching) > 1 else ""
    return f"the policy bars {newest.version} ({newest.reason}){others}"


def empty_roots(connection: Connection, rules: Rules) -> dict[str, str]:
    """Returns the roots of the configuration that call for no release at all, with the reason.

    Left out are projects that could not be read yet, which have a reason of their own, and patterns
    and requirements for other environments, which may find nothing.
    """
    empty = connection.execute(once(_empty)).all()
    if not empty:
        return {}
    filled = _with_files(connection, {row.id for row in empty})
    barred = barred_releases(connection, {row.id for row in empty})
    return {
        f'{shown(origin, source) or "root"} {name} "{selector}"': denied
        or reason(barred.get(project, ()), parse_selector(selector).specifier)
        or (_unmatched(connection, name, selector, rules) if project in filled else _NO_FILE)
        + ("" if index in ("", ENDPOINT) else f"; the project is from the index {index}")
        for name, selector, denied, origin, source, project, index in empty
    }


def _empty() -> Select[Any]:
    needed = and_(roots.c.origin == Origin.GROUP, ~roots.c.pinned, roots.c.unmet != "0")
    chosen = exists().where(root_choices.c.root_id == roots.c.id)
    of, p = roots.c, projects.c
    denied = case(
        (p.status == "gone", func.coalesce(p.status_reason, NO_PROJECT)),
        (p.status == "quarantined", "upstream has quarantined the project"),
    )
    return (
        select(p.name, of.selector, denied, of.origin, of.source, p.id, p.index_name)
        .join_from(roots, projects)
        .where(or_(of.origin == Origin.PACKAGES, needed), of.state == "kept", ~chosen)
        .where(p.status != "unseen")
        .order_by(p.name, of.selector)
    )


def _unmatched(connection: Connection, name: str, selector: str, rules: Rules) -> str:
    why = why_none_fits(connection, name, parse_selector(selector).specifier, rules)
    return "no release matches it on any target" + (why and f": {why}")


_NO_FILE = "upstream shows no file of it"


def _with_files(connection: Connection, ids: Collection[int]) -> set[int]:
    """Returns those of the projects that have files."""
    return {project for (project,) in rows_among(connection, _showing_files, sorted(ids))}


def _showing_files() -> Select[int]:
    query = select(releases.c.project_id).join_from(releases, files)
    return query.where(among(releases.c.project_id)).distinct()


def explain(connection: Connection, into: Collection[int] | None) -> None:
    """Note with unmet classes into these projects (None: all) what the policy has to do with it.

    A policy that bars nothing, and barred nothing before, costs one look.
    """
    if into is None:
        unmet = list[Any](connection.execute(once(_unmet)))
    else:
        unmet = list(rows_among(connection, _unmet_into, sorted(into)))
    if not unmet:
        return
    barred = barred_releases(connection, {row.project_id for row in unmet})
    changed = [
        {"row": row.id, "barred": now}
        for row in unmet
        if (now := reason(barred.get(row.project_id, ()), row.specifier)) != row.barred
    ]
    if changed:
        connection.execute(update(classes).where(classes.c.id == bindparam("row")), changed)


def _unmet() -> Select[Any]:
    c = classes.c
    barring = or_(c.barred != "", exists(select(files.c.id).where(_IS_BARRED)))
    return select(c.id, c.project_id, c.specifier, c.barred).where(c.unmet != "0", barring)


def _unmet_into() -> Select[Any]:
    return _unmet().where(among(classes.c.project_id))


def doom_blocked(connection: Connection, policy: Policy) -> None:
    """Doom what the policy blocks and only older generations list, or what is quarantined."""
    if not policy.block:
        return
    p = published.c
    listed = (
        select(p.path, p.name, p.version, p.filename, p.sha256)
        .join_from(published, stored, stored.c.path == p.path)
        .where(p.last.is_not(None), stored.c.sha256 != "")
    )
    paths = [
        path for path, *file in connection.execute(listed.distinct()) if blocked(policy, *file)
    ]
    q = quarantined.c
    apart = select(q.path, q.name, q.version, stored.c.sha256).join_from(
        quarantined, stored, (stored.c.path == q.path) & (stored.c.sha256 != "")
    )
    paths += [
        path
        for path, name, version, sha256 in connection.execute(apart)
        if blocked(policy, name, version, path.rpartition("/")[2], sha256)
    ]
    doom_stored(connection, [end for path in paths for end in (path, path + METADATA)])


def barred_among(connection: Connection, paths: Iterable[str], policy: Policy) -> set[str]:
    """Returns those of the paths (of files, or of their .metadata) that the policy bars.

    Of what upstream does not have any more it bars what is blocked.
    """
    wanted = set(paths)
    p, found = published.c, set()
    for batch in batches(sorted({path.removesuffix(METADATA) for path in wanted})):
        listed = select(p.path, p.name, p.version, p.filename, p.sha256, files.c.barred)
        same = and_(files.c.filename == p.filename, files.c.path == p.path)
        known = outerjoin(published, files, same)
        for path, *file, barred in connection.execute(
            listed.select_from(known).where(among(p.path, batch))
        ):
            if barred or blocked(policy, *file):
                found |= {path, path + METADATA}
    return found & wanted
