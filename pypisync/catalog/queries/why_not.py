"""Why a project or a release is not in the mirror, or is not what somebody expects of it.

Read-only, through :class:`pypisync.catalog.db.reader.Reader`. Each finding is one line, and what
decides most comes first.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec import Struct
from packaging.version import Version

from pypisync.catalog.db.origins import OPERATORS, SHOWN
from pypisync.catalog.db.reader import Reader
from pypisync.catalog.db.statuses import NO_PROJECT
from pypisync.catalog.queries.withheld import withheld
from pypisync.core.display import counted
from pypisync.core.environments.misfits import TaggedFile, why_unusable
from pypisync.core.environments.proof_targets import ProofTarget
from pypisync.core.filters.file_rules import FilePolicy, left_out
from pypisync.core.standards import versions
from pypisync.core.standards.filenames import ParsedFile, parse
from pypisync.core.standards.model import ENDPOINT

_SHOWN = 3  # names in one line
_EXTENSION = re.compile(
    r"\.(?:tar(?:\.\w+)?|zip|whl|egg|exe|msi|rpm|deb|dmg|tgz|t[bx]z2?)$", re.IGNORECASE
)


class Finding(NamedTuple):
    """One reason why a release is missing, or a fact about it: its kind, and a sentence."""

    kind: str
    text: str


class Absence(Struct, frozen=True):
    """What is known of a project or release; ``listed`` if a page lists it (any version of it)."""

    listed: bool
    findings: list[Finding]


def absence(
    reader: Reader,
    name: str,
    version: Version | None,
    policy: FilePolicy,
    machines: Sequence[ProofTarget] = (),
    *,
    several: bool = False,
) -> Absence:
    """Returns why the project (normalised name) or the one version of it is not on the pages.

    ``policy``: what the configuration says of files; ``machines``: for which it is said why they
    can use none of the files; ``several``: whether the configuration has several indexes.
    """
    page = on_page(reader, name)
    listed = [text for text in page if version in (None, Version(text))]
    found = list(_page(page, listed, version))
    projects = reader.rows(
        "SELECT id, status, status_reason, index_name FROM projects WHERE name = ?", name
    )
    if not projects:
        found.append(Finding("unknown", missing(reader, name, version)))
        return Absence(bool(listed), found)
    ((project, status, reason, index),) = projects
    if index and (several or index != ENDPOINT):
        found.append(Finding("index", f"the project is from the index {index}"))
    found += _quarantined(reader, name, version, reason)
    found += _owed(reader, name, status, reason)
    if status not in ("gone", "unseen"):
        asked = _Asked(reader, project, name, index, policy, machines)
        found += (
            asked.project(listed)
            if version is None
            else asked.release(version, listed=bool(listed))
        )
    return Absence(bool(listed), found)


def _quarantined(
    reader: Reader, name: str, version: Version | None, reason: str | None
) -> Iterator[Finding]:
    """Yields the quarantines of the project or of this version (None: any), and since when."""
    rows = reader.rows(
        "SELECT version, since FROM quarantines WHERE name = ? ORDER BY version", name
    )
    for of, since in rows:
        when = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        why = f": {reason}" if reason else ""
        if not of:
            what = f"the project, since {when}{why}"
        elif version is None:
            what = f"version {of}, since {when}"
        elif versions.parse(of) == version:
            what = f"this version, since {when}"
        else:
            continue
        yield Finding("quarantined", f"upstream has quarantined {what}")


def missing(reader: Reader, name: str, version: Version | None) -> str:
    """Returns why none of the project's releases, or not this one, is selected; in one line."""
    projects = reader.rows("SELECT id, status, status_reason FROM projects WHERE name = ?", name)
    if not projects:
        return "not in the catalog: no root, pattern or requirement names it"
    ((project, state, why),) = projects
    if state in ("gone", "unseen"):
        return next(text for kind, text in _owed(reader, name, state, why) if kind == state)
    return _unwanted(_versions(reader, project), version, _barred(reader, project, version))


