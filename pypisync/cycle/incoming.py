"""What is asked of upstream in a cycle, and what comes in: documents, and files into the pool.

Both are one stream (:mod:`pypisync.upstream.stream`): what decisions wait for comes first, and the
other files meanwhile. Only the thread of the cycle uses this; upstream's workers write the files.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import file_digest
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self

from pypisync.catalog.db import pool
from pypisync.catalog.db.pool import Stored
from pypisync.catalog.facts import requirements
from pypisync.catalog.facts.record import rederive
from pypisync.core.display import counted
from pypisync.core.standards.filenames import METADATA
from pypisync.core.standards.hashes import hasher, matches
from pypisync.cycle.deposit import Watched
from pypisync.cycle.mirror import Mirror, metadata_ask
from pypisync.errors import NoRoom, OverLimit, PypiSyncError, Stopped, UpstreamError
from pypisync.storage import disk
from pypisync.storage.pool import Pool
from pypisync.upstream.api import Answer, Ask, FileAsk, ProjectAnswer, ProjectAsk
from pypisync.upstream.lanes import urgent

if TYPE_CHECKING:
    from pypisync.cycle.far_stream import AnyStream

# Files that came in are recorded this many at a time: a crash costs a look at so many files.
_RECORD = 500


class Incoming:
    """What is under way, and what has come. A context: its end lets go of what is under way."""

    def __init__(
        self, mirror: Mirror, *, ahead: bool = True, known: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.mirror = mirror
        self.may_fetch_ahead = ahead
        self._known = known  # the SHA-256 of files that were read before they were lost, by path
        self.documents: list[
            tuple[ProjectAsk, ProjectAnswer]
        ] = []  # that came, and were not taken yet
        self.failed: dict[str, UpstreamError] = {}  # files, by path
        self.answered: list[str] = []  # paths of urgent files that came or failed, not taken yet
        self.urgent = 0  # asks under way that a decision waits for
        self.ahead = 0  # bytes of files that were asked for before all was decided
        self.stopped = False  # upstream was told to leave some unanswered
        self.late = False  # what has come is to be read, and decided by
        self._files: set[str] = set()  # paths under way
        self._projects = 0  # documents under way
        self._arrived: list[Stored] = []  # not recorded yet
        self._early: set[str] = set()  # paths asked for before it was decided whether they may come
        self._untold: list[FileAsk] = []  # wheels that did not come, or not with their METADATA
        self._deposit = Watched(mirror.pool, mirror.watch.received)
        self._stream: AnyStream | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            self._stream.close()
        if isinstance(error, Exception):  # as of a full disk: what has arrived is recorded
            self._arrived += [Stored(path, *of) for path, of in self._deposit.came.items()]
            with suppress(PypiSyncError):
                self.record()

    @property
    def idle(self) -> bool:
        """Whether upstream will soon have nothing to do that a decision waits for."""
        return self._stream is None or self.urgent <= self._stream.few

    def ask_documents(self, asks: Sequence[ProjectAsk]) -> None:
        """Ask for documents of projects."""
        self.urgent += len(asks)
        self._projects += len(asks)
        self._add(asks)

    def ask_files(self, asks: Iterable[FileAsk]) -> None:
        """Ask for files, but for those under way.

        A file that an interrupted run has brought, but not recorded, is only looked at. What is
        asked for is noted first: if it is not recorded either, :func:`expunge` deletes it.
        """
        missing: list[FileAsk] = []
        for ask in map(self._as_needed, {ask.path: ask for ask in asks}.values()):
            if ask.path in self._files:
                continue
            for path in ask.paths:
                self.failed.pop(path, None)
            there = None if ask.metadata else _there(self.mirror.pool, ask)
            if there is None:
                missing.append(ask)
                continue
            self._arrived.append(there)
            self.mirror.pool.placed(ask.path)  # by a process that may have ended before it told
            self.mirror.watch.received(there.size)
            if urgent(ask):
                self.answered.append(ask.path)
        if missing:
            with self.mirror.catalog.begin() as connection:
                pool.note_asked(connection, [path for ask in missing for path in ask.paths])
        self._files.update(path for ask in missing for path in ask.paths)
        self._early.update(ask.path for ask in missing if ask.metadata)
        self.urgent += sum(map(urgent, missing))
        self._add(missing)

    def _as_needed(self, ask: FileAsk) -> FileAsk:
        """Returns an ask for a wheel with its METADATA as one for ``.metadata`` if it is here.

        So it is for a wheel that is under way for itself alone, and where ``.metadata`` is here.
        """
        pool = self.mirror.pool
        if ask.metadata and (
            not self._files.isdisjoint(ask.paths)
            or pool.has(ask.path, ask.size)
            or pool.has(ask.paths[-1], None)
        ):
            return _beside(ask)
        return ask

    def forget_files(self) -> None:
        """Ask no more for files that no decision waits for, and that have not begun to come."""
        if self._stream is not None:
            forgotten = self._stream.forget()
            self._files.difference_update(
                path for ask in forgotten if isinstance(ask, FileAsk) for path in ask.paths
            )

    def still_to_come(self, asks: Iterable[FileAsk]) -> int:
        """Returns the bytes of these files that have not come in this cycle, as sizes state them.

        Files that were asked for ahead come before the step that fetches files has begun.
        """
        told = self._deposit.told
        return sum(max(0, (ask.size or 0) - told.get(ask.path, 0)) for ask in asks)

    @property
    def files(self) -> frozenset[str]:
        """The paths of the files under way."""
        return frozenset(self._files)

    def under_way(self, paths: Iterable[str]) -> bool:
        """Returns whether one of these files is under way."""
        return not self._files.isdisjoint(paths)

    def receive(self) -> bool:
        """Wait until something has come, and take it in. Returns whether anything was under way.

        Raises StorageError, CatalogError.
        """
        if self._stream is None or not (self._files or self._projects):
            self.record()
            return False
        for ask, answer in self._stream.answers(self.urgent or len(self._files)):
            self.urgent -= urgent(ask)
            if isinstance(ask, ProjectAsk):
                self._projects -= 1
            else:
                self._files.difference_update(ask.paths)
            if isinstance(answer, Stopped):
                self.stopped = True
            else:
                self._take(ask, answer)
        if self._untold:
            untold, self._untold = self._untold, []
            self.ask_files(map(_beside, untold))
        if len(self._arrived) >= _RECORD:
            self.record()
        return True

    def bring(self, asks: Iterable[FileAsk], most: int | None = None) -> dict[str, UpstreamError]:
        """Bring files into the pool and record them. Returns the failures by path.

        Once ``most`` bytes have come in this cycle, files of which no size is stated are left
        (OverLimit); None: any number. Raises StorageError, CatalogError, and Stopped if upstream
        was told to leave some unanswered.
        """
        self._deposit.most = most
        wanted = {ask.path: ask for ask in asks}
        self.ask_files(wanted.values())
        while self.under_way(wanted) and self.receive():
            pass
        self.record()
        self.check()
        return {path: self.failed[path] for path in wanted.keys() & self.failed.keys()}

    def check(self) -> None:
        """Raises Stopped if upstream was told to leave some unanswered."""
        if self.stopped:
            raise Stopped(
                f"stopped with {counted(self._projects, 'project')} and "
                f"{counted(len(self._files), 'file')} asked for that have not come"
            )

    def record(self) -> None:
        """Record the files that have come. Raises StorageError, CatalogError."""
        mirror, arrived = self.mirror, self._arrived
        if arrived:
            mirror.pool.flush()
            with mirror.catalog.begin() as connection:
                learnt = pool.record_stored(connection, arrived, mirror.now(), self._early)
                paths = [one.path for one in arrived]
                new = [one.path for one in arrived if self._known.get(one.path) != one.sha256]
                self.late = requirements.read_late(connection, new) or self.late
                if learnt and any(block.sha256 for block in mirror.rules.bars.block):
                    rederive(connection, mirror.rules, mirror.now(), learnt)
            arrived.clear()
            self._early.difference_update(paths)

    def _add(self, asks: Sequence[Ask]) -> None:
        if asks:
            if self._stream is None:
                # Most cycles ask for nothing, and need not wait for what asks.
                from pypisync.cycle.far_stream import open_far

                self._stream = open_far(self.mirror, self._deposit)
            self._stream.add(asks)

    def _take(self, ask: Ask, answer: Answer) -> None:
        if isinstance(ask, ProjectAsk):
            if answer is not None:
                self.documents.append((ask, answer))
            return
        beside = ask.path.endswith(METADATA)
        if not isinstance(answer, NoRoom | OverLimit):
            self.mirror.answered("metadata" if beside else "file", answer)
        if not isinstance(answer, UpstreamError):
            came = Stored(ask.path, *self._deposit.came.pop(ask.path))
            self._arrived.append(came)
            self.mirror.fetched += not beside
            self.mirror.fetched_bytes += came.size
        elif ask.metadata:
            self._early.discard(ask.path)  # it is asked for again, once it may come
        else:
            self.failed[ask.path] = answer
            if not isinstance(answer, OverLimit):  # there one reason stands for all
                self.mirror.watch.fault(ask.path.rpartition("/")[2], str(answer))
        if ask.metadata and not self._take_beside(ask):
            self._untold.append(ask)
        elif ask.urgent:
            self.answered.append(ask.paths[-1])

    def _take_beside(self, ask: FileAsk) -> bool:
        """Take METADATA that was laid beside a wheel. Returns whether it was."""
        laid = self._deposit.came.pop(ask.paths[-1], None)
        if laid is not None:
            self._arrived.append(Stored(ask.paths[-1], *laid))
        return laid is not None


def _beside(ask: FileAsk) -> FileAsk:
    """Returns the ask for the ``.metadata`` of a wheel that was asked for with its METADATA."""
    return metadata_ask(ask.url, ask.path, ask.metadata, ask.index)


def _there(pool: Pool, ask: FileAsk) -> Stored | None:
    """Returns the file, if the pool holds it already with the right hash. Raises StorageError."""
    if not pool.has(ask.path, ask.size):
        return None
    place = pool.absolute(ask.path)
    with disk.guarded(place), place.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
        if ask.sha256 and digest != ask.sha256:
            return None
        if ask.stated:
            file.seek(0)
            other = file_digest(file, lambda: hasher(ask.stated))  # type: ignore[arg-type, return-value]
            if not matches(other, ask.stated):
                return None
        return Stored(ask.path, digest, file.tell())
