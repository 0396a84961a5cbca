"""The stream of a cycle in a process of its own: requests, hashing, parsing, files on the disk.

It works as the threads of the cycle's process would, and says what has come. It ends when the
cycle's process has ended, whatever it is at: the parts of files stay for the next try.
"""

import os
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial
from typing import IO, Any, NoReturn

from pypisync.core.standards.model import ManyFiles, ProjectDocument, Unchanged
from pypisync.cycle.deposit import Watched
from pypisync.cycle.processes import streams
from pypisync.cycle.stream_messages import Begin, Said, Told, Wire, read_frame
from pypisync.errors import PypiSyncError, UpstreamError
from pypisync.storage.pool import Pool
from pypisync.upstream.api import Answer, Ask, FileAsk
from pypisync.upstream.lanes import urgent
from pypisync.upstream.learnt import News
from pypisync.upstream.stream import Threads
from pypisync.upstream.twins import parts

_TICK = 0.5  # seconds; so often it says how files get on
_AT_ONCE = 16  # answers that are said together


def _goes_on() -> bool:
    return False  # whoever stops the cycle ends this process


class _Stream:
    """The asks that are open, and what answers them."""

    def __init__(self, begin: Begin, target: IO[bytes]) -> None:
        self._target = target
        self._wire = Wire(Said)
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._open: dict[int, tuple[int, Ask]] = {}  # number and ask, by the id of the ask
        self._urgent = 0
        self._news = deque[News]()
        self._retries = deque[tuple[str, str, float]]()
        self._there: dict[str, int] = {}  # as it was said
        upstream = begin.recipe.make(_goes_on, lambda *of: self._retries.append(of))
        self._indexes = parts(upstream)
        for index in self._indexes.values():
            index.hear(self._news.append)
        pool = Pool(begin.root, reserve=begin.reserve, syncs=False)
        self._deposit = Watched(pool, int, begin.came)
        self._threads = Threads(partial(upstream.begin, self._deposit), upstream.workers)

    def listen(self, source: IO[bytes]) -> NoReturn:
        """Do as the cycle tells, until it has ended."""
        wire = Wire(Told)
        while True:
            try:
                told = wire.unpacked(read_frame(source))
            except (EOFError, OSError):
                os._exit(0)
            for news in told.news:
                self._indexes[news.index].learn(news)
            if told.projects or told.files:
                self._deposit.most = told.most
                self._add([*told.projects, *told.files])
            if told.forget:
                self._forget()

    def tick(self) -> NoReturn:
        """Say how files get on, and that this process is there."""
        while True:
            time.sleep(_TICK)
            if self._open or self._news:
                self._say(Said())

    def answer(self) -> None:
        """Say that it has started, and what has come, until an error ends it."""
        self._say(Said())
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._open)
                wanted = min(_AT_ONCE, self._urgent or len(self._open))
            said, came = Said(), list[tuple[Ask, Answer]]()
            try:
                came.extend(self._threads.answers(wanted))  # also those before an error
            except (PypiSyncError, OSError, MemoryError) as error:
                said.ended = _pickled(error)
            self._note(said, came)
            self._say(said)
            if said.ended:
                return

    def _add(self, asks: Iterable[tuple[int, Ask]]) -> None:
        asks = list(asks)
        with self._changed:
            self._open.update((id(ask), (number, ask)) for number, ask in asks)
            self._urgent += sum(urgent(ask) for _, ask in asks)
            self._changed.notify()
        self._threads.add([ask for _, ask in asks])

    def _forget(self) -> None:
        gone = self._threads.forget()
        with self._changed:
            numbers = [self._open.pop(id(ask))[0] for ask in gone]
        self._say(Said(forgotten=numbers))

    def _note(self, said: Said, came: Sequence[tuple[Ask, Answer]]) -> None:
        with self._changed:
            numbers = [self._open.pop(id(ask))[0] for ask, _ in came]
            self._urgent -= sum(urgent(ask) for ask, _ in came)
        failed = []
        for number, (ask, answer) in zip(numbers, came, strict=True):
            if isinstance(answer, UpstreamError):
                failed.append((number, answer))
            else:
                self._note_found(said, number, ask, answer)
        said.failed = pickle.dumps(failed) if failed else b""

    def _note_found(self, said: Said, number: int, ask: Ask, answer: Answer) -> None:
        if isinstance(answer, ProjectDocument) and isinstance(answer.files, ManyFiles):
            said.left.append(number)  # as values its files would fill the memory
        elif isinstance(answer, ProjectDocument):
            said.documents.append((number, answer))
        elif isinstance(answer, Unchanged):
            said.unchanged.append((number, answer))
        elif isinstance(ask, FileAsk):
            came = self._deposit.came
            said.files.append((number, *came.pop(ask.path)))
            said.beside += [(number, *came.pop(path)) for path in ask.paths[1:] if path in came]
            self._deposit.told.pop(ask.path, None)
            self._there.pop(ask.path, None)

    def _say(self, said: Said) -> None:
        with self._sending:
            there = self._deposit.told.copy()
            said.there = dict(there.items() - self._there.items())
            self._there.update(said.there)
            said.coming = self._deposit.pool.coming()
            while self._news:
                said.news.append(self._news.popleft())
            while self._retries:
                said.retries.append(self._retries.popleft())
            try:
                self._target.write(self._wire.packed(said))
                self._target.flush()
            except OSError:  # the cycle's process has ended
                os._exit(0)


def _pickled(error: Exception) -> bytes:
    try:
        return pickle.dumps(error)
    except Exception:  # noqa: BLE001 - an exception of a library may hold anything
        return pickle.dumps(OSError(f"{type(error).__name__}: {error}"))


def main() -> None:
    """Answer what is asked for on standard input, until that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, target = streams()
    try:
        begin: Any = pickle.load(source)  # noqa: S301 - from this very program
    except (EOFError, pickle.UnpicklingError):  # the cycle's process has ended already
        os._exit(0)
    stream = _Stream(begin, target)
    for work in (partial(stream.listen, source), stream.tick):
        threading.Thread(target=work, daemon=True).start()
    stream.answer()
    os._exit(0)  # what is under way is not wanted any more


if __name__ == "__main__":
    main()
