"""The mirror that a cycle works on: its parts, and how a file comes into its pool."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import file_digest
from typing import Protocol

from pypisync.catalog.db import pool
from pypisync.catalog.db.pool import Stored
from pypisync.catalog.db.transactions import Catalog
from pypisync.catalog.facts.record import rederive
from pypisync.core.budget import Budget
from pypisync.core.display import counted
from pypisync.core.filters.file_rules import Rules
from pypisync.core.standards.filenames import METADATA
from pypisync.core.standards.hashes import hasher, matches
from pypisync.core.standards.model import Unchanged
from pypisync.core.wanted.groups import Group
from pypisync.core.wanted.roots import Package, Pattern
from pypisync.errors import NoRoom, OverLimit, PypiSyncError, Stopped, UpstreamError
from pypisync.storage.pool import Pool
from pypisync.storage.tree import Tree
from pypisync.upstream.api import FileAsk, Part, Upstream

METADATA_LIMIT = 10 * 2**20  # bytes
# Files that came in are recorded this many at a time: a crash costs a look at so many files.
_RECORD = 500


class Watch(Protocol):
    """Is told how a cycle gets on; the progress bars and the log implement it.

    ``received`` is called by the threads that download, the others by the cycle itself.
    """

    def begin(self, run: int) -> None:
        """A run begins, which the catalog records under this number."""

    def step(self, name: str, total: int | None = None, unit: str = "") -> None:
        """A step begins; ``total`` items (``unit`` "bytes": bytes) are expected."""

    def advance(self, count: int = 1) -> None:
        """So many more are done."""

    def received(self, count: int) -> None:
        """So many bytes have come in; a negative number: so many have to come again."""

    def feed(self, index: str, kind: str, reason: str) -> None:
        """The changes of an index are read by another feed now; why by no better one."""

    def fault(self, what: str, reason: str) -> None:
        """A project or a file failed; it is set aside and the cycle goes on."""


class Silent:
    """A watch that nobody looks at."""

    def begin(self, run: int) -> None:
        """Nothing."""

    def step(self, name: str, total: int | None = None, unit: str = "") -> None:
        """Nothing."""

    def advance(self, count: int = 1) -> None:
        """Nothing."""

    def received(self, count: int) -> None:
        """Nothing."""

    def feed(self, index: str, kind: str, reason: str) -> None:
        """Nothing."""

    def fault(self, what: str, reason: str) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one cycle may add to the mirror; None: any amount."""

    projects: int | None = None
    bytes: int | None = None


@dataclass(slots=True)
class Mirror:
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
    return FileAsk(beside, path + METADATA, sha256, limit=METADATA_LIMIT, index=index)


def bring(
    mirror: Mirror, asks: Iterable[FileAsk], most: int | None = None
) -> dict[str, UpstreamError]:
    """Bring files into the pool and record them. Returns the failures by path.

    A file that an interrupted run has brought, but not recorded, is only looked at. What is asked
    for is noted first: if it is not recorded either, :func:`expunge` deletes it. Once ``most``
    bytes have come, files of which no size is stated are left (OverLimit); None: any number. Raises
    StorageError, CatalogError, and Stopped if upstream was told to leave some unanswered.
    """
    failed: dict[str, UpstreamError] = {}
    arrived: list[Stored] = []
    missing: list[FileAsk] = []
    for ask in {ask.path: ask for ask in asks}.values():
        there = _there(mirror.pool, ask)
        if there is None:
            missing.append(ask)
        else:
            arrived.append(there)
            mirror.watch.received(there.size)
    if sum(ask.size or 0 for ask in missing) > mirror.pool.room():
        missing.sort(key=lambda ask: ask.size or 0)  # as many as fit
    unanswered = len(missing)
    deposit = _Watched(mirror.pool, mirror.watch, most)
    for ask, error in _fetch(mirror, missing, deposit, arrived):
        if isinstance(error, Stopped):
            continue
        unanswered -= 1
        if not isinstance(error, NoRoom | OverLimit):
            mirror.answered("metadata" if ask.path.endswith(METADATA) else "file", error)
        if error is None:
            came = deposit.came.pop(ask.path)
            arrived.append(came)
            mirror.fetched += not ask.path.endswith(METADATA)
            mirror.fetched_bytes += came.size
        else:
            failed[ask.path] = error
            _tell(mirror.watch, ask.path, error)
        if len(arrived) >= _RECORD:
            _record(mirror, arrived)
    _record(mirror, arrived)
    if unanswered:
        raise Stopped(f"stopped with {counted(unanswered, 'file')} still to come")
    return failed


