"""A real daemon process, and what it tells systemd and its log."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from tests.cli.running import PRELOADED, command, environ
from tests.forked import Process

PATIENCE = 60.0  # seconds until a wait is believed to be in vain
_STEP = 0.002


def until(found: Callable[[], Any], what: str = "it", patience: float = PATIENCE) -> Any:
    """Look again and again until something is found. Returns it."""
    end = time.monotonic() + patience
    while not (answer := found()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(_STEP)
    return answer


class Running:
    """A context manager; within it ``pypisync run`` is running."""

    def __init__(self, config: Path, name: str = "daemon", **environment: str) -> None:
        self._config = config
        self._folder = config.parent
        self._log = self._folder / f"{name}.log"
        self._address = str(self._folder / f"{name}.notify")
        self._environment = environment
        self.told: list[str] = []  # what it told systemd

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        Path(self._address).unlink(missing_ok=True)
        self._socket.bind(self._address)
        self._socket.setblocking(False)
        self._lines: list[dict[str, Any]] = []  # of the log, as far as they were read
        with self._log.open("ab") as log:
            self._offset = log.tell()
            self.process = self._start(log)
        return self

    def _start(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            command(self._config, "run"),
            cwd=self._folder,
            env=self._variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )

    def _variables(self) -> Mapping[str, str]:
        return {**environ(), "NOTIFY_SOCKET": self._address, **self._environment}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._socket.close()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> tuple[int, float]:
        """SIGTERM. Returns the exit code, and the seconds it took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE), time.monotonic() - begun

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of this process's log with this event."""
        with self._log.open("rb") as log:
            log.seek(self._offset)
            whole, end, _ = log.read().rpartition(b"\n")
        self._offset += len(whole + end)
        self._lines += map(json.loads, whole.splitlines())
        return [line for line in self._lines if line["event"] == name]

    def wait_for(self, name: str, number: int = 1, **fields: Any) -> dict[str, Any]:
        """Wait for the so-manieth such line of the log."""

        def found() -> list[dict[str, Any]]:
            assert self.process.poll() is None, self._log.read_text()
            lines = [e for e in self.events(name) if fields.items() <= e.items()]
            return lines[number - 1 : number]

        line: dict[str, Any] = until(found, f"{name} {fields}")[0]
        return line

    def wait_told(self, message: str) -> None:
        """Wait until it has told systemd a message that begins so."""

        def found() -> bool:
            try:
                while True:
                    self.told.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return any(text.startswith(message) for text in self.told)

        until(found, message)


class Forked(Running):
    """The same in a process that need not import anything: its start is not what is tested."""

    def _start(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        with Path(os.devnull).open("r+b") as nothing:
            files = (nothing.fileno(), nothing.fileno(), log.fileno())
            words = ["pypisync", "run", "--config", str(self._config)]
            process = Process(PRELOADED, words, self._folder, self._variables(), files)
        return cast("subprocess.Popen[bytes]", process)  # it is used as one
