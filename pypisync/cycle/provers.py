"""Processes that prove: a search is pure computing, so each core can have its own.

What a proof is made of is sent to them, and what comes of it is sent back. A process that ends
before its time (for want of memory, or since another version of this program is there now) costs
no more than the proofs that it was at: they are made here.
"""

import os
import pickle
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import IO, cast

from pypisync.core.budget import Budget
from pypisync.core.resolve.index import OfferedFile, Offers, Unsent
from pypisync.core.resolve.subject_proofs import ProofTask, SubjectProofs, SubjectsProver
from pypisync.core.wanted.groups import Subject

_PARTS = 8  # that each process gets: proofs differ in what they cost
_WORTH = 3  # times the patience must be left for processes to be worth their start
_LOOK = 0.1  # seconds between two looks whether to stop


class Provers:
    """Proves in ``number`` processes; 1: in this one.

    The first proofs are made here, for ``patience`` seconds of processor time, and all of them if
    the others will not take much longer: most cycles have few, and what one works out is kept for
    the next, which each process has to find for itself.
    """

    def __init__(self, number: int, patience: float = 1.0) -> None:
        self._number = number
        self._patience = patience
        self._idle: list[_Prover] = []

    def close(self) -> None:
        """End the processes."""
        for prover in self._idle:
            prover.end()

    def prove(self, task: ProofTask, budget: Callable[[], Budget]) -> Iterator[SubjectProofs]:
        """Yields the proofs of all that is wanted, in any order.

        Raises what a budget raises when the cycle is to stop.
        """
        since = time.thread_time()
        here = SubjectsProver(task, budget)
        left = deque(task.wanted)
        while left and self._stays(len(task.wanted) - len(left), len(left), since):
            yield from here.prove([left.popleft()])
        for proofs in self._elsewhere(task, [*left], budget) if left else ():
            if proofs.verdicts is None:
                yield from here.prove([proofs.subject])
            else:
                yield proofs

    def _stays(self, done: int, left: int, since: float) -> bool:
        """Returns whether the next proof is made here."""
        spent = time.thread_time() - since
        few = done == 0 or spent / done * left < _WORTH * self._patience
        return self._number == 1 or left < 2 or spent < self._patience or few

    def _elsewhere(
        self, task: ProofTask, subjects: Sequence[Subject], budget: Callable[[], Budget]
    ) -> Iterator[SubjectProofs]:
        one = budget()
        sent = pickle.dumps((replace(task, facts=_alone(task.facts)), one.steps, one.left()))
        parts: SimpleQueue[Sequence[Subject]] = SimpleQueue()
        size = max(1, len(subjects) // (self._number * _PARTS))
        for start in range(0, len(subjects), size):
            parts.put(subjects[start : start + size])
        done: SimpleQueue[SubjectProofs] = SimpleQueue()
        provers = [self._idle.pop() if self._idle else _Prover() for _ in range(self._number)]
        for prover in provers:
            prover.begin(sent, parts, done)
        try:
            for _ in subjects:
                yield _next(done, one)
        except BaseException:
            for prover in provers:
                prover.end()
            raise
        self._idle = provers


def _alone(facts: Offers) -> Offers:
    """Returns facts that can be sent: what would be looked up is not among them."""
    return replace(facts, look_up=None if facts.look_up is None else _unsent)


def _unsent(name: str) -> Sequence[OfferedFile]:
    raise Unsent(name)


def _next(done: "SimpleQueue[SubjectProofs]", budget: Budget) -> SubjectProofs:
    while True:
        budget.clock()  # which raises if the cycle is to stop
        with suppress(Empty):
            return done.get(timeout=_LOOK)


class _Prover:
    """One process, and the thread that talks to it. It is started when it is needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # of the two before
        self._ended = False
        self._known = b""  # the task that the process has

    def begin(
        self,
        sent: bytes,
        parts: "SimpleQueue[Sequence[Subject]]",
        done: "SimpleQueue[SubjectProofs]",
    ) -> None:
        """Prove one part after another in a thread, until none is left."""

        def work() -> None:
            with suppress(Empty):
                while not self._ended:
                    part = parts.get_nowait()
                    for proofs in self._ask(sent, part) or [SubjectProofs(s, None) for s in part]:
                        done.put(proofs)

        self._thread = threading.Thread(target=work, name="prover", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End the process, whatever it is at."""
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.kill()
        if self._thread is not None:
            self._thread.join()
        self._forget()

    def _ask(self, sent: bytes, subjects: Sequence[Subject]) -> list[SubjectProofs] | None:
        """Returns what the process finds; None if it has ended."""
        try:
            source, target = self._pipes()
            if self._known is not sent:
                target.write(sent)
                self._known = sent
            pickle.dump(subjects, target)
            target.flush()
            found: list[SubjectProofs] = pickle.load(source)  # noqa: S301 - from this very program
        except Exception:  # noqa: BLE001 - whatever it is: the proofs are made without it
            self._forget()
            return None
        return found

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        """Returns what the process says, and what it is told. Raises EOFError if it was ended."""
        with self._lock:
            if self._ended:
                raise EOFError
            if self._process is None:
                # Not from the working directory, which need not be trusted.
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "pypisync.cycle.provers"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"},
                    start_new_session=True,  # an interrupt at the terminal is for the cycle
                )
            return cast("IO[bytes]", self._process.stdout), cast("IO[bytes]", self._process.stdin)

    def _forget(self) -> None:
        """Let go of the process."""
        with self._lock:
            process, self._process, self._known = self._process, None, b""
        if process is not None:
            process.kill()
            with suppress(OSError):
                process.communicate()


def main() -> None:
    """Prove what is asked for on standard input, until that ends."""
    source, target = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever is printed is no answer
    prover: SubjectsProver | None = None
    with suppress(EOFError):
        while True:
            asked = pickle.load(source)  # noqa: S301 - from this very program
            if isinstance(asked, tuple):
                prover = _prover(*asked)
            elif prover is not None:
                pickle.dump(list(prover.prove(asked)), target)
                target.flush()


def _prover(task: ProofTask, steps: int, seconds: float) -> SubjectsProver:
    def budget() -> Budget:
        return Budget(steps, time.monotonic() + seconds, time.monotonic)

    return SubjectsProver(task, budget)


if __name__ == "__main__":
    main()