def on_page(reader: Reader, name: str) -> dict[str, int]:
    """Returns the versions on the project's page, newest first, each with how many files."""
    rows = reader.rows(
        "SELECT version, count(*) FROM published WHERE name = ? AND last IS NULL GROUP BY version",
        name,
    )
    return {row[0]: row[1] for row in sorted(rows, key=lambda row: Version(row[0]), reverse=True)}


def _page(
    page: dict[str, int], listed: Sequence[str], version: Version | None
) -> Iterator[Finding]:
    if listed and version is None:
        yield Finding("listed", f"it is there: {_some(listed)}")
    elif listed:
        files = page[listed[0]]
        yield Finding("listed", f"it is there, with {files} file{'s' if files > 1 else ''}")


def _owed(reader: Reader, name: str, status: str, why: str | None) -> Iterator[Finding]:
    """Yields what upstream has not told yet, or that it has no such project."""
    pending = reader.rows("SELECT attempts, reason FROM pending WHERE name = ?", name)
    reason = f": {pending[0][1]}" if pending and pending[0][1] else ""
    if status == "gone":
        yield Finding("gone", f"{why or NO_PROJECT}{_required(reader, name)}")
    if status == "unseen":
        why = (
            "its document has not been read yet" if pending else "nothing that is mirrored needs it"
        )
        yield Finding("unseen", why + reason)
    elif pending:
        tries = pending[0][0]
        yield Finding(
            "pending", f"a newer document is owed, tried {counted(tries, 'time')}{reason}"
        )


def _versions(reader: Reader, project: int) -> dict[Version, bool]:
    """Returns the releases, newest first, and whether any file of each is kept."""
    rows = reader.rows(
        "SELECT version, kept FROM releases WHERE project_id = ? ORDER BY key DESC", project
    )
    return {Version(row[0]): bool(row[1]) for row in rows}


def _barred(reader: Reader, project: int, version: Version | None) -> str:
    """Returns why the policy bars files of this release; "" if it does not."""
    if version is None:
        return ""
    reason = reader.value(
        "SELECT min(f.barred) FROM files f JOIN releases r ON r.id = f.release_id"
        " WHERE r.project_id = ? AND r.key = ? AND f.barred <> ''",
        project,
        versions.key(version),
    )
    return reason or ""


def _unwanted(kept: dict[Version, bool], version: Version | None, barred: str) -> str:
    """Returns why none of these releases, newest first, is the selected one that was asked for."""
    if version is None and kept and not any(kept.values()):
        of = counted(len(kept), "release")
        return f"the configuration keeps no file of its {of} (policy, environment, file rules)"
    if version is None:
        return (
            "no root or requirement leads to any of its releases (with files that the "
            f"configuration keeps: {sum(kept.values())} of {counted(len(kept))})"
        )
    if version not in kept:
        newest = f"; the newest known is {next(iter(kept))}" if kept else ""
        return f"upstream has no such version{newest}"
    if not kept[version] and barred:
        return f"the policy bars it ({barred})"
    if not kept[version]:
        return "the configuration keeps none of its files (environment, file rules)"
    return "no root or requirement calls for it"


def _names(what: str, version: Version) -> bool:
    """Returns whether the name of a left-out file, or a version alone, names this version."""
    for piece in what.split("-"):
        bare = _EXTENSION.sub("", piece)
        numbers = re.match(r"[0-9]+(?:\.[0-9]+)*", bare)  # of an installer: "1.0.win32"
        if (versions.parse(bare) or versions.parse(numbers[0] if numbers else "")) == version:
            return True
    return False


def _users(reader: Reader, name: str) -> Iterator[str]:
    """Yields the selected releases that require a project, whatever its marker."""
    rows = reader.rows(
        "SELECT DISTINCT u.name, r.version FROM requirements q"
        " JOIN projects p ON p.id = q.project_id JOIN releases r ON r.id = q.release_id"
        " JOIN projects u ON u.id = r.project_id JOIN selected s ON s.release_id = r.id"
        " WHERE p.name = ? ORDER BY u.name, r.version",
        name,
    )
    yield from (f"{user} {version}" for user, version in rows)


