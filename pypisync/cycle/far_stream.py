"""The stream of a cycle where there are cores: much that is asked for goes to a process of its own.

Python runs one thread at a time, so requests would otherwise compete with all else that a cycle
does. The process works as threads here would (:mod:`pypisync.cycle.stream_process`). What it was at
when it ends before its time, or hangs, is asked for again, by threads here. A few asks are
answered by threads here in any case, for each start costs 0.2 s; and many until it has started.
"""

import pickle
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from queue import SimpleQueue
from typing import IO, cast

from pypisync.cycle.deposit import Watched
from pypisync.cycle.mirror import Mirror, Watch
from pypisync.cycle.processes import how_ended, start
from pypisync.cycle.stream_messages import Begin, Said, Told, Wire, read_frame
from pypisync.errors import Stopped, UpstreamError
from pypisync.upstream.api import Answer, Ask, FileAsk, ProjectAsk, Upstream
from pypisync.upstream.stream import InTurn, Threads, open_stream
from pypisync.upstream.twins import Recipe, parts, recipe

_WORTH = 500  # asks that must be open for a process to be worth its start
_MEANWHILE = 500  # asks that must be open for threads here to answer until it has started
_LOOK = 0.05  # seconds between two looks whether to stop
_SILENT = 60.0  # seconds; a process that says nothing for so long hangs: it speaks twice a second
_HELD = 8 * 2**20  # bytes of answers that wait to be used; the process rests then
_AT_ONCE = 8  # frames that are used together

_MODULE = "pypisync.cycle.stream_process"