def _tell(watch: Watch, path: str, error: UpstreamError) -> None:
    if not isinstance(error, OverLimit):  # there one reason stands for all
        watch.fault(path.rpartition("/")[2], str(error))


def _fetch(
    mirror: Mirror, missing: list[FileAsk], deposit: "_Watched", arrived: list[Stored]
) -> Iterator[tuple[FileAsk, UpstreamError | None]]:
    """Note what is asked for, and let upstream answer.

    If that ends early, as on a full disk, what has arrived is recorded.
    """
    if missing:
        with mirror.catalog.begin() as connection:
            pool.note_asked(connection, [ask.path for ask in missing])
    try:
        yield from mirror.upstream.fetch(missing, deposit)
    except Exception:
        arrived += deposit.came.values()
        with suppress(PypiSyncError):
            _record(mirror, arrived)
        raise


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


class _Watched:
    """A pool whose watch is told of the bytes as they come in."""

    def __init__(self, pool: Pool, watch: Watch, most: int | None) -> None:
        self._pool = pool
        self.watch = watch
        self._most = most  # bytes
        self._bytes = 0  # that came
        self.told: dict[str, int] = {}  # by path: an ask may open its part twice
        self.came: dict[str, Stored] = {}  # by path, as it was hashed on its way

    def part(self, ask: FileAsk) -> Part:
        unknown = ask.size is None and not ask.path.endswith(METADATA)
        if unknown and self._most is not None and self._bytes >= self._most:
            raise OverLimit("more has come than one cycle may add")
        part = self._pool.part(ask)
        return _WatchedPart(self, ask.path, part)

    def tell(self, path: str, count: int) -> None:
        """``count`` bytes of this file are there now."""
        more = count - self.told.get(path, 0)
        self._bytes += more  # threads may lose some of it: it is a guard and no account
        self.watch.received(more)
        self.told[path] = count


class _WatchedPart:
    def __init__(self, pool: _Watched, path: str, part: Part) -> None:
        self.offset = part.offset
        self._pool = pool
        self._path = path
        self._part = part
        pool.tell(path, part.offset)

    def write(self, chunk: bytes) -> None:
        self._part.write(chunk)
        self._pool.tell(self._path, self._part.offset)

    def restart(self) -> None:
        self._part.restart()
        self._pool.tell(self._path, 0)

    def whole(self) -> bool:
        return self._part.whole()

    def commit(self) -> str:
        size, digest = self._part.offset, self._part.commit()
        self._pool.came[self._path] = Stored(self._path, digest, size)
        return digest

    def close(self) -> None:
        self._part.close()


def _record(mirror: Mirror, arrived: list[Stored]) -> None:
    if arrived:
        mirror.pool.flush()
        with mirror.catalog.begin() as connection:
            learnt = pool.record_stored(connection, arrived, mirror.now())
            if learnt and any(block.sha256 for block in mirror.rules.bars.block):
                rederive(connection, mirror.rules, mirror.now(), learnt)
        arrived.clear()


def _there(pool: Pool, ask: FileAsk) -> Stored | None:
    """Returns the file, if the pool holds it already with the right hash."""
    if not pool.has(ask.path, ask.size):
        return None
    with pool.absolute(ask.path).open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
        if ask.sha256 and digest != ask.sha256:
            return None
        if ask.stated:
            file.seek(0)
            other = file_digest(file, lambda: hasher(ask.stated))  # type: ignore[arg-type, return-value]
            if not matches(other, ask.stated):
                return None
        return Stored(ask.path, digest, file.tell())
