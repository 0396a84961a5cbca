"""How much memory all processes of a first sync take together."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.bench.measure import Setup, configure, folder, upstream
from tests.bench.report import Figures, figure
from tests.bench.worlds import names

_PAUSE = 0.15  # seconds


def together(setup: Setup) -> Figures:
    """The largest sum of proportional set sizes that a look every 150 ms meets, on Linux."""
    count = setup.size(5_000, 10)
    figures = []
    worlds = (("small", "latest"), ("mixed", ">=0"))
    for world, selector in worlds[:1] if setup.quick else worlds:
        with upstream(world, count) as remote:
            packages = dict.fromkeys(names(count), selector)
            for processes in (2,) if setup.quick else (1, 2, 8):
                peaks = [_peak(remote.url, packages, processes) for _ in range(setup.runs)]
                figures.append(figure(f"{world}, {processes} processes", peaks, "MiB", 0))
    return figures


def _peak(endpoint: str, packages: dict[str, str], processes: int) -> float:
    with folder(in_memory=True) as made:
        configure(made, endpoint, packages, processes=processes)
        command = [sys.executable, "-m", "pypisync", "sync", "--config"]
        done = subprocess.Popen(
            [*command, made / "pypisync.json5"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        peak = 0
        while done.poll() is None:
            peak = max(peak, sum(map(_share, [done.pid, *_children(done.pid)])))
            time.sleep(_PAUSE)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"sync ended with {done.returncode}")
    return peak / 1024


def _children(process: int) -> Iterator[int]:
    """Yields all processes that a process has begun, or those have."""
    with suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in map(int, (thread / "children").read_text("ascii").split()):
                yield child
                yield from _children(child)


def _share(process: int) -> int:
    """Returns the proportional set size in KiB; 0 of a process that has ended."""
    with suppress(OSError):
        lines = Path(f"/proc/{process}/smaps_rollup").read_text("ascii").splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return 0