class FarStream:
    """Answers from threads here, or from a process; it is used as a stream of threads is."""

    def __init__(self, upstream: Upstream, known: Recipe, deposit: Watched, watch: Watch) -> None:
        self.few = 2 * upstream.workers  # asks that will be answered in no time
        self._upstream = upstream
        self._recipe = known
        self._indexes = parts(upstream)
        self._deposit = deposit
        self._watch = watch
        self._near: Threads | None = None
        self._near_open = 0
        self._far: _Child | None = None
        self._may = True  # start a process
        self._starting = False  # threads here answer meanwhile
        self._number = count()
        self._open: dict[int, Ask] = {}  # by the process
        self._ready: deque[Said] = deque()

    def add(self, asks: Iterable[Ask]) -> None:
        """Ask for more."""
        asks = list(asks)
        count = self._near_open + len(asks)
        if self._far is None and self._may and count >= _WORTH:
            self._start()
            self._starting = self._far is not None and count >= _MEANWHILE
        if self._far is None or self._starting:
            self._add_near(asks)
        else:
            self._add_far(self._far, asks)

    def answers(self, wanted: int) -> Iterator[tuple[Ask, Answer]]:
        """Yields what has come, once there is something. Raises what ends the stream."""
        found = False
        while not found and (self._near_open or self._open):
            if self._near is not None and self._near_open:
                waits = 0 if self._open or self._starting else wanted
                for pair in self._near.answers(waits):
                    self._near_open -= 1
                    found = True
                    yield pair
            if self._starting:
                self._hand_over(0.0 if found else _LOOK)
            if self._open:
                for pair in self._come(0.0 if found else _LOOK):
                    found = True
                    yield pair

    def forget(self) -> list[Ask]:
        """Answer no more what is not urgent, and not begun. Returns those asks.

        To be called when all is decided: large files may then take all workers but one.
        """
        gone = self._near.forget() if self._near is not None else []
        self._near_open -= len(gone)
        far = self._far
        if far is None or self._starting:
            return gone
        far.tell(Told(forget=True))
        while self._far is not None:
            said = self._next(_LOOK)
            if said is None and self._upstream_stops():
                break
            if said is not None:
                self._ready.append(said)
                if said.forgotten is not None:
                    return gone + [self._open.pop(number) for number in said.forgotten]
        # The process has ended meanwhile, or all is to stop.
        more = self._near.forget() if self._near is not None else []
        self._near_open -= len(more)
        return gone + more

    def close(self) -> None:
        """Forget what was not begun, and end what is under way."""
        if self._far is not None:
            with suppress(EOFError, ValueError):
                while (said := self._far.said(0.0)) is not None:
                    self._ready.append(said)
            self._end()
        for said in self._ready:  # so that the caller may record what has come
            self._note(said)
        if self._near is not None:
            self._near.close()

    # -- near ------------------------------------------------------------------------------

    def _add_near(self, asks: list[Ask]) -> None:
        if not asks:
            return
        if self._near is None:
            begin = partial(self._upstream.begin, self._deposit)
            self._near = Threads(begin, self._upstream.workers)
        self._near.add(asks)
        self._near_open += len(asks)

    def _upstream_stops(self) -> bool:
        return any(index.stops() for index in self._indexes.values())

    # -- far -------------------------------------------------------------------------------

    def _start(self) -> None:
        pool = self._deposit.pool
        begin = Begin(self._recipe, pool.root, pool.reserve, self._deposit.bytes)
        try:
            far = _Child(begin)
        except OSError as error:
            self._may = False
            self._told(f"a process cannot be started ({error}); the cycle's own does its work")
            return
        self._far = far
        for index in self._indexes.values():
            index.hear(lambda news: far.tell(Told(news=[news])))

    def _add_far(self, far: "_Child", asks: list[Ask]) -> None:
        told = Told(most=self._deposit.most)
        for ask in asks:
            number = next(self._number)
            self._open[number] = ask
            if isinstance(ask, ProjectAsk):
                told.projects.append((number, ask))
            else:
                told.files.append((number, ask))
        far.tell(told)

    def _hand_over(self, wait: float) -> None:
        """Give the process, if it has started by then, what threads here have not begun."""
        said = self._next(wait)
        if said is not None:
            self._ready.append(said)
        if said is not None and self._far is not None and self._near is not None:
            asks = self._near.take_back()
            self._near_open -= len(asks)
            self._add_far(self._far, asks)
        self._starting = said is None and self._far is not None

    def _come(self, wait: float) -> Iterator[tuple[Ask, Answer]]:
        """Yields what the process has said, after waiting so many seconds for it."""
        for _ in range(len(self._ready) + _AT_ONCE):
            said = self._ready.popleft() if self._ready else self._next(wait)
            if said is None:
                break
            wait = 0.0
            self._note(said)
            yield from self._answers(said)
            if said.ended:
                self._end()
                raise pickle.loads(said.ended)  # noqa: S301 - from this very program
        if self._far is not None and self._upstream_stops():
            self._end()
            asks, self._open = self._open, {}
            for ask in asks.values():
                yield ask, Stopped("stopped")

    def _next(self, wait: float) -> Said | None:
        """Returns what the process says next, if it says something within so many seconds.

        One that has ended, or hangs, is let go of; threads here do what it was at.
        """
        far = self._far
        if far is None:
            return None
        try:
            said = far.said(wait)
        except (EOFError, OSError, ValueError) as error:
            self._lost(error)
            return None
        if said is None and far.silence() > _SILENT:
            self._lost(TimeoutError("it said nothing any more"))
        return said

    def _lost(self, error: Exception) -> None:
        code = self._end()
        self._told(
            f"the process of the stream ended {how_ended(code, error)}; what it was at is done by "
            "the cycle's own"
        )
        self._ready.clear()
        asks, self._open = list(self._open.values()), {}
        for ask in asks:
            if isinstance(ask, FileAsk):  # it may have made the folders
                self._deposit.pool.placed(ask.path)
        self._add_near(asks)

    def _told(self, reason: str) -> None:
        self._watch.fault("processes", reason)

    def _end(self) -> int | None:
        """Let go of the process. Returns the code that it has ended with by itself, if it has."""
        far, self._far, self._may = self._far, None, False
        for index in self._indexes.values():
            index.hear(None)
        self._deposit.pool.release(_MODULE)
        return None if far is None else far.end()

    def _note(self, said: Said) -> None:
        """Note what has come to the disk, and what was learnt."""
        for news in said.news:
            self._indexes[news.index].learn(news)
        for retry in said.retries:
            self._watch.retry(*retry)
        for path, there in said.there.items():
            self._deposit.tell(path, there)
        if self._far is not None:
            self._deposit.pool.expect(_MODULE, said.coming)
        for number, digest, size in said.files:
            ask = cast("FileAsk", self._open[number])
            self._deposit.pool.placed(ask.path)
            self._deposit.tell(ask.path, size)
            self._deposit.came[ask.path] = digest, size
        for number, digest, size in said.beside:
            path = cast("FileAsk", self._open[number]).paths[-1]
            self._deposit.pool.placed(path)
            self._deposit.came[path] = digest, size

    def _answers(self, said: Said) -> Iterator[tuple[Ask, Answer]]:
        for number, document in said.documents:
            yield self._open.pop(number), document
        for number, same in said.unchanged:
            yield self._open.pop(number), same
        for number, _, _ in said.files:
            yield self._open.pop(number), None
        self._add_near([self._open.pop(number) for number in said.left])
        if said.failed:
            failed: list[tuple[int, UpstreamError]] = pickle.loads(said.failed)  # noqa: S301 - ours
            for number, error in failed:
                yield self._open.pop(number), error


