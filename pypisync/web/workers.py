"""The serving processes of a mirror: as many as there are cores, four at most.

The process that starts them holds the sockets, one for each, so no connection is lost when one of
them ends and another replaces it. It serves nothing itself, so a cycle that computes does not slow
down responses, nor they a cycle. :mod:`pypisync.web.worker` is the process that is started.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from pypisync.config.load import Config
from pypisync.errors import ConfigError
from pypisync.web import counts
from pypisync.web.sockets import bound, shown
from pypisync.web.task import STOP_SECONDS, Served, Task

_MOST = 4
_PATIENCE = STOP_SECONDS + 2.0
_LOOK = 1.0  # between two looks whether all are there
_END = (signal.SIGTERM, signal.SIGINT)


class _Worker(Struct, frozen=True):
    process: "subprocess.Popen[bytes]"
    link: socket.socket


class Workers:
    """A context manager; within it they serve, once they were told what. Used by one thread."""

    def __init__(self, number: int | None = None) -> None:
        self._number = number or min(len(os.sched_getaffinity(0)), _MOST)
        self._counts = counts.shared(self._number)
        self._address: tuple[str, int] | None = None
        self._served: Served | None = None
        self._listeners: list[socket.socket] = []
        self._workers: list[_Worker] = []

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self._leave(self._workers, self._listeners)
        os.close(self._counts)

    def serve(self, config: Config) -> str | None:
        """Serve this mirror, and not the one before. Returns the address if it is a new one.

        Without ``listen`` nothing is served. Raises ConfigError if the address cannot be had; then
        all stays as it was.
        """
        served = Served.by(config)
        if (self._address, self._served) == (config.listen, served):
            return None
        workers, listeners, moves = self._workers, self._listeners, self._address != config.listen
        if moves:
            self._listeners = bound(*config.listen, self._number) if config.listen else []
        self._address, self._served = config.listen, served
        self._workers = [self._start(served, row) for row in range(len(self._listeners))]
        self._leave(workers, listeners if moves else [])
        return shown(self._listeners[0]) if moves and self._listeners else None

    def look(self) -> list[int]:
        """Replace the processes that have ended, and return their exit codes."""
        ends = []
        for row, worker in enumerate(self._workers):
            code = worker.process.poll()
            if code is not None and self._served is not None:
                ends.append(code)
                worker.link.close()
                self._workers[row] = self._start(self._served, row)
        return ends

    def _start(self, served: Served, row: int) -> _Worker:
        mine, its = socket.socketpair()
        listener = self._listeners[row].fileno()
        with its:
            # Not from the working directory, which need not be trusted.
            process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-P", "-m", "pypisync.web.worker", str(its.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(its.fileno(), listener, self._counts),
                env={k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"},
            )
        with suppress(OSError):  # it has ended already: that will be seen
            mine.sendall(Task(served, listener, self._counts, row, self._number).line())
        return _Worker(process, mine)

    @staticmethod
    def _leave(workers: list[_Worker], listeners: list[socket.socket]) -> None:
        """Tell the processes to end, and wait until they have."""
        for listener in listeners:
            listener.close()
        for worker in workers:
            worker.link.close()
        for worker in workers:
            try:
                worker.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()


def serve_alone(config: Config, say: Callable[[str], None]) -> None:
    """Serve the mirror until SIGTERM or SIGINT, which then have their usual effect.

    ``say`` is told the address, and what ends it. Raises ConfigError if there is no address, or it
    cannot be had.
    """
    if config.listen is None:
        example = 'add listen: "127.0.0.1:8080", for example'
        raise ConfigError([f"listen: the configuration says no address to serve at; {example}"])
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _END)
    with Workers() as workers:
        say(f"serving {workers.serve(config)}")
        while (told := signal.sigtimedwait(_END, _LOOK)) is None:
            workers.look()
        say(f"stopping, by {signal.Signals(told.si_signo).name}")
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    signal.raise_signal(told.si_signo)
