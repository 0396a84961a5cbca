"""Runs a process and says what it cost; holds the simulated upstream that it talks to."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LINUX = {"python_version": ["3.11"], "sys_platform": ["linux"], "platform_machine": ["x86_64"]}


@dataclass(frozen=True)
class Cost:
    """What one run of a process cost."""

    wall: float  # seconds
    cpu: float  # seconds, user and system, with children
    peak: float  # MiB resident
    output: str = ""


def run(command: Sequence[str | Path], **environment: str) -> Cost:
    """Run a command to its end. Raises RuntimeError if it fails outright."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
        text=True,
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)


def pypisync(folder: Path, *words: str) -> Cost:
    """Run a command of the product on the mirror in ``folder``."""
    config = folder / "pypisync.json5"
    return run([sys.executable, "-m", "pypisync", *words, "--config", config])


def configure(folder: Path, endpoint: str, packages: Mapping[str, Any], **keys: Any) -> None:
    """Write the configuration of a mirror."""
    document = {
        "endpoint": endpoint,
        "destination_folder": "mirror",
        "environment": LINUX,
        "packages": packages,
        "disk_reserve": 0,
        **keys,
    }
    (folder / "pypisync.json5").write_text(json.dumps(document), encoding="utf-8")


class Remote:
    """A simulated upstream in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self._process = process
        self.url = url

    def do(self, method: str, *args: Any, **options: Any) -> dict[str, Any]:
        """Call a method of the world; answers the serial and the requests made so far."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([method, args, options]) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def requests(self) -> int:
        """All requests made so far."""
        return sum(self.do("noise", 0)["requests"].values())


@contextmanager
def upstream(world: str) -> Iterator[Remote]:
    """The world that a function of :mod:`tests.bench.worlds` makes, served."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.sim.server", "--world", f"tests.bench.worlds:{world}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Remote(process, process.stdout.readline().strip())
    finally:
        process.stdin.close()
        process.wait()


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median, and the lowest and highest beside it."""
    middle = f"{statistics.median(values):.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):.{digits}f}-{max(values):.{digits}f})"