class _Child:
    """The process, and the threads that talk to it. What was said waits here, packed."""

    def __init__(self, begin: Begin) -> None:
        self._process = start(_MODULE)
        self._told: SimpleQueue[bytes | None] = SimpleQueue()
        self._frames: deque[bytes] = deque()
        self._held = 0  # bytes in them
        self._changed = threading.Condition()
        self._ended = False
        self._heard = time.monotonic()
        self._to, self._from = Wire(Told), Wire(Said)
        self._told.put(pickle.dumps(begin))
        self._threads = [
            threading.Thread(target=work, name="stream", daemon=True)
            for work in (self._write, self._read)
        ]
        for thread in self._threads:
            thread.start()

    def tell(self, told: Told) -> None:
        """Tell it something; what it cannot be told any more is lost with it."""
        self._heard = time.monotonic()
        self._told.put(self._to.packed(told))

    def said(self, wait: float) -> Said | None:
        """Returns what it says next, if it says something within so many seconds.

        Raises EOFError if it has ended.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._ended, wait)
            if not self._frames:
                if self._ended:
                    raise EOFError
                return None
            frame = self._frames.popleft()
            self._held -= len(frame)
            self._changed.notify_all()
        return self._from.unpacked(frame)

    def silence(self) -> float:
        """Returns for how many seconds it has said nothing, and was told nothing."""
        return time.monotonic() - self._heard

    def end(self) -> int | None:
        """End it. Returns the code that it has ended with by itself; None: it had not."""
        code = None
        if self._ended:
            with suppress(subprocess.TimeoutExpired):  # one that has ended says so at once
                code = self._process.wait(0.1)
        self._process.kill()
        self._process.wait()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._told.put(None)
        for thread in self._threads:
            thread.join()
        return code

    def _write(self) -> None:
        target = cast("IO[bytes]", self._process.stdin)
        with suppress(OSError), target:
            while (data := self._told.get()) is not None:
                target.write(data)
                target.flush()

    def _read(self) -> None:
        source = cast("IO[bytes]", self._process.stdout)
        with suppress(EOFError, OSError), source:
            while True:
                frame = read_frame(source)
                with self._changed:
                    self._heard = time.monotonic()
                    self._frames.append(frame)
                    self._held += len(frame)
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._held < _HELD or self._ended)
                    if self._ended:
                        break
        with self._changed:
            self._ended = True
            self._changed.notify_all()


AnyStream = FarStream | Threads | InTurn


def open_far(mirror: Mirror, deposit: Watched) -> AnyStream:
    """Returns a stream of answers; files come into ``deposit``. It must be closed."""
    known = recipe(mirror.upstream) if mirror.processes.number > 1 else None
    if known is None:
        return open_stream(mirror.upstream, deposit)
    return FarStream(mirror.upstream, known, deposit, mirror.watch)
