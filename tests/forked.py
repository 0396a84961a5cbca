"""Commands in processes of their own that are forked, not started: see :mod:`tests.fork_server`.

For tests of what a command does. How a process starts, which of its modules import what, what it
makes of variables of Python's own, and how the interpreter takes itself apart at the end is tested
with processes that are started.
"""

import atexit
import json
import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_SERVER = Path(__file__).with_name("fork_server.py")
_CLIENT = Path(__file__).with_name("fork_client.py")
PRODUCT = (
    "pypisync.*",
    "alembic",
    "encodings.idna",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
)
"""What commands of the product import, sooner or later."""


@dataclass(frozen=True)
class Preloaded:
    """An interpreter that has imported some modules; ``options`` and variables are Python's own."""

    modules: tuple[str, ...] = PRODUCT
    python: str = sys.executable
    options: tuple[str, ...] = ("-W", "error")
    path: str = ""


class Process:
    """A process that was forked; it is used as a :class:`subprocess.Popen` is."""

    def __init__(
        self,
        preloaded: Preloaded,
        words: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        files: tuple[int, int, int],
    ) -> None:
        self.args = [*words]
        self.returncode: int | None = None
        self._told, its = socket.socketpair()
        asked = {
            "module": words[0],
            "arguments": words[1:],
            "folder": str(folder),
            "environment": {**environment},
        }
        with its:
            packet = json.dumps(asked).encode()
            socket.send_fds(_server(preloaded), [packet], [*files, its.fileno()])
        self._lines = self._told.makefile("rb", buffering=0)
        self.pid = int(self._lines.readline())

    def poll(self) -> int | None:
        """Returns the exit code; None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Returns the exit code when it has ended. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(self._lines.readline())
            self._lines.close()
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send_signal(signal.SIGKILL)


def run(
    preloaded: Preloaded,
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    timeout: float | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end: the name of a module, then arguments. Its output is captured."""
    with (
        Path(os.devnull).open("rb") as nothing,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as errors,
    ):
        files = (nothing.fileno(), out.fileno(), errors.fileno())
        process = Process(preloaded, words, folder, environment, files)
        try:
            code = process.wait(timeout)
        except BaseException:
            process.kill()
            process.wait()
            raise
        texts = []
        for file in (out, errors):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(process.args, code, *texts)


def script(preloaded: Preloaded, module: str) -> tuple[str, int]:
    """Returns a script that does a command, for shells, and the file that they must have open."""
    link = _server(preloaded).fileno()
    words = [sys.executable, "-I", "-S", str(_CLIENT), str(link), module]
    return f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', link


@cache
def _server(preloaded: Preloaded) -> socket.socket:
    """Returns the link to a process that forks."""
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    own = {k: v for k, v in os.environ.items() if not k.startswith(("PYPISYNC_", "PYTHON"))}
    with its:
        process = subprocess.Popen(
            [
                *(preloaded.python, "-P", *preloaded.options),
                *(str(_SERVER), str(its.fileno()), *preloaded.modules),
            ],
            env=own | ({"PYTHONPATH": preloaded.path} if preloaded.path else {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[its.fileno()],
            start_new_session=True,  # Ctrl-C is for the tests
        )

    def end() -> None:
        mine.close()
        process.wait()

    atexit.register(end)
    return mine
