"""The vocabulary: what upstream says, as frozen values.

Names are the packaging specifications' own. Everything here has been checked for type and size, but
nothing for sense: a filename is only text until :mod:`pypisync.core.standards.filenames` has parsed
it. A set of targets is everywhere an ``int`` used as a bit mask: bit *i* is ``Targets.all[i]``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["active", "archived", "deprecated", "quarantined"]


@dataclass(frozen=True, slots=True)
class File:
    """One distribution file as upstream lists it (Simple API 1.4, or the legacy JSON API)."""

    filename: str
    url: str  # absolute
    sha256: str  # 64 lower-case hex digits; files without one are set aside by the reader
    size: int | None = None  # bytes
    uploaded: str | None = None  # upstream's own text: YYYY-MM-DDTHH:MM:SS[.ffffff]Z
    requires_python: str | None = None
    yanked: str | None = None  # None: not yanked; "" yanked without a reason (PEP 592)
    metadata_sha256: str | None = None  # None: no .metadata file; "" one without a stated hash
    provenance: str | None = None  # PEP 740


@dataclass(frozen=True, slots=True)
class ProjectDocument:
    """All that one upstream document says of a project."""

    name: str  # normalised (PEP 503)
    display: str  # as upstream spells it
    serial: int  # 0 where the source has no serials
    files: tuple[File, ...]
    status: Status | None = "active"  # None: this document cannot say
    status_reason: str | None = None
    etag: str | None = None
    # Versions upstream names that are not PEP 440 or have no file; only for being counted.
    versions: tuple[str, ...] = ()
    # requires_dist by version as upstream spells it (JSON API only: the newest release).
    # None: upstream has none or does not know, which cannot be told apart.
    requires: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    left_out: int = 0  # files listed that break the rules: no SHA-256, no usable address or size
    partial: bool = False  # tells of the newest release only: the others are as they were


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """A known vulnerability of a release, as upstream tells it (an OSV record in short)."""

    id: str  # such as PYSEC-2026-1
    aliases: tuple[str, ...] = ()  # such as CVE-2026-1
    summary: str = ""
    fixed_in: tuple[str, ...] = ()  # versions
    link: str = ""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The document is the one already known (HTTP 304)."""

    name: str
    serial: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One row of upstream's changelog. The name is as upstream spelt it then."""

    name: str
    version: str | None
    action: str
    serial: int


@dataclass(frozen=True, slots=True)
class Requirement:
    """One parsed ``Requires-Dist`` line (PEP 508), or why it could not be parsed."""

    text: str
    name: str  # normalised; "" if the text could not be parsed
    specifier: str = ""  # canonical text of the specifier set
    marker: str = ""
    extras: tuple[str, ...] = ()  # normalised, sorted
    url: str = ""  # a direct reference, which an index must not carry
    fault: str = ""  # why it could not be parsed


@dataclass(frozen=True, slots=True)
class Target:
    """One environment to serve: a Python minor version and the values the configuration binds.

    A PEP 508 variable that is missing in ``values`` is open: any value may come.
    """

    name: str  # unique and readable, such as "3.11" or "3.13 linux x86_64"
    minor: str  # "3.11"
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Targets:
    """All environments to serve. Bit *i* of any mask stands for ``all[i]``."""

    all: tuple[Target, ...]
    groups: tuple[int, ...]  # masks; a selector's N is counted once in each
    barred: frozenset[str] = frozenset()  # variables that allow no value: their atoms never hold
    extras: frozenset[str] | None = None  # None: all extras of everything mirrored

    @property
    def mask(self) -> int:
        """The mask of all targets."""
        return (1 << len(self.all)) - 1

    def names(self, mask: int) -> list[str]:
        """The names of the targets in ``mask``, in order."""
        return [target.name for i, target in enumerate(self.all) if mask >> i & 1]


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest cycle on record; ``outcome`` is running, done, incomplete, stopped or failed."""

    started: float  # seconds since 1970
    finished: float | None
    outcome: str
