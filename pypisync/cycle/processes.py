"""Processes that work beside this one: what is pure computing, so each core can have its own.

What the work is made of is sent to them, and what comes of it is sent back. A process that ends
before its time (for want of memory, or since another version of this program is there now), or
that hangs, costs no more than what it was at: that is left for the caller to do.
"""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import IO, Any, TypeVar, cast

from msgspec import Struct

_PARTS = 8  # that each process gets: items differ in what they cost
_LARGEST = 250  # items of one part
_LOOK = 0.1  # seconds between two looks whether to stop
_SAY = 0.5  # seconds; so often a process says what it has found
_START = 60.0  # seconds that a process may take besides the work

_T = TypeVar("_T")
_R = TypeVar("_R")


class Processes:
    """``number`` processes, started when they are first needed; 1: there are none.

    ``told`` is told why one has ended before its time, by the thread that waits for the work.
    """

    def __init__(self, number: int = 1, told: Callable[[str], object] = lambda _: None) -> None:
        self.number = number
        self._told = told
        self._lost: SimpleQueue[str] = SimpleQueue()  # what is still to be told
        self._idle: list[_Process] = []

    def close(self) -> None:
        """End the processes."""
        idle, self._idle = self._idle, []
        for process in idle:
            process.end()

    def run(
        self,
        make: Callable[..., Callable[[_T], _R]],
        given: tuple[Any, ...],
        items: Sequence[_T],
        *,
        check: Callable[[], object],
        patience: float,
        most: int | None = None,
        answer: Callable[[Any], object] | None = None,
    ) -> Iterator[tuple[_T, _R | None]]:
        """Yields each item with what the work on it returns, in any order.

        None is for an item that is left for the caller to do: the work raised an exception, or the
        process ended. ``make(*given)`` returns the work; it is a function of a module. ``check`` is
        called all the time, and may raise to break off. ``patience``: seconds that one item may
        take; a process that says nothing for so long hangs. ``most``: processes that do it.
        ``answer``: returns what the work asks for; ``make`` gets a function more then, which asks.
        """
        sent = pickle.dumps((make, given, answer is not None))
        parts: SimpleQueue[Sequence[_T]] = SimpleQueue()
        size = min(max(1, len(items) // (self.number * _PARTS)), _LARGEST)
        for start in range(0, len(items), size):
            parts.put(items[start : start + size])
        done: SimpleQueue[tuple[_T, _R | None] | _Question] = SimpleQueue()
        count = min(self.number, parts.qsize(), self.number if most is None else most)
        while len(self._idle) < count:
            self._idle.append(_Process(self._lost))
        busy = self._idle[:count]
        try:
            for process in busy:
                process.begin(sent, parts, done)
            for _ in items:
                yield _next(done, busy, check, _START + patience, answer)
        except BaseException:  # they are at what is not wanted any more
            self.close()
            raise
        finally:
            with suppress(Empty):
                while True:
                    self._told(self._lost.get_nowait())


def _next(
    done: "SimpleQueue[tuple[_T, _R | None] | _Question]",
    busy: "Sequence[_Process]",
    check: Callable[[], object],
    patience: float,
    answer: Callable[[Any], object] | None,
) -> tuple[_T, _R | None]:
    while True:
        check()
        try:
            found = done.get(timeout=_LOOK)
        except Empty:
            for process in busy:
                process.look(patience)
            continue
        if not isinstance(found, _Question):
            return found
        if answer is not None:
            found.replies.put(pickle.dumps(answer(found.asked)))


class _Question(Struct, frozen=True):
    """What the work in a process asks for."""

    asked: Any
    replies: "SimpleQueue[bytes | None]"  # None: there is no reply any more


class _Process:
    """One process, and the thread that talks to it."""

    def __init__(self, lost: "SimpleQueue[str]") -> None:
        self._lost = lost
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # of the two before
        self._ended = False
        self._replies: SimpleQueue[bytes | None] = SimpleQueue()
        self._known = b""  # the work that the process has
        self._since: float | None = None  # when it last said something; None: it is at nothing

    def begin(
        self,
        sent: bytes,
        parts: "SimpleQueue[Sequence[_T]]",
        done: "SimpleQueue[tuple[_T, _R | None] | _Question]",
    ) -> None:
        """Have one part after another done, in a thread, until none is left."""

        def work() -> None:
            with suppress(Empty):
                while not self._ended:
                    part = parts.get_nowait()
                    found = 0
                    for result in self._ask(sent, part, done):
                        done.put((part[found], result))
                        found += 1
                    for item in part[found:]:
                        done.put((item, None))

        self._thread = threading.Thread(target=work, name="process", daemon=True)
        self._thread.start()

    def look(self, patience: float) -> None:
        """End the process if it has said nothing for so many seconds."""
        since = self._since
        if since is not None and time.monotonic() - since > patience:
            with self._lock:
                if self._process is not None:
                    self._process.kill()

    def end(self) -> None:
        """End the process, whatever it is at."""
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.kill()
        self._replies.put(None)
        if self._thread is not None:
            self._thread.join()
        self._forget()

    def _ask(self, sent: bytes, items: Sequence[Any], asking: "SimpleQueue[Any]") -> Iterator[Any]:
        """Yields what the process finds; it ends early if the process has."""
        try:
            source, target = self._pipes()
            self._since = time.monotonic()
            if self._known is not sent:
                target.write(sent)
                self._known = sent
            pickle.dump(items, target)
            target.flush()
            left = len(items)
            while left:
                found: Any = pickle.load(source)  # noqa: S301 - from this very program
                self._since = time.monotonic()
                if isinstance(found, tuple):  # a question
                    self._reply(found[0], target, asking)
                    continue
                left -= len(found)
                yield from found
        except Exception as error:  # noqa: BLE001 - whatever it is: the caller does the rest
            self._tell(self._forget(), error)
        self._since = None

    def _reply(self, asked: object, target: IO[bytes], asking: "SimpleQueue[Any]") -> None:
        """Have the cycle answer what the process asks. Raises EOFError if it does not any more."""
        asking.put(_Question(asked, self._replies))
        reply = self._replies.get()
        if reply is None:
            raise EOFError
        target.write(reply)
        target.flush()

    def _tell(self, code: int | None, error: Exception) -> None:
        if self._ended:
            return
        self._lost.put(
            f"a process ended {how_ended(code, error)}; what it was at is done by the cycle's own"
        )

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        """Returns what the process says, and what it is told. Raises EOFError if it was ended."""
        with self._lock:
            if self._ended:
                raise EOFError
            if self._process is None:
                self._process = start("pypisync.cycle.processes")
            return cast("IO[bytes]", self._process.stdout), cast("IO[bytes]", self._process.stdin)

    def _forget(self) -> int | None:
        """Let go of the process. Returns the code that it ended with, if there was one."""
        with self._lock:
            process, self._process, self._known = self._process, None, b""
        if process is None:
            return None
        with suppress(subprocess.TimeoutExpired):  # one that has ended says so at once
            process.wait(0.1)
        process.kill()
        with suppress(OSError):
            process.communicate()
        return process.returncode


def start(module: str) -> "subprocess.Popen[bytes]":
    """Returns a process that runs a module of ours and talks over its standard streams."""
    # Not from the working directory, which need not be trusted.
    return subprocess.Popen(  # noqa: S603 - a module of ours
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"},
        start_new_session=True,  # an interrupt at the terminal is for the cycle
    )


def how_ended(code: int | None, error: Exception) -> str:
    """Returns how a process ended, in words; ``error`` says it where there is no exit code."""
    if code is None:
        return f"({type(error).__name__}: {error})"
    with suppress(ValueError):
        if code < 0:
            return f"by {signal.Signals(-code).name}"
    return f"with the code {code}"


def streams() -> tuple[IO[bytes], IO[bytes]]:
    """Returns what such a process is told, and where it answers; the cycle alone ends it."""
    # Whoever stops the cycle may signal all its processes.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    target = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever is printed is no answer
    return sys.stdin.buffer, target


def main() -> None:
    """Do what is asked for on standard input, until that ends."""
    source, target = streams()
    work: Callable[[Any], Any] | None = None
    # The cycle's process may have ended, at any point.
    with suppress(EOFError, BrokenPipeError, pickle.UnpicklingError):
        while True:
            asked = pickle.load(source)  # noqa: S301 - from this very program
            if isinstance(asked, tuple):
                make, given, asks = asked
                work = make(*given, partial(_replied, source, target)) if asks else make(*given)
            elif work is not None:
                _answer(work, asked, target)
    os._exit(0)  # what could not be said is not wanted


def _replied(source: IO[bytes], target: IO[bytes], question: object) -> Any:
    """Returns what the cycle answers to a question of the work."""
    pickle.dump((question,), target)
    target.flush()
    return pickle.load(source)  # noqa: S301 - from this very program


def _answer(work: Callable[[Any], Any], items: Sequence[Any], target: IO[bytes]) -> None:
    found: list[Any] = []
    said = time.monotonic()
    for item in items:
        try:
            found.append(work(item))
        except Exception:  # noqa: BLE001 - it is raised again where the caller does the work
            found.append(None)
        if time.monotonic() - said > _SAY:
            pickle.dump(found, target)
            target.flush()
            found, said = [], time.monotonic()
    if found:
        pickle.dump(found, target)
        target.flush()


if __name__ == "__main__":
    main()