def _required(reader: Reader, name: str) -> str:
    """Returns who requires a project, behind a semicolon; "" if nobody does."""
    return (users := _some(_users(reader, name))) and f"; it is required by {users}"


def _some(what: Iterable[str]) -> str:
    every = list(what)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more


class _Asked(Struct, frozen=True):
    """A project that upstream has."""

    reader: Reader
    id: int
    name: str
    index: str  # that it is from; some of its files may be from others
    policy: FilePolicy
    machines: Sequence[ProofTarget]

    def project(self, listed: Sequence[str]) -> Iterator[Finding]:
        """Yields what is wanted of the project, and why its newest release is not listed."""
        releases = _versions(self.reader, self.id)
        wanted = self.reader.value(
            "SELECT count(DISTINCT r.id) FROM releases r JOIN selected s ON s.release_id = r.id"
            " WHERE r.project_id = ?",
            self.id,
        )
        if not wanted:
            kind, required = "unwanted", ""
            if releases and not any(releases.values()):
                kind, required = "excluded", _required(self.reader, self.name)
            yield Finding(kind, _unwanted(releases, None, "") + required)
        elif not releases:
            yield Finding("empty", "upstream has no release of it with files")
        newest = next((one for one in releases if not one.is_prerelease), None)
        if newest is not None and str(newest) not in listed:
            for kind, text in self.release(newest, listed=False):
                yield Finding(kind, f"{newest}: {text}")
        yield from self._skipped(None)

    def release(self, version: Version, *, listed: bool) -> Iterator[Finding]:
        """Yields why one release is not listed."""
        rows = self.reader.rows(
            "SELECT id, prerelease, admits_yanked FROM releases WHERE project_id = ? AND key = ?",
            self.id,
            versions.key(version),
        )
        skipped = list(self._skipped(version))
        if not rows:
            none = _unwanted(_versions(self.reader, self.id), version, "")
            left_out = "upstream lists this version only with what is left out"
            yield Finding("no release", left_out if skipped else none)
            yield from skipped
            return
        ((release, prerelease, admits),) = rows
        files = self._files(release)
        yield from self._left_out(files)
        misfits = list(self._misfits(files))
        if any(file.kept for file in files) and admits == "0" and not misfits:
            said = "none of the environments served can use its files (Python, platform)"
            yield Finding("environment", said)
        yield from misfits
        selected = self.reader.value("SELECT 1 FROM selected WHERE release_id = ?", release)
        if not selected:
            yield from self._not_called_for(files, prerelease=bool(prerelease))
        found = withheld(
            self.reader, self.id, self.name, version, selected=bool(selected), listed=listed
        )
        yield from (Finding(*one) for one in found)
        yield from skipped

    def _files(self, release: int) -> "list[_File]":
        rows = self.reader.rows(
            "SELECT filename, kept, index_name, barred, yanked, requires_python, inside_python"
            " FROM files WHERE release_id = ? ORDER BY filename",
            release,
        )
        return [
            _File(self._shown(name, index), parse(self.name, name), bool(kept), *rest)
            for name, kept, index, *rest in rows
        ]

    def _shown(self, filename: str, index: str) -> str:
        return filename if index == self.index else f"{filename} (of the index {index})"

    def _left_out(self, files: "Sequence[_File]") -> Iterator[Finding]:
        by_rule: dict[Finding, list[str]] = {}
        for file in files:
            if file.barred:
                why = Finding("barred", f"the policy ({file.barred})")
            elif not file.kept:
                why = Finding("excluded", left_out(file.parsed, self.policy))
            else:
                continue
            by_rule.setdefault(why, []).append(file.name)
        for (kind, rule), names in by_rule.items():
            every = f"{len(names)} of {counted(len(files), 'file')}"
            yield Finding(kind, f"{rule} leaves out {every}: {_some(names)}")

    def _misfits(self, files: "Sequence[_File]") -> Iterator[Finding]:
        """Yields why machines that are served can use none of the files; alike ones together."""
        candidates = [
            TaggedFile(one.parsed.tags or None, (one.requires_python, one.inside))
            for one in files
            if one.kept or one.parsed.kind == "wheel"
        ]
        by_reason: dict[str, list[str]] = {}
        for machine in self.machines:
            if reason := why_unusable(candidates, machine):
                by_reason.setdefault(reason, []).append(machine.name)
        for reason, names in by_reason.items():
            yield Finding("environment", f"on {_some(names)}: {reason}")

    def _not_called_for(self, files: "Sequence[_File]", *, prerelease: bool) -> Iterator[Finding]:
        yanked = [file.yanked for file in files if file.yanked is not None]
        if files and len(yanked) == len(files):
            why = next(filter(None, yanked), "")
            said = f"yanked by its author{why and f' ({why})'}: only an exact version calls for it"
            yield Finding("yanked", said)
        if prerelease:
            yield Finding("pre-release", "a pre-release: it counts only if one is named")
        if any(file.kept for file in files):
            yield Finding("unwanted", "no root or requirement calls for it")
            yield from self._instead()

    def _instead(self) -> Iterator[Finding]:
        """Yields what the roots and requirements that name the project call for."""
        rows = self.reader.rows(
            f"SELECT ro.selector, {SHOWN}, r.version FROM roots ro"  # noqa: S608 - constants
            " LEFT JOIN root_choices rc ON rc.root_id = ro.id"
            " LEFT JOIN releases r ON r.id = rc.release_id"
            f" WHERE ro.project_id = ? AND ro.state <> 'dropped' AND {OPERATORS}"
            " ORDER BY ro.id, r.key DESC",
            self.id,
        )
        by_root: dict[tuple[str, str], list[str]] = {}
        for selector, origin, version in rows:
            by_root.setdefault((selector, origin), []).extend(filter(None, [version]))
        for (selector, origin), chosen in list(by_root.items())[:_SHOWN]:
            of = f' of "{origin}"' if origin else ""
            said = _some(chosen) or "nothing"
            yield Finding("instead", f'root "{selector}"{of} calls for {said}')
        rows = self.reader.rows(
            "SELECT k.specifier, r.version FROM classes k JOIN choices c ON c.class_id = k.id"
            " JOIN releases r ON r.id = c.release_id WHERE k.project_id = ?"
            " ORDER BY k.specifier, r.key DESC",
            self.id,
        )
        by_specifier: dict[str, dict[str, None]] = {}
        for specifier, version in rows:
            by_specifier.setdefault(specifier, {})[version] = None
        for specifier, chosen_for in list(by_specifier.items())[:_SHOWN]:
            what = f'that ask for "{specifier}"' if specifier else "that ask for any version"
            yield Finding("instead", f"requirements {what} are met by {_some(chosen_for)}")
        more = max(len(by_root) - _SHOWN, 0) + max(len(by_specifier) - _SHOWN, 0)
        if more:
            yield Finding("instead", f"and {more} more: roots and specifiers that call for others")

    def _skipped(self, version: Version | None) -> Iterator[Finding]:
        """Yields what upstream lists and is left out: all of it, or what names this version."""
        rows = self.reader.rows(
            "SELECT what, reason FROM skipped WHERE project_id = ? ORDER BY id", self.id
        )
        matching = [(what, why) for what, why in rows if version is None or _names(what, version)]
        for what, why in matching[:_SHOWN]:
            yield Finding("skipped", why if what in why else f"{what}: {why}")
        if len(matching) > _SHOWN:
            yield Finding("skipped", f"and {len(matching) - _SHOWN} more: see v_skipped")


class _File(NamedTuple):
    """A file as upstream has it."""

    name: str
    parsed: ParsedFile
    kept: bool
    barred: str
    yanked: str | None
    requires_python: str | None
    inside: str | None  # Requires-Python of its METADATA
