"""What a simulated index holds at one moment: projects, releases and files as frozen values.

A change replaces a project by a new value, so that an older state can still be served (a CDN that
lags) and a rendered document is known to be current by identity.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from packaging.utils import canonicalize_version
from packaging.version import InvalidVersion, Version

from pypisync.core.standards.model import Status
from tests.sim.dists import Built

Kind = Literal["wheel", "sdist", "other"]


class StoredFile:
    """One uploaded file; its bytes are built when first asked for."""

    def __init__(
        self,
        filename: str,
        build: Callable[[], Built],
        *,
        uploaded: str,
        serves_metadata: bool = True,
        kind: Kind = "wheel",
        pyver: str = "py3",
        hashes: tuple[str, ...] = ("sha256",),
    ) -> None:
        self.filename = filename
        self._build = build
        self.uploaded = uploaded  # YYYY-MM-DDTHH:MM:SSZ
        self.serves_metadata = serves_metadata
        self.kind = kind
        self.pyver = pyver  # as the journal and the legacy JSON API name it
        self._hashes = hashes

    @cached_property
    def built(self) -> Built:
        """The bytes and their hashes."""
        return self._build()

    @cached_property
    def path(self) -> str:
        """The path of the file's URL, which its BLAKE2b-256 hash makes up."""
        digest = self.built.blake2
        return f"/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{self.filename}"

    @property
    def hashes(self) -> dict[str, str]:
        """The hashes that the index states, by algorithm; none: it states none."""
        content = self.built.content
        return {name: hashlib.new(name, content).hexdigest() for name in self._hashes}

    @property
    def metadata(self) -> bytes | None:
        """The ``.metadata`` file; None: upstream has none."""
        return self.built.metadata if self.serves_metadata else None

    @property
    def metadata_sha256(self) -> str | None:
        """The hash of the ``.metadata`` file."""
        return self.built.metadata_sha256 if self.serves_metadata else None


@dataclass(frozen=True, slots=True)
class Vulnerable:
    """What the legacy JSON API says of one vulnerability of a release."""

    id: str
    aliases: tuple[str, ...] = ()
    fixed_in: tuple[str, ...] = ()
    summary: str | None = None
    withdrawn: str | None = None  # when it was


@dataclass(frozen=True, slots=True)
class Release:
    """One release. Its claims are those of the file that was uploaded first."""

    version: str  # as first spelt
    files: tuple[StoredFile, ...] = ()
    yanked: str | None = None  # None: not yanked; "": without a reason
    quarantined: bool = False
    requires: tuple[str, ...] | None = None  # requires_dist as the legacy JSON API states it
    requires_python: str | None = None
    extras: tuple[str, ...] = ()
    dynamic: tuple[str, ...] = ()
    vulnerabilities: tuple[Vulnerable, ...] = ()


@dataclass(frozen=True, slots=True)
class Project:
    """One project at one moment."""

    display: str
    serial: int
    releases: Mapping[str, Release] = field(default_factory=dict)  # by version as first spelt
    status: Status = "active"
    reason: str | None = None

    def listed(self) -> list[tuple[Release, StoredFile]]:
        """The files an index may offer, by version and filename, as PyPI orders them."""
        if self.status == "quarantined":
            return []
        releases = sorted(self.releases.values(), key=lambda release: version_key(release.version))
        return [
            (release, file)
            for release in releases
            if not release.quarantined
            for file in sorted(release.files, key=lambda file: file.filename)
        ]

    def same_release(self, version: str) -> Release | None:
        """The release of this version in any spelling, as an upload finds it."""
        if version in self.releases:
            return self.releases[version]
        canonical = canonicalize_version(version)
        same = [v for v in self.releases if canonicalize_version(v) == canonical]
        return self.releases[same[0]] if len(same) == 1 else None

    def shown_release(self, version: str) -> Release | None:
        """The same, as the legacy JSON API finds it: None if it is quarantined."""
        release = self.same_release(version)
        hidden = release is None or release.quarantined or self.status == "quarantined"
        return None if hidden else release

    def newest(self) -> Release | None:
        """What the legacy JSON API calls latest: not yanked, then no pre-release, then newest."""
        shown = [release for release in self.releases.values() if not release.quarantined]
        if self.status == "quarantined" or not shown:
            return None
        return max(shown, key=_rank)


def _rank(release: Release) -> tuple[bool, bool, tuple[bool, Version, str]]:
    key = version_key(release.version)
    return release.yanked is None, not key[1].is_prerelease, key


def version_key(version: str) -> tuple[bool, Version, str]:
    """A sort key for any version text; what is not PEP 440 comes first."""
    try:
        return True, Version(version), version
    except InvalidVersion:
        return False, _ZERO, version


_ZERO = Version("0")
