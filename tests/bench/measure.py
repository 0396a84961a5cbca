"""Runs a process and says what it cost; holds the simulated upstream that it talks to."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.bench.report import Figures, figure

LINUX = {"python_version": ["3.11"], "sys_platform": ["linux"], "platform_machine": ["x86_64"]}

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Setup:
    """How much is measured."""

    runs: int = 3
    quick: bool = False  # small sizes, to try the bench itself
    peers: Path | None = None  # a virtual environment with what others offer

    def size(self, full: int, quick: int) -> int:
        """How large something is made."""
        return quick if self.quick else full


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a process cost, its children included."""

    wall: float  # seconds
    cpu: float  # seconds, user and system
    peak: float  # MiB resident, of the largest process
    written: float  # MiB that went to a disk; nothing for what lies in memory
    output: str = ""


def run(command: Iterable[str | Path], **environment: str) -> Cost:
    """Run a command to its end. Raises RuntimeError if it fails outright."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        words = [str(part) for part in command]
        process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **environment},
            text=True,
        )
        assert process.stdout is not None
        with process.stdout:
            output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            errors.seek(0)
            raise RuntimeError(f"{words} ended with {process.returncode}: {errors.read()}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(wall, cpu, usage.ru_maxrss / 1024, usage.ru_oublock / 2048, output)


def pypisync(folder: Path, *words: str) -> Cost:
    """Run a command of the product on the mirror in ``folder``."""
    config = folder / "pypisync.json5"
    command: list[str | Path] = [sys.executable, "-m", "pypisync", *words, "--config", config]
    return run(command, PYTHONDONTWRITEBYTECODE="")  # what is installed has its bytecode


def sync(folder: Path) -> tuple[Cost, dict[str, Any]]:
    """One cycle in a process of its own, and its report."""
    cost = pypisync(folder, "sync", "--json")
    return cost, json.loads(cost.output)


def configure(folder: Path, endpoint: str, packages: Mapping[str, Any], **keys: Any) -> None:
    """Write the configuration of a mirror."""
    document = {
        "endpoint": endpoint,
        "destination_folder": "mirror",
        "environment": LINUX,
        "packages": packages,
        "disk_reserve": 0,
        "limits": {"projects": None, "bytes": None},  # else nothing large would be fetched at all
        **keys,
    }
    (folder / "pypisync.json5").write_text(json.dumps(document), encoding="utf-8")


@contextmanager
def folder(*, in_memory: bool = False) -> Iterator[Path]:
    """A place for a mirror: on the disk, or in memory, where the disk is not what is measured."""
    memory = Path("/dev/shm")
    where = str(memory) if in_memory and memory.is_dir() else None
    made = Path(tempfile.mkdtemp(prefix="pypisync-bench-", dir=where))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def in_turn(runs: int, *ways: Callable[[], _T]) -> list[list[_T]]:
    """Run ways in turn, A B A B; the answers of each."""
    answers: list[list[_T]] = [[] for _ in ways]
    for _ in range(runs):
        for way, kept in zip(ways, answers, strict=True):
            kept.append(way())
    return answers


def costs(label: str, found: Sequence[Cost]) -> Figures:
    """The usual figures of runs."""
    what = f"{label}: " if label else ""
    return [
        figure(f"{what}wall", [cost.wall for cost in found], "s"),
        figure(f"{what}cpu", [cost.cpu for cost in found], "s"),
        figure(f"{what}peak", [cost.peak for cost in found], "MiB", 0),
    ]


@dataclass(frozen=True, slots=True)
class Said:
    """What the simulated upstream has seen until now."""

    serial: int
    requests: dict[str, int]
    bytes: int

    def since(self, before: "Said", runs: int = 1) -> Figures:
        """The traffic of one run between two moments."""
        kinds = {
            kind: (count - before.requests.get(kind, 0)) / runs
            for kind, count in self.requests.items()
        }
        note = ", ".join(f"{kind} {count:g}" for kind, count in sorted(kinds.items()) if count)
        sent = (self.bytes - before.bytes) / runs
        return [
            figure("requests", [sum(kinds.values())], digits=0, note=note),
            figure("received", [sent / 1e6], "MB", 4 if sent < 1e5 else 1),
        ]


class Remote:
    """A simulated upstream in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self._process = process
        self.url = url

    def do(self, method: str, *args: Any, **options: Any) -> Said:
        """Call a method of the world. Returns what was asked of it so far."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([method, args, options]) + "\n")
        self._process.stdin.flush()
        return Said(**json.loads(self._process.stdout.readline()))

    def said(self) -> Said:
        """What was asked of it so far."""
        return self.do("now")

    def requests(self) -> int:
        """All requests made so far."""
        return sum(self.said().requests.values())


@contextmanager
def upstream(world: str, *sizes: int) -> Iterator[Remote]:
    """The world that a function of :mod:`tests.bench.worlds` makes, served."""
    named = ":".join([f"tests.bench.worlds:{world}", *map(str, sizes)])
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.sim.server", "--world", named],
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
        process.stdout.close()
