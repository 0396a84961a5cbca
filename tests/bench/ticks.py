"""Cycles of a mirror that is there: nothing changed, a few projects, many."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import peers
from tests.bench.measure import (
    Cost,
    Remote,
    Setup,
    configure,
    costs,
    folder,
    in_turn,
    run,
    sync,
    upstream,
)
from tests.bench.report import Figures, figure, ratio, remark
from tests.bench.worlds import names
from tests.daemon.process import Running


def nothing_changed(setup: Setup) -> Figures:
    """Nothing has changed, on a mirror of 5,000 projects: a fresh process, and the daemon."""
    count = setup.size(5_000, 10)
    with upstream("small", count) as remote, folder(in_memory=True) as made:
        configure(made, remote.url, dict.fromkeys(names(count), "latest"))
        sync(made)
        return idle(setup, remote, made, list(names(count)))


def idle(setup: Setup, remote: Remote, made: Path, closure: list[str]) -> Figures:
    """What a cycle costs that has nothing to do; bandersnatch's in turn, where it is there."""
    before = remote.said()
    sync(made)
    traffic = remote.said().since(before)
    figures = [*traffic, *counted(made)]
    with daemon(made) as running:
        ticks = [running.tick(setup.size(2, 0)) for _ in range(setup.size(setup.runs * 3, 1))]
    figures += [
        figure("daemon: wall of a tick", [t.wall * 1000 for t in ticks], "ms", 1),
        figure("daemon: cpu of a tick", [t.cpu * 1000 for t in ticks], "ms", 1),
    ]
    if not (setup.peers and peers.version(setup.peers, "bandersnatch")):
        fresh = [sync(made)[0] for _ in range(setup.size(setup.runs * 3, 1))]
        figures = costs("fresh process", fresh) + figures
        return [*figures, remark("bandersnatch", "skipped: not installed (--peers)")]
    other = peers.Bandersnatch(setup.peers, made, remote.url, closure)
    other.mirror(1)
    before = remote.said()
    other.mirror(1)
    received = remote.said().since(before)[1].values[0]
    fresh, theirs = in_turn(setup.runs, lambda: sync(made)[0], lambda: other.mirror(1))
    ours = traffic[1].values[0]
    cpu = sorted(t.cpu for t in ticks)[len(ticks) // 2]
    return [
        *costs("fresh process", fresh),
        *figures,
        *costs("bandersnatch", theirs),
        figure("bandersnatch: received", [received], "MB"),
        figure("bandersnatch's bytes against ours", [received / ours], "times", 0),
        ratio("its cpu against a fresh process", _cpus(theirs), _cpus(fresh)),
        figure("its cpu against the daemon's tick", [c / cpu for c in _cpus(theirs)], "times", 0),
    ]


def increment(setup: Setup) -> Figures:
    """5 of 60 roots changed among 1,000 rows of the changelog; 800 of 5,000 changed."""
    if setup.quick:
        return _increment(setup, "5 of 10", 10, 5, 20)
    return [
        *_increment(setup, "5 of 60", 60, 5, 990),
        *_increment(setup, "800 of 5,000", 5_000, 800, 0),
    ]


def _increment(setup: Setup, label: str, count: int, changed: int, noise: int) -> Figures:
    found: list[Cost] = []
    requests: list[float] = []
    pages: list[float] = []
    with upstream("small", count) as remote, folder(in_memory=True) as made:
        configure(made, remote.url, dict.fromkeys(names(count), "latest"))
        sync(made)
        for turn in range(setup.runs):
            _change(remote, turn, count, changed, noise)
            before = remote.requests()
            cost, report = sync(made)
            found.append(cost)
            requests.append(remote.requests() - before)
            pages.append(report["pages"])
        _change(remote, setup.runs, count, changed, noise)
        written = counted(made)
    note = f"for {changed} projects, as many files and .metadata"
    figures = [
        *costs("", found),
        figure("requests", requests, digits=0, note=note),
        figure("pages written", pages, digits=0),
        *written,
    ]
    return [figure(f"{label}: {f.name}", f.values, f.unit, f.digits, f.note) for f in figures]


def _change(remote: Remote, turn: int, count: int, changed: int, noise: int) -> None:
    if noise:
        remote.do("noise", noise)
    for i in range(changed):
        name = f"project-{(turn * changed + i) % count}"
        remote.do("publish", name, f"2.{turn}", requires=["project-0"])


def counted(made: Path) -> Figures:
    """Run one more cycle, and count what it writes to the database."""
    out = made / "counted.json"
    config = made / "pypisync.json5"
    run([sys.executable, "-m", "tests.bench.probe", out, "sync", "--config", config])
    seen = json.loads(out.read_text(encoding="utf-8"))
    return [
        figure("rows written", [seen.get("rows", 0)], digits=0),
        figure("transactions", [seen.get("commits", 0)], digits=0),
    ]


@dataclass(frozen=True, slots=True)
class Tick:
    """One cycle of a daemon."""

    wall: float  # seconds, by its own clock
    cpu: float  # seconds


class Daemon:
    """A daemon that runs a cycle when it is told to."""

    def __init__(self, running: Running) -> None:
        self._running = running
        running.wait_for("leading")

    def tick(self, pause: float = 0.0) -> Tick:
        """One cycle, after a pause: upstream is called once a second at most."""
        time.sleep(pause)
        before, runs = self._cpu(), len(self._running.events("run"))
        self._running.send(signal.SIGUSR1)
        line = self._running.wait_for("run", runs + 1)
        return Tick(line.get("seconds", 0.0), self._cpu() - before)

    def _cpu(self) -> float:
        """Of all its threads; the first figure is nanoseconds on a processor."""
        tasks = Path(f"/proc/{self._running.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def daemon(made: Path) -> Iterator[Daemon]:
    """``pypisync run`` on the mirror in ``made``, its first cycle done."""
    # Told to nobody: in a queue that is not read, messages would have to wait.
    with Running(made / "pypisync.json5", NOTIFY_SOCKET="") as running:
        found = Daemon(running)
        found.tick(1.0)  # it may begin with one of its own
        yield found


def _cpus(found: list[Cost]) -> list[float]:
    return [cost.cpu for cost in found]
