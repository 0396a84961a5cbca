"""The mirror that a cycle works on: its parts, and how a file comes into its pool."""

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct, field

from pypisync.catalog.db import pool
from pypisync.catalog.db.transactions import Catalog
from pypisync.core.budget import Budget
from pypisync.core.filters.file_rules import Rules
from pypisync.core.standards.filenames import METADATA
from pypisync.core.standards.model import Unchanged
from pypisync.core.wanted.groups import Group
from pypisync.core.wanted.roots import Package, Pattern
from pypisync.cycle.processes import Processes
from pypisync.errors import UpstreamError
from pypisync.storage.pool import Pool
from pypisync.storage.tree import Tree
from pypisync.upstream.api import FileAsk, Upstream

METADATA_LIMIT = 10 * 2**20  # bytes
# Files that came in are recorded this many at a time: a crash costs a look at so many files.
_RECORD = 500


class Watch(Protocol):
    """Is told how a cycle gets on; the progress bars and the log implement it.

    ``received`` and ``retry`` are called by the threads that ask upstream, the others by the cycle
    itself.
    """

    def begin(self, run: int) -> None:
        """Tell that a run begins, which the catalog records under this number."""

    def step(self, name: str, total: int | None = None, unit: str = "") -> None:
        """Tell that a step begins; ``total`` items (``unit`` "bytes": bytes) are expected."""

    def advance(self, count: int = 1) -> None:
        """So many more are done."""

    def received(self, count: int) -> None:
        """So many bytes have come in; a negative number: so many have to come again."""

    def feed(self, index: str, kind: str, reason: str) -> None:
        """Tell that an index's changes are read by another feed, and why by no better one."""

    def retry(self, what: str, reason: str, seconds: float) -> None:
        """Tell that a host is asked again after so many seconds."""

    def fault(self, what: str, reason: str) -> None:
        """Tell that a project or a file failed; it is set aside and the cycle goes on."""


class Silent:
    """A watch that nobody looks at."""

    def begin(self, run: int) -> None:
        """Does nothing."""

    def step(self, name: str, total: int | None = None, unit: str = "") -> None:
        """Does nothing."""

    def advance(self, count: int = 1) -> None:
        """Does nothing."""

    def received(self, count: int) -> None:
        """Does nothing."""

    def feed(self, index: str, kind: str, reason: str) -> None:
        """Does nothing."""

    def retry(self, what: str, reason: str, seconds: float) -> None:
        """Does nothing."""

    def fault(self, what: str, reason: str) -> None:
        """Does nothing."""


class Limits(Struct, frozen=True):
    """How much one cycle may add to the mirror; None: any amount."""

    projects: int | None = None
    bytes: int | None = None


class Mirror(Struct):
    """What a cycle works on."""

    upstream: Upstream
    catalog: Catalog
    pool: Pool
    tree: Tree
    packages: tuple[Package, ...]
    patterns: tuple[Pattern, ...]
    groups: tuple[Group, ...]
    rules: Rules
    fingerprint: str  # of everything that turns files into facts
    grace: float  # seconds that a file stays after the last page that listed it went
    retention: float  # seconds that a generation is kept after the next one took its place
    now: Callable[[], float]  # seconds since 1970
    configuration: str = ""  # its digest
    watch: Watch = field(default_factory=Silent)
    patient: bool = False  # a project that failed is left alone for a while, longer each time
    # More projects than both allow are not believed to be gone without a changelog's word.
    removals: int = 3
    removals_share: float = 0.1  # of the projects mirrored
    every: float = 0.0  # seconds in which each project is asked once where changes are not told
    budget: Callable[[], Budget] = Budget  # what the proof of one root may cost
    processes: Processes = field(default_factory=Processes)  # that share what is pure computing
    limits: Limits = Limits()
    dropped_share: float = 1.0  # of the listed projects: so many may be asked for no more
    # Proofs by verdict, if the last cycle left nothing to be done; else None.
    settled: dict[str, int] | None = None
    # Polled projects that mattered when the cycle began, or were asked in it.
    mattered: set[str] = field(default_factory=set)
    # By index, the projects that it said have changed in this cycle, with their serials.
    heard: dict[str, dict[str, int]] = field(default_factory=dict)
    asked: str = ""  # a digest of roots, patterns and groups, once it was made
    # How upstream answered in this cycle: "project ok", "file gone", ... and how often.
    answers: Counter[str] = field(default_factory=Counter)
    fetched: int = 0  # files that came in this cycle, without their metadata
    fetched_bytes: int = 0

    def answered(self, kind: str, answer: object) -> None:
        """Count an answer: ok, unchanged, or the kind of its error."""
        outcome = "ok"
        if isinstance(answer, UpstreamError | Unchanged):
            outcome = type(answer).__name__.lower()
        self.answers[f"{kind} {outcome}"] += 1


def metadata_ask(url: str, path: str, sha256: str, index: str) -> FileAsk:
    """Returns the ask for a file's ``.metadata`` (PEP 658), which stands beside it.

    What an address has behind a "?" is no part of the place (so does uv).
    """
    place, query, said = url.partition("?")
    beside = f"{place}{METADATA}{query}{said}"
    return FileAsk(beside, path + METADATA, sha256, limit=METADATA_LIMIT, index=index, urgent=True)


def expunge(mirror: Mirror) -> int:
    """Delete what is doomed, with its ``.metadata``, whatever may still list it.

    Returns how many files were deleted.

    So the direct address of a barred file leads nowhere, in generations that are kept as well.
    What a run that was cut off has brought and no run has recorded since is not wanted: it goes
    as well.
    """
    with mirror.catalog.begin() as connection:
        doomed = pool.doomed(connection)
        unrecorded = pool.unrecorded(connection)
    found = doomed + [path for path in unrecorded if mirror.pool.has(path, None)]
    if found:
        mirror.pool.delete(found)
        mirror.pool.flush()
    if doomed or unrecorded:
        with mirror.catalog.begin() as connection:
            pool.forget_stored(connection, doomed)
            pool.forget_asked(connection, doomed + unrecorded)
    return len([path for path in found if not path.endswith(METADATA)])
