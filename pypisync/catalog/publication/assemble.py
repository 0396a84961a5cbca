"""What the next generation's pages are: wanted against held, for what has changed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from packaging.version import Version
from sqlalchemy import CompoundSelect, Connection, Select, and_, exists, or_, select, union

from pypisync.catalog.db.schema import (
    choices,
    classes,
    edges,
    files,
    projects,
    published,
    releases,
    roots,
    selected,
    stored,
)
from pypisync.catalog.db.sql import (
    among,
    batches,
    is_set,
    once,
    rows_among,
    to_mask,
    tuples_among,
    update_among,
)
from pypisync.catalog.facts import lock_files
from pypisync.catalog.publication.unread import blocked, is_selected
from pypisync.core.filters.policy import Policy
from pypisync.core.publish.holdback import PlannedRelease, ReleaseFile, spread, unready
from pypisync.core.publish.pages import Page, PageFile
from pypisync.core.standards.filenames import METADATA
from pypisync.core.wanted.roots import NamedFile

_ALL_PASS = Policy()
_NONE: Mapping[str, str] = {}
_Listed = Mapping[str, Mapping[str, PageFile | None]]
_PAGE_FILE = PageFile.__struct_fields__


class Publication(Struct):
    """The pages of the projects that changed (None: no page), and what is held back."""

    pages: dict[str, Page | None] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)  # "name==version" -> reason
    done: list[int] = field(default_factory=list)  # projects with nothing left to publish
    # Releases (name, version) on the pages of projects where something is held; with the files that
    # are listed, if only these were wanted and nothing that they need.
    retained: dict[tuple[str, str], tuple[NamedFile, ...]] = field(default_factory=dict)


def assemble(
    connection: Connection,
    later: Mapping[str, str],
    policy: Policy = _ALL_PASS,
    finals: Mapping[str, str] = _NONE,
) -> Publication:
    """Returns the pages as the facts, the decisions and the pool allow now.

    ``later``: paths that could not be fetched and may be next time, with a reason to be shown or
    "". Where ``policy`` blocks what is vulnerable, a release that was never examined waits.
    ``finals``: projects whose new finals are not listed yet, with the reason.
    """
    changed = connection.execute(once(_changed)).all()
    if not changed:
        return Publication()
    wanted = _wanted(connection, [row.id for row in changed], policy)
    listed = _listed(connection, [row.name for row in changed])
    held = _displacing(wanted, listed, finals) | unready(wanted, later)
    waiting: dict[int, str] = {}
    if held:
        held, waiting = _spread(connection, held, wanted, listed)
    labels = {w.release: w.label for w in wanted}
    told = sorted((waiting | held).items())
    result = Publication(held={labels[r]: why for r, why in told if r in labels})
    by_project: dict[str, list[PlannedRelease]] = {}
    for release in wanted:
        by_project.setdefault(release.project, []).append(release)
    asked = _asked_for(connection, [row.id for row in changed])
    for row in changed:
        have = by_project.get(row.name, [])
        now_listed = listed.get(row.name, {})
        lists, complete = _page_files(have, held, waiting, now_listed)
        if any(release.release in held for release in have):
            result.retained |= _to_retain(have, now_listed)
        if lists or (row.status == "quarantined" and row.id in asked):
            result.pages[row.name] = Page(row.name, 0, row.status, row.status_reason, tuple(lists))
        else:
            result.pages[row.name] = None
        if complete and not _waits(have, later):
            result.done.append(row.id)
    return result


def _changed() -> Select[Any]:
    return select(projects).where(is_set(projects.c.unpublished)).order_by(projects.c.name)


def _waits(have: Iterable[PlannedRelease], later: Mapping[str, str]) -> bool:
    """Returns whether a file of these releases, or its ``.metadata``, may be fetched next time."""
    paths = (file.page.path for release in have for file in release.files)
    return any(path in later or path + METADATA in later for path in paths)


def _displacing(
    wanted: Sequence[PlannedRelease], listed: _Listed, finals: Mapping[str, str]
) -> dict[int, str]:
    """Returns the new finals of these projects, with the reason.

    Installers take no pre-release where a final matches (PEP 440, "Handling of pre-releases").
    """
    return {
        release.release: finals[release.project]
        for release in wanted
        if release.project in finals
        and release.selected
        and not _is_listed(release, listed)
        and not Version(release.version).is_prerelease
    }


def _to_retain(
    have: Sequence[PlannedRelease], listed: Mapping[str, PageFile | None]
) -> dict[tuple[str, str], tuple[NamedFile, ...]]:
    """Returns what stays of a project's page while something of it is held."""
    found: dict[tuple[str, str], tuple[NamedFile, ...]] = {}
    for release in have:
        pages = [file.page for file in release.files if file.page.filename in listed]
        if pages:
            named = (NamedFile(page.filename, page.sha256) for page in pages)
            found[release.project, release.version] = tuple(named) if release.pinned else ()
    return found


