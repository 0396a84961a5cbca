"""Hundreds of cycles in one process, upstream changing and failing: the same mirror, no growth."""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pypisync.config.load import load
from pypisync.daemon.jobs import Jobs
from pypisync.daemon.vitals import Vitals
from pypisync.logs import Lines, logger
from pypisync.wiring import writing
from pypisync.wiring_upstream import open_upstream
from tests.cli.running import ROOT, configure, environ
from tests.daemon.soak_world import NAMES
from tests.recipe.mirrors import Bench
from tests.recipe.test_equality import decided
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

CYCLES = 205
PACKAGES = {name: ["2 latest"] for name in NAMES[:8]}


class Upstream:
    """The world in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        assert process.stdout is not None
        self.url = process.stdout.readline().strip()

    def tell(self, method: str, *args: object) -> Any:
        """Call a method of the world."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([method, args]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    command = [sys.executable, "-m", "tests.sim.server"]
    with subprocess.Popen(
        [*command, "--world", "tests.daemon.soak_world:restless"],
        cwd=ROOT,
        env=environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Upstream(process)
        assert process.stdin is not None
        process.stdin.close()


def figures() -> dict[str, int]:
    """What must not grow."""
    gc.collect()
    me = Path("/proc/self")
    open_files = [str(path.readlink()) for path in (me / "fd").iterdir() if path.is_symlink()]
    pages = int((me / "statm").read_text(encoding="ascii").split()[1])
    return {
        "threads": len(list((me / "task").iterdir())),
        "files": len(open_files),
        "sockets": sum(path.startswith("socket:") for path in open_files),
        "kilobytes": pages * os.sysconf("SC_PAGE_SIZE") // 1024,
    }


@pytest.mark.long
def test_a_long_life(
    tmp_path: Path, upstream: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    keys: dict[str, Any] = {
        "packages": PACKAGES,
        "upstream": {"workers": 4, "pace": 0, "retries": 0},
    }
    config = load(configure(tmp_path / "long", upstream.url, **keys), {})
    clock = 1_800_000_000.0
    log = logger(as_json=True)
    with ExitStack() as stack:
        leadership = stack.enter_context(writing(config, daemon=True))
        vitals = Vitals(Lines(log=log), lambda: 0.0)
        jobs = Jobs(config, leadership, vitals, log, Lines(log=log))
        stack.callback(jobs.close)
        jobs.mirror.now = lambda: clock
        early = figures()
        for number in range(CYCLES):
            upstream.tell("turn", number)
            clock += 3600
            if number % 10 == 0:
                jobs.sweep()
                jobs.rehash()
            jobs.sync()
            capsys.readouterr()
            if number == CYCLES // 10:
                early = figures()
        late = figures()
        upstream.tell("rest")
        for _ in range(170):  # the sweep comes by every project, whatever was archived
            clock += 3600
            jobs.sweep()
        clock += 30 * 86400.0
        jobs.sync()
        jobs.sync()
        logged = capsys.readouterr().err
        assert not any(json.loads(line)["event"] == "job" for line in logged.splitlines())
    assert late["threads"] <= early["threads"]
    # One more connection may be kept: its socket, and two files by which libcurl wakes itself.
    assert late["files"] <= early["files"] + 3
    assert late["sockets"] <= early["sockets"] + 1
    assert late["kilobytes"] - early["kilobytes"] < 8_000
    fresh = Bench(tmp_path / "fresh", open_upstream(config, lambda: False), PACKAGES)
    assert fresh.sync().exit_code == 0
    old = Bench(config.destination, MemoryUpstream(World()), {}, url=config.database_url)
    outcomes = {outcome for (outcome,) in old.query("SELECT DISTINCT outcome FROM runs")}
    assert outcomes == {"done", "incomplete", "failed"}
    assert decided(old) == decided(fresh)
    fresh.upstream.close()
