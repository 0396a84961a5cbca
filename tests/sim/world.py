"""An index in memory that one publishes to, yanks from and removes from, as on PyPI.

Every public action writes the journal rows that warehouse writes (their wording included), moves
the project's last serial by them, and takes one second of a clock of its own. What the documents
look like is left to :mod:`tests.sim.documents`, what breaks to :mod:`tests.sim.faults`.
"""

import threading
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle
from pathlib import Path
from types import EllipsisType
from typing import NamedTuple

from packaging.utils import canonicalize_name

from tests.sim import dists
from tests.sim.dists import Built, SdistMetadata
from tests.sim.faults import Faults
from tests.sim.state import Kind, Project, Release, StoredFile, Vulnerable

_START = datetime(2026, 1, 1, tzinfo=UTC)
_DYNAMIC = ("Requires-Dist", "Provides-Extra")


class Row(NamedTuple):
    """One journal row; name, version and action may be missing in old ones."""

    name: str | None
    version: str | None
    timestamp: int  # Unix seconds
    action: str | None
    serial: int


class World:
    """The index. Names may be given in any spelling; every action returns the newest serial."""

    def __init__(
        self, *, serial: int = 1000, steps: Sequence[int] = (1,), page_rows: int = 50_000
    ) -> None:
        self.serial = serial
        self.edition = 0  # counts every change, those without a serial too
        self.page_rows = page_rows  # of changelog_since_serial
        self.projects: dict[str, Project] = {}  # by normalised name
        self.previous: dict[str, Project | None] = {}  # before the last journal row
        self.files: dict[str, StoredFile] = {}  # by filename, removed ones too
        self.journal: list[Row] = []
        self.faults = Faults()
        self.lock = threading.RLock()
        self._serials: list[int] = []
        self._steps = cycle(steps)
        self._seconds = 0
        self._noise = 0

    # --- publishing -----------------------------------------------------------------------------

    def publish(
        self,
        name: str,
        version: str,
        *,
        requires: Iterable[str] = (),
        extras: Mapping[str, Iterable[str]] | None = None,
        requires_python: str | None = None,
        wheels: Iterable[str] = ("py3-none-any",),
        sdist: bool = False,
        sdist_metadata: SdistMetadata = "static",
        build_requires: Iterable[str] | None = None,
        dynamic_requires: Iterable[str] = (),
        metadata: bool = True,
        claim: Iterable[str] | EllipsisType | None = ...,
        uploaded: str | None = None,
        size_padding: int = 0,
        hashes: Iterable[str] = ("sha256",),
        inside: str | EllipsisType | None = ...,
        says: str = "",
        called: str = "",
    ) -> int:
        """Upload wheels (by tag, such as ``cp312-cp312-win_amd64``) and an sdist of a release.

        A release that exists gets more files. ``extras`` maps a name to requirements.
        ``metadata`` False: no ``.metadata`` file. ``hashes``: what the index states. ``claim`` is
        the ``requires_dist`` of the legacy JSON API where it is another. For ``build_requires``,
        ``dynamic_requires`` and ``sdist_metadata`` see :func:`tests.sim.dists.build_sdist`.
        ``inside``, ``says``, ``called``: Requires-Python, version and name in METADATA, if others.
        Raises ValueError if a filename was used before, as PyPI does.
        """
        dist = dists.dist(name, version, requires, extras, requires_python, size_padding)
        inside = requires_python if inside is ... else inside
        dist = replace(dist, requires_python=inside, says=says, called=called)
        plans: list[tuple[str, Kind, partial[Built]]] = [
            (dists.wheel_filename(dist, tag), "wheel", partial(dists.build_wheel, dist, tag))
            for tag in wheels
        ]
        if sdist:
            needs = None if build_requires is None else tuple(build_requires)
            build = partial(dists.build_sdist, dist, sdist_metadata, needs, tuple(dynamic_requires))
            plans.append((dists.sdist_filename(dist), "sdist", build))
        first = Release(version, requires_python=requires_python, extras=dist.extras)
        if claim is not ...:
            first = replace(first, requires=None if claim is None else tuple(claim))
        elif plans and plans[0][1] == "sdist" and sdist_metadata in ("none", "dynamic"):
            first = replace(first, dynamic=_DYNAMIC if sdist_metadata == "dynamic" else ())
        else:
            first = replace(first, requires=dist.requires or None)
        with self.lock:
            moment = _moment(uploaded) or self.tick()
            files = [
                StoredFile(
                    filename,
                    build,
                    uploaded=moment,
                    serves_metadata=metadata,
                    kind=kind,
                    pyver=_pyver(kind, filename),
                    hashes=tuple(hashes),
                )
                for filename, kind, build in plans
            ]
            return self._upload(name, first, files)

    def publish_setuptools_like(self, version: str = "80.0.0") -> int:
        """A stand-in for setuptools, enough to build the sdists of this world."""
        dist = dists.setuptools_like(version)
        return self.add_file(
            "setuptools",
            version,
            dists.wheel_filename(dist, "py3-none-any"),
            dists.build_wheel(dist),
        )

    def add_file(
        self,
        name: str,
        version: str,
        filename: str,
        content: bytes | Built = b"",
        *,
        requires: Iterable[str] | None = None,
        requires_python: str | None = None,
        uploaded: str | None = None,
    ) -> int:
        """Upload any bytes under any filename (it is not checked)."""
        made = content if isinstance(content, Built) else dists.built(content)
        kind: Kind = "other"
        if filename.endswith(".whl"):
            kind = "wheel"
        elif filename.endswith((".tar.gz", ".zip")):
            kind = "sdist"
        claim = None if requires is None else tuple(requires)
        first = Release(version, requires=claim, requires_python=requires_python)
        with self.lock:
            file = StoredFile(
                filename,
                lambda: made,
                uploaded=_moment(uploaded) or self.tick(),
                kind=kind,
                pyver=_pyver(kind, filename),
            )
            return self._upload(name, first, [file])

    def add_real_file(self, path: Path, uploaded: str | None = None) -> int:
        """Upload a real wheel or sdist from disk."""
        dist, made = dists.read_dist(path)
        return self.add_file(
            dist.name,
            dist.version,
            path.name,
            made,
            requires=dist.requires or None,
            requires_python=dist.requires_python,
            uploaded=uploaded,
        )

    def create(self, name: str) -> int:
        """Register a project without any release."""
        with self.lock:
            self.tick()
            key = canonicalize_name(name)
            if key in self.projects:
                raise ValueError(f"{name}: the project exists")
            return self._commit(None, Project(name, 0), [(None, "create")])

    # --- withdrawing ----------------------------------------------------------------------------

    def yank(self, name: str, version: str, reason: str | None = None) -> int:
        """Yank a release (PEP 592), with or without a reason."""
        return self._re_release(name, version, "yank release", yanked=reason or "")

    def unyank(self, name: str, version: str) -> int:
        """Take the yank back."""
        return self._re_release(name, version, "unyank release", yanked=None)

    def remove_file(self, name: str, version: str, filename: str) -> int:
        """Remove one file; its release stays, even if it was the last. The bytes stay served."""
        files = self.project(name).releases[version].files
        kept = tuple(file for file in files if file.filename != filename)
        if kept == files:
            raise KeyError(filename)
        return self._re_release(name, version, f"remove file {filename}", files=kept)

    def remove_release(self, name: str, version: str) -> int:
        """Remove a release with its files."""
        with self.lock:
            self.tick()
            project = self.project(name)
            releases = {v: release for v, release in project.releases.items() if v != version}
            if len(releases) == len(project.releases):
                raise KeyError(version)
            after = replace(project, releases=releases)
            return self._commit(project, after, [(version, "remove release")])

    def remove_project(self, name: str) -> int:
        """Remove a project; its name is free, its filenames are used up, its bytes stay served."""
        with self.lock:
            self.tick()
            project = self.project(name)
            self._commit(project, project, [(None, "remove project")])
            del self.projects[canonicalize_name(name)]
            return self.serial

    def quarantine(self, name: str) -> int:
        """Hide all files of a project (PEP 792)."""
        return self._re_project(name, "project quarantined", status="quarantined")

    def clear_quarantine(self, name: str) -> int:
        """Show them again."""
        return self._re_project(name, "project quarantine cleared", status="active")

    def quarantine_release(self, name: str, version: str) -> int:
        """Hide the files of one release."""
        return self._re_release(name, version, "release quarantined", quarantined=True)

    def clear_release_quarantine(self, name: str, version: str) -> int:
        """Show them again."""
        return self._re_release(name, version, "release quarantine cleared", quarantined=False)

    # --- what changes no file -------------------------------------------------------------------

    def archive(self, name: str, reason: str | None = None) -> int:
        """Archive a project: its documents change, but neither the journal nor its serial."""
        return self._re_project(name, None, status="archived", reason=reason)

    def deprecate(self, name: str, reason: str | None = None) -> int:
        """Call a project deprecated, as silently: PyPI cannot yet, other indexes can (PEP 792)."""
        return self._re_project(name, None, status="deprecated", reason=reason)

    def unarchive(self, name: str) -> int:
        """Make it active again, just as silently."""
        return self._re_project(name, None, status="active", reason=None)

    def state_vulnerabilities(self, name: str, version: str, *known: Vulnerable) -> int:
        """Know these vulnerabilities of a release and no others: neither journal nor serial."""
        return self._re_release(name, version, None, vulnerabilities=known)

    def role_change(self, name: str, who: str = "somebody") -> int:
        """A new maintainer: a journal row and a new serial, the same files."""
        return self._re_project(name, f"add Maintainer {who}")

    def rename(self, name: str, spelling: str) -> int:
        """Spell the name anew. The row's action is an old one; today an upload renames."""
        display = self.project(name).display
        return self._re_project(name, f"rename from {display}", display=spelling)

    def noise(self, rows: int, projects: int | None = None) -> int:
        """Add journal rows of that many (default: as many as rows) unrelated, empty projects."""
        with self.lock:
            self.tick()
            names = [f"noise-{self._noise + i:07}" for i in range(min(rows, projects or rows))]
            self._noise += len(names)
            for i in range(rows):
                name = names[i % len(names)]
                self.row(name, None, "create" if i < len(names) else "add Maintainer somebody")
                self.projects[name] = Project(name, self.serial)
            return self.serial

    def row(self, name: str | None, version: str | None, action: str | None) -> int:
        """Write one raw journal row; the project of exactly this name gets its serial."""
        with self.lock:
            self.serial += next(self._steps)
            self.edition += 1
            stamp = int(_START.timestamp()) + self._seconds
            self.journal.append(Row(name, version, stamp, action, self.serial))
            self._serials.append(self.serial)
            key = canonicalize_name(name or "")
            project = self.projects.get(key)
            if project is not None and project.display == name:
                self.previous[key] = project
                self.projects[key] = replace(project, serial=self.serial)
            return self.serial

    # --- reading --------------------------------------------------------------------------------

    def project(self, name: str) -> Project:
        """The project as it is now. Raises KeyError."""
        return self.projects[canonicalize_name(name)]

    def served(self, name: str) -> Project | None:
        """The project as a document shows it (normalised name); uses up a planned staleness."""
        how = self.faults.take_stale(name)
        project, previous = self.projects.get(name), self.previous.get(name)
        if how == "old":
            return previous
        if how == "stuck" and project is not None:
            return replace(project, serial=previous.serial if previous else 0)
        return project

    def changes(self, since: int) -> list[Row]:
        """One page of the changelog: rows with a serial above ``since``."""
        start = bisect_right(self._serials, since)
        return self.journal[start : start + self.page_rows]

    def content(self, path: str) -> bytes | None:
        """The bytes at this URL path, those of removed files too; None: there is nothing."""
        plain = path.removesuffix(".metadata")
        file = self.files.get(plain.rpartition("/")[2])
        if file is None or file.path != plain:
            return None
        return file.built.content if plain == path else file.metadata

    def tick(self) -> str:
        """Let one second pass; the moment as an upload time."""
        self._seconds += 1
        return _text(_START + timedelta(seconds=self._seconds))

    def now(self) -> str:
        """The moment of the last action."""
        return _text(_START + timedelta(seconds=self._seconds))

    def heal(self) -> None:
        """Forget all planned faults."""
        self.faults = Faults()

    # --- the one way in -------------------------------------------------------------------------

    def _upload(self, name: str, first: Release, files: Sequence[StoredFile]) -> int:
        used = [file.filename for file in files if file.filename in self.files]
        if used:
            raise ValueError(f"{used[0]}: the filename was used before")
        self.files.update({file.filename: file for file in files})
        before = self.projects.get(canonicalize_name(name))
        rows: list[tuple[str | None, str]] = [] if before else [(None, "create")]
        project = before or Project(name, 0)
        release = project.same_release(first.version)
        if release is None:
            rows.append((first.version, "new release"))
            release = first
        rows += [(release.version, f"add {file.pyver} file {file.filename}") for file in files]
        release = replace(release, files=(*release.files, *files))
        releases = {**project.releases, release.version: release}
        return self._commit(before, replace(project, display=name, releases=releases), rows)

    def _re_release(self, name: str, version: str, action: str | None, **changes: object) -> int:
        with self.lock:
            self.tick()
            project = self.project(name)
            release = replace(project.releases[version], **changes)  # type: ignore[arg-type]
            after = replace(project, releases={**project.releases, version: release})
            return self._commit(project, after, [(version, action)] if action else [])

    def _re_project(self, name: str, action: str | None, **changes: object) -> int:
        with self.lock:
            self.tick()
            project = self.project(name)
            after = replace(project, **changes)  # type: ignore[arg-type]
            return self._commit(project, after, [(None, action)] if action else [])

    def _commit(
        self,
        before: Project | None,
        after: Project,
        rows: Sequence[tuple[str | None, str]],
    ) -> int:
        key = canonicalize_name(after.display)
        self.edition += 1
        for version, action in rows:
            self.row(after.display, version, action)
        if rows:
            self.previous[key] = before
            after = replace(after, serial=self.serial)
        self.projects[key] = after
        return self.serial


def _pyver(kind: Kind, filename: str) -> str:
    return filename.split("-")[-3] if kind == "wheel" and filename.count("-") >= 4 else "source"


def _moment(uploaded: str | None) -> str | None:
    """An upload time as given, or midnight of the day given."""
    return f"{uploaded}T00:00:00Z" if uploaded and len(uploaded) == 10 else uploaded


def _text(moment: datetime) -> str:
    return moment.isoformat().removesuffix("+00:00") + "Z"