def published_all(connection: Connection, done: Iterable[int]) -> None:
    """Note that the pages of these projects list all that is wanted."""
    update_among(connection, projects.c.id, done, unpublished=False)


def _wanted(connection: Connection, ids: Sequence[int], policy: Policy) -> list[PlannedRelease]:
    found: dict[int, tuple[Any, list[ReleaseFile]]] = {}
    for batch in batches(ids):
        named = {file for (file,) in tuples_among(connection, _named, batch)}
        for row in rows_among(connection, _selected_or_listed, batch):
            entry = found.setdefault(row.release, (row, []))
            wanted = (row.kept and row.chosen is not None) or row.id in named
            entry[1].append(_release_file(row, wanted=wanted))
    waits = blocked(connection, list(found), policy)
    return [
        PlannedRelease(
            release=release,
            project=row.name,
            version=row.version,
            selected=row.chosen is not None or row.pin is not None,
            # Of a pin any of its files will do: which targets they serve is the lock file's affair.
            admits=0 if row.chosen is None else to_mask(row.admits_yanked),
            # Whatever was selected with what it needs has had its requirements read.
            pinned=row.chosen is None and row.knowledge == "unknown",
            blocked=waits.get(release, ""),
            files=tuple(release_files),
        )
        for release, (row, release_files) in found.items()
    ]


def _named() -> Any:
    return lock_files.named_files(among(projects.c.id))


def _selected_or_listed() -> Select[Any]:
    """Returns the files of releases that are selected, pinned or listed, with what is stored."""
    meta, pin = stored.alias("meta"), selected.alias("pin")
    p, r, f = projects.c, releases.c, files.c
    # The name says nothing new, but it has an index.
    lists = exists().where(
        published.c.name == p.name,
        published.c.last.is_(None),
        published.c.filename == f.filename,
    )
    is_pin = and_(pin.c.release_id == r.id, pin.c.pinned)
    chosen = or_(selected.c.id.is_not(None), pin.c.id.is_not(None))
    return (
        select(
            p.name, r.id.label("release"), r.version, r.admits_yanked, r.knowledge,
            selected.c.id.label("chosen"), pin.c.id.label("pin"), files,
            stored.c.size.label("real"), stored.c.sha256.label("has"),
            meta.c.sha256.label("meta"),
        )
        .select_from(
            projects.join(releases)
            .join(files)
            .outerjoin(selected, is_selected())
            .outerjoin(pin, is_pin)
            .outerjoin(stored, stored.c.path == f.path)
            .outerjoin(meta, meta.c.path == f.path + METADATA)
        )
        # What is barred goes, whatever is held.
        .where(among(projects.c.id), f.barred == "", or_(chosen, lists))
        .order_by(r.id, f.id)
    )  # fmt: skip


def _release_file(row: Any, *, wanted: bool) -> ReleaseFile:
    page = PageFile(
        filename=row.filename,
        version=row.version,
        path=row.path,
        sha256=row.sha256,
        size=row.real or 0,
        uploaded=row.uploaded,
        requires_python=row.requires_python,
        yanked=row.yanked,
        metadata_sha256=row.meta if has_metadata(row.metadata_sha256, row.meta) else None,
        provenance=row.provenance,
    )
    return ReleaseFile(page, to_mask(row.admits), wanted, bool(row.has) and row.has == row.sha256)


def has_metadata(stated: str | None, has: str | None) -> bool:
    """Returns whether what is stored beside a file is the .metadata that upstream states."""
    return stated is None or has == stated or (stated == "" and has is not None)


def _listed(connection: Connection, names: Sequence[str]) -> _Listed:
    """Returns the files that the newest generation lists, by project and name.

    None stands for a file whose bytes are lost.
    """
    found: dict[str, dict[str, PageFile | None]] = {}
    for row in rows_among(connection, _listed_now, names):
        page = PageFile(**{key: getattr(row, key) for key in _PAGE_FILE})
        there = row.has == row.sha256
        found.setdefault(row.name, {})[row.filename] = page if there else None
    return found


