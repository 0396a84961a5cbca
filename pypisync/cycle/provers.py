"""Proofs by several processes: a search is pure computing, so each core can have its own."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial

from msgspec.structs import replace

from pypisync.core.budget import Budget
from pypisync.core.resolve.index import OfferedFile
from pypisync.core.resolve.subject_proofs import ProofTask, SubjectProofs, SubjectsProver
from pypisync.core.wanted.groups import Subject
from pypisync.cycle.processes import Processes

_PATIENCE = 0.25  # seconds of processor time for proofs that are made here in any case
_EACH = 1.5  # seconds of it that must be left for each process to be worth its start and memory
_MOST_FILES = 64  # projects whose files are kept for the next explanation
_SPREAD = 64  # the first proofs are of each so many-th subject: they tell what all will take


def prove(
    processes: Processes, task: ProofTask, budget: Callable[[], Budget]
) -> Iterator[SubjectProofs]:
    """Yields the proofs of all that is wanted, in any order.

    The first proofs are made here, and all of them if the others will not take much longer: most
    cycles have few, and what one works out is kept for the next, which each process has to find
    for itself. Raises what a budget raises when the cycle is to stop.
    """
    since = time.thread_time()
    here = SubjectsProver(task, budget)
    left = deque(one for first in range(_SPREAD) for one in task.wanted[first::_SPREAD])
    count = 1
    while left and count < 2:
        yield from here.prove([left.popleft()])
        if processes.number > 1:
            count = _worth(len(task.wanted) - len(left), len(left), since)
    if not left:
        return
    one = budget()
    sent = replace(task, facts=replace(task.facts, look_up=None))
    found = processes.run(
        _worker,
        (sent, one.steps, one.left()),
        list(left),
        check=one.clock,
        patience=one.left() * len(task.machines),
        most=count,
        answer=task.facts.files,
    )
    for subject, proofs in found:
        if proofs is None:
            yield from here.prove([subject])
        else:
            yield proofs


def _worth(done: int, left: int, since: float) -> int:
    """Returns how many processes the proofs that are left are worth."""
    spent = time.thread_time() - since
    return 1 if spent < _PATIENCE else min(left, int(spent / done * left / _EACH))


def _worker(
    task: ProofTask, steps: int, seconds: float, ask: Callable[[str], Sequence[OfferedFile]]
) -> Callable[[Subject], SubjectProofs]:
    """Returns what proves one subject in a process; each proof gets so many seconds.

    What is looked up of a project is asked for.
    """

    def budget() -> Budget:
        return Budget(steps, time.monotonic() + seconds, time.monotonic)

    facts = replace(task.facts, look_up=lru_cache(_MOST_FILES)(ask))
    return partial(_proven, SubjectsProver(replace(task, facts=facts), budget))


def _proven(prover: SubjectsProver, subject: Subject) -> SubjectProofs:
    return next(prover.prove([subject]))
