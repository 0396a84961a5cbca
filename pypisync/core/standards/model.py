"""The vocabulary: what upstream says, as frozen values.

Names are the packaging specifications' own. Everything here has been checked for type and size, but
nothing for sense: a filename is only text until :mod:`pypisync.core.standards.filenames` has parsed
it. A set of targets is everywhere an ``int`` used as a bit mask: bit *i* is ``Targets.all[i]``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, overload

from msgspec import Struct, field

# The name of the index at the endpoint, which is the last in order.
ENDPOINT = "endpoint"

Status = Literal["active", "archived", "deprecated", "quarantined"]
# Where a project's document comes from, the poorest first: the legacy JSON API, or the simple
# index as HTML or as JSON. Only the last has sizes, upload times, statuses and yanks together.
Form = Literal["legacy", "html", "json"]
FORMS: tuple[Form, ...] = ("legacy", "html", "json")


class File(Struct, frozen=True):
    """One distribution file as upstream lists it (Simple API 1.4, or the legacy JSON API)."""

    filename: str
    url: str  # absolute
    sha256: str  # 64 lower-case hex digits; "": upstream states none
    size: int | None = None  # bytes
    uploaded: str | None = None  # upstream's own text: YYYY-MM-DDTHH:MM:SS[.ffffff]Z
    requires_python: str | None = None
    yanked: str | None = None  # None: not yanked; "" yanked without a reason (PEP 592)
    metadata_sha256: str | None = None  # None: no .metadata file; "" one without a stated hash
    provenance: str | None = None  # PEP 740
    # Where upstream states no SHA-256, the strongest other hash, as "sha512:<hex>"; "": no hash.
    stated: str = ""
    index: str = ""  # the index that it is from; "": that of its document


class ManyFiles(Sequence[File]):
    """The files of a very large document, each made anew whenever it is asked for.

    ``names`` are their filenames; ``make`` returns the file at a place among them.
    """

    __slots__ = ("_make", "names")

    def __init__(self, names: Sequence[str], make: Callable[[int], File]) -> None:
        self.names = names
        self._make = make

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, place: int) -> File: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[File]: ...

    def __getitem__(self, place: int | slice) -> File | Sequence[File]:
        if isinstance(place, slice):
            return [self._make(one) for one in range(len(self.names))[place]]
        return self._make(range(len(self.names))[place])

    def __iter__(self) -> Iterator[File]:
        return map(self._make, range(len(self.names)))


class Validators(Struct, frozen=True):
    """What one version of a document is told from another by (RFC 9110, 8.8)."""

    etag: str | None = None
    modified: str | None = None  # Last-Modified as it came
    digest: str = ""  # of the content as parsed, for bodies differ where it does not; "": unknown


NO_VALIDATORS = Validators()


class Pin(NamedTuple):
    """A release of a proof."""

    name: str  # of the project, normalised
    version: str
    extras: tuple[str, ...] = ()
    chosen_by: str = "solver"  # pip or uv where that comes to another release
    added: bool = False  # no closure has it: it is mirrored for the proof

    @property
    def package(self) -> str:
        """The project with its extras: "requests[socks]"."""
        return f"{self.name}[{','.join(self.extras)}]" if self.extras else self.name


class Skipped(Struct, frozen=True):
    """An entry of a document that was left out."""

    what: str  # its filename or version, as far as it has one
    reason: str


class ProjectDocument(Struct, frozen=True):
    """All that one upstream document says of a project."""

    name: str  # normalised (PEP 503)
    display: str  # as upstream spells it
    serial: int  # 0 where the source has no serials
    files: Sequence[File]
    status: Status | None = "active"  # None: this document cannot say
    status_reason: str | None = None
    validators: Validators = NO_VALIDATORS
    # Versions upstream names that are not PEP 440 or have no file; only for being counted.
    versions: tuple[str, ...] = ()
    # requires_dist by version as upstream spells it (JSON API only: the newest release).
    # None: upstream has none or does not know, which cannot be told apart.
    requires: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()  # entries that break the rules: no usable address or name
    index: str = ENDPOINT  # the index that says it
    partial: bool = False  # tells of the newest release only: the others are as they were
    form: Form = "json"


class Vulnerability(Struct, frozen=True):
    """A known vulnerability of a release, as upstream tells it (an OSV record in short)."""

    id: str  # such as PYSEC-2026-1
    aliases: tuple[str, ...] = ()  # such as CVE-2026-1
    summary: str = ""
    fixed_in: tuple[str, ...] = ()  # versions
    link: str = ""


class Unchanged(Struct, frozen=True):
    """The document is the one already known: HTTP 304, or the same content again."""

    name: str
    serial: int = 0
    validators: Validators | None = None  # those it has now, where others were sent


class Change(Struct, frozen=True):
    """One row of upstream's changelog. The name is as upstream spelt it then."""

    name: str
    version: str | None
    action: str
    serial: int


