"""What the pages list now, with what it needs: the facts for proofs, and the roots to prove.

Read-only, through :class:`pypisync.catalog.db.reader.Reader`, project by project from the roots
along all requirements, a batch at a time: a proof of one root reads what that root can reach.
"""

from collections.abc import Iterable
from typing import Any

from pypisync.catalog.db.reader import Reader
from pypisync.core.resolve.index import ListedFile, ListedRelease, Offers
from pypisync.core.standards import filenames, versions
from pypisync.core.standards.metadata import is_foreign
from pypisync.core.standards.model import Requirement
from pypisync.core.standards.requires_python import INSTALLERS
from pypisync.core.wanted.roots import Origin, of_row


def roots(reader: Reader, name: str | None = None) -> list[Requirement]:
    """Returns the roots of the last decision, as an installer would be asked for them.

    Of all projects, or of one (normalised name). "latest" is the project's name, "latest<3" is
    "<3", an exact version is "==".
    """
    rows = reader.rows(
        "SELECT DISTINCT p.name, ro.selector, ro.extras FROM roots ro"
        " JOIN projects p ON p.id = ro.project_id"
        " WHERE ro.state <> 'dropped' AND ro.origin IN (?, ?)"  # a group is proven as a whole
        " AND (p.name = ? OR ? = '')"
        " ORDER BY p.name, ro.selector, ro.extras",
        Origin.PACKAGES,
        Origin.PATTERN,
        name or "",
        name or "",
    )
    found: dict[str, Requirement] = {}  # several selectors can come to the same
    for row in rows:
        root = of_row(*row).requirement
        found.setdefault(root.text, root)
    return list(found.values())


def holdings(reader: Reader, names: Iterable[str]) -> Offers:
    """Returns the listed releases of these projects and of all they can need, oldest first.

    A project that no page lists has no entry.
    """
    found = Offers()
    seen = set(names)
    frontier = sorted(seen)
    while frontier:
        batch = _read(reader, frontier)
        rows = reader.among("SELECT name, index_name FROM projects WHERE name IN (?)", frontier)
        found.indexes.update(rows)
        found.releases |= batch
        needed = {
            need.name
            for some in batch.values()
            for one in some
            for need in (*one.needs, *one.build)
        }
        frontier = sorted(needed - seen - {""})
        seen |= needed
    return found


def _read(reader: Reader, names: list[str]) -> dict[str, list[ListedRelease]]:
    listed: dict[tuple[str, str], list[ListedFile]] = {}
    for name, version, *facts in reader.among(
        "SELECT u.name, u.version, u.filename, u.path, u.sha256, u.size, u.requires_python,"
        " u.yanked, f.inside_python, f.refused_pip, f.refused_uv FROM published u"
        " LEFT JOIN files f ON f.path = u.path AND f.filename = u.filename"
        " AND f.sha256 = u.sha256 WHERE u.last IS NULL AND u.name IN (?)",
        names,
    ):
        listed.setdefault((name, version), []).append(_file(name, *facts))
    known: dict[tuple[str, str], int] = {}
    for release, name, version in reader.among(
        "SELECT r.id, p.name, r.version FROM releases r JOIN projects p ON p.id = r.project_id"
        " WHERE r.knowledge = 'known' AND p.name IN (?)",
        sorted({name for name, _ in listed}),
    ):
        if (name, version) in listed:
            known[name, version] = release
    needs = _needs(reader, known.values())
    found: dict[str, list[ListedRelease]] = {}
    for (name, text), some in listed.items():
        version = versions.parse(text)
        if version is None:
            continue
        at = known.get((name, text))
        key, pre = versions.key(version), version.is_prerelease
        own, build = (tuple(needs.get((at, kind), ())) for kind in ("runtime", "build"))
        release = ListedRelease(name, text, key, pre, tuple(some), own, at is not None, build=build)
        found.setdefault(name, []).append(release)
    for releases in found.values():
        releases.sort(key=lambda one: one.key)
    return found


def _file(
    name: str, filename: str, path: str, sha256: str, size: int, *rest: str | None
) -> ListedFile:
    requires_python, yanked, inside, *refused = rest
    parsed = filenames.parse(name, filename)
    tags = parsed.tags if parsed.kind == "wheel" else None
    refused_by = tuple(by for by, reason in zip(INSTALLERS, refused, strict=True) if reason)
    foreign = is_foreign(refused[0] or "")
    facts = requires_python, yanked is not None, inside, refused_by, foreign, bool(yanked)
    return ListedFile(filename, path, sha256, size, tags, *facts)


def _needs(
    reader: Reader, releases: Iterable[int]
) -> dict[tuple[int | None, str], list[Requirement]]:
    """Returns requirements by release and kind: runtime or build."""
    found: dict[tuple[int | None, str], list[Requirement]] = {}
    rows: Iterable[Any] = reader.among(
        "SELECT q.release_id, q.kind, q.text, p.name, q.specifier, q.marker, q.extras, q.fault,"
        " q.refused, q.machines_pip, q.machines_uv, q.machines_pinned FROM requirements q"
        " JOIN projects p ON p.id = q.project_id WHERE q.release_id IN (?) ORDER BY q.id",
        sorted(releases),
    )
    for release, kind, text, name, specifier, marker, extras, fault, refused, *rest in rows:
        wanted = tuple(filter(None, extras.split(",")))
        masks = [int(mask, 16) for mask in rest if mask is not None]
        only = (masks[0], masks[1], masks[2]) if masks else None
        need = Requirement(text, name, specifier, marker, wanted, "", fault, refused, only)
        found.setdefault((release, kind), []).append(need)
    return found