def _listed_now() -> Select[Any]:
    return (
        select(published, stored.c.sha256.label("has"))
        .select_from(published.outerjoin(stored, stored.c.path == published.c.path))
        .where(among(published.c.name), published.c.last.is_(None))
    )


def _spread(
    connection: Connection,
    held: dict[int, str],
    wanted: Sequence[PlannedRelease],
    listed: _Listed,
) -> tuple[dict[int, str], dict[int, str]]:
    """Follow the edges backwards from what is held to all that needs it.

    Returns what is held, and the listed releases of which new files wait, for they may need it.
    """
    needs: dict[int, list[int]] = {}
    frontier = set(held)
    while frontier:
        reached: set[int] = set()
        for needed, dependent in tuples_among(connection, _dependents, sorted(frontier)):
            needs.setdefault(needed, []).append(dependent)
            reached.add(dependent)
        frontier = reached - needs.keys() - held.keys()
        frontier -= {w.release for w in wanted if _is_listed(w, listed)}
        for release in frontier:
            needs.setdefault(release, [])
    here = {w.release: w.label for w in wanted}
    # A release that is selected and not among the changed projects is published already.
    elsewhere = {d for dependents in needs.values() for d in dependents} - here.keys()
    published_already = {w.release for w in wanted if _is_listed(w, listed)} | elsewhere
    found = spread(held, needs, here, frozenset(published_already))
    waiting = {
        dependent: f"its new files wait: it needs {here.get(needed, '?')}, which is held"
        for needed in sorted(found)
        for dependent in needs.get(needed, ())
    }
    fresh = {w.release for w in wanted if _has_news(w, listed.get(w.project, {}))}
    return found, {one: why for one, why in waiting.items() if one in fresh - found.keys()}


def _has_news(release: PlannedRelease, listed: Mapping[str, PageFile | None]) -> bool:
    """Returns whether a page would list a file of this release that it does not list now."""
    there = (file for file in release.files if file.kept and file.stored)
    return any(_before(file, listed) is not file.page for file in there)


def _before(file: ReleaseFile, listed: Mapping[str, PageFile | None]) -> PageFile | None:
    """Returns a file with the bytes that are listed now, as a page may list it; None: it is not."""
    before = listed.get(file.page.filename)
    return file.page if before and before.sha256 == file.page.sha256 else before


def _dependents() -> Select[int, int]:
    by_class = choices.join(edges, edges.c.class_id == choices.c.class_id)
    return (
        select(choices.c.release_id, selected.c.release_id)
        .select_from(by_class.join(selected, selected.c.id == edges.c.selected_id))
        .where(among(choices.c.release_id))
        .distinct()
    )


def _is_listed(release: PlannedRelease, listed: _Listed) -> bool:
    names = listed.get(release.project, {})
    return any(file.page.filename in names for file in release.files)


def _page_files(
    have: Sequence[PlannedRelease],
    held: Mapping[int, str],
    waiting: Mapping[int, str],
    listed: Mapping[str, PageFile | None],
) -> tuple[list[PageFile], bool]:
    """Returns what the page lists, and whether that is all that is wanted."""
    lists: list[PageFile] = []
    complete = True
    for release in have:
        ready = release.selected and release.release not in held
        wanted = [file for file in release.files if ready and file.kept]
        if release.release in held:
            # It may be on the page already, and something new of it be missing.
            wanted = [file for file in release.files if file.page.filename in listed]
            # With other bytes than those that are still to come, if it was replaced upstream.
            before = (listed[file.page.filename] for file in wanted if not file.stored)
            lists += [page for page in before if page is not None]
        stored = [file for file in wanted if file.stored]
        if release.release in waiting:
            lists += [page for file in stored if (page := _before(file, listed))]
        else:
            lists += [file.page for file in stored]
        ready = release.release not in held.keys() | waiting.keys()
        complete &= ready and len(stored) == len(wanted)
    return lists, complete


def _asked_for(connection: Connection, ids: Sequence[int]) -> set[int]:
    """Returns those of the projects that a root or a requirement in use names."""
    return {project for (project,) in tuples_among(connection, _naming, ids)}


def _naming() -> CompoundSelect[int]:
    named = (table.c.project_id for table in (roots, classes))
    return union(*(select(project).where(among(project)) for project in named))