DIRECT = "a direct reference, which installers refuse from an index"
"""Why a requirement with a URL can never be met: uv stops at a release that has one."""


class Requirement(Struct, frozen=True):
    """One parsed ``Requires-Dist`` line (PEP 508), or why it could not be parsed."""

    text: str
    name: str  # normalised; "" if the text could not be parsed
    specifier: str = ""  # canonical text of the specifier set
    marker: str = ""
    extras: tuple[str, ...] = ()  # normalised, sorted
    url: str = ""  # a direct reference, which an index must not carry
    fault: str = ""  # why it could not be parsed
    refused: str = ""  # why pip cannot parse it: the rest is what uv makes of it
    # Masks of the proof targets on which pip takes a file that states it, uv, and uv where a root
    # pins the release; None: all.
    machines: tuple[int, int, int] | None = None

    @property
    def impossible(self) -> str:
        """Why nothing that an index lists can ever meet it; "" if something can."""
        if self.url:
            return DIRECT
        return self.fault


UNREADABLE = "METADATA"
"""The text of a requirement that stands for METADATA at which an installer stops.

Its ``fault`` says why, and nothing meets it; or ``refused``, if only pip stops.
"""
UNREADABLE_FOR_UV = "METADATA, for uv"
"""The same where only uv stops: ``refused`` says why."""
BROKEN = "wheel"
"""The same of a file that cannot be installed, for what is in it."""
BROKEN_FOR_UV = "wheel, for uv"
"""The same where only uv stops: ``refused`` says why."""
INSIDE = (BROKEN, BROKEN_FOR_UV)
STOPS = (UNREADABLE, UNREADABLE_FOR_UV, *INSIDE)


def names_extra(marker: str) -> bool:
    """Returns whether a requirement with this marker may belong to an extra.

    Its text is searched, which is fast: a marker that has the word in a value costs one evaluation.
    """
    return "extra" in marker


class Target(Struct, frozen=True):
    """One environment to serve: a Python minor version and the values the configuration binds.

    A PEP 508 variable that is missing in ``values`` is open: any value may come.
    """

    name: str  # unique and readable, such as "3.11" or "3.13 linux x86_64"
    minor: str  # "3.11"
    values: Mapping[str, str]
    libc: str = ""  # that wheels may ask for: "glibc", "glibc-2.28", "musl-1.2"; "": any


class Targets(Struct, frozen=True):
    """All environments to serve. Bit *i* of any mask stands for ``all[i]``."""

    all: tuple[Target, ...]
    groups: tuple[int, ...]  # masks; a selector's N is counted once in each
    barred: frozenset[str] = frozenset()  # variables that allow no value: their atoms never hold
    extras: frozenset[str] | None = None  # None: all extras of everything mirrored

    @property
    def mask(self) -> int:
        """The mask of all targets."""
        return (1 << len(self.all)) - 1


class LastRun(Struct, frozen=True):
    """The newest cycle on record; ``outcome`` is running, done, incomplete, stopped or failed."""

    started: float  # seconds since 1970
    finished: float | None
    outcome: str
