"""The workloads. Each answers rows of (figure, value, unit or remark)."""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import serve
from tests.bench.measure import Cost, Remote, configure, pypisync, run, spread, upstream

Rows = list[tuple[str, str, str]]


@contextmanager
def folder(in_memory: bool) -> Iterator[Path]:
    """A place for a mirror: on the disk, or in memory, where the disk is not what is measured."""
    memory = Path("/dev/shm")
    where = str(memory) if in_memory and memory.is_dir() else None
    made = Path(tempfile.mkdtemp(prefix="pypisync-bench-", dir=where))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def initial_small(runs: int) -> Rows:
    """First sync of 5,000 small projects, everything included."""
    rows: Rows = []
    with upstream("small") as remote:
        packages = {f"project-{i}": "latest" for i in range(5_000)}
        for where, in_memory in (("in memory", True), ("on the disk", False)):
            costs, requests = _first_syncs(remote, packages, runs, in_memory=in_memory)
            each = [cost.cpu / requests * 1000 for cost in costs]
            rows += [
                (f"wall, tree {where}", spread([cost.wall for cost in costs]), "s"),
                (f"cpu, tree {where}", spread([cost.cpu for cost in costs]), "s"),
                (f"cpu a request, tree {where}", spread(each), f"ms of {requests} requests"),
                (f"peak, tree {where}", spread([cost.peak for cost in costs], 0), "MiB"),
            ]
    return rows


def _first_syncs(
    remote: Remote, packages: dict[str, str], runs: int, *, in_memory: bool
) -> tuple[list[Cost], int]:
    costs, requests = [], 0
    for _ in range(runs):
        with folder(in_memory) as made:
            configure(made, remote.url, packages)
            before = remote.requests()
            costs.append(pypisync(made, "sync"))
            requests = remote.requests() - before
    return costs, requests


def initial_large(runs: int) -> Rows:
    """First sync of 250 files with 400 MB, against curl and sha256sum on the same files."""
    ours, floor = [], []
    with upstream("large") as remote:
        packages = {f"project-{i}": "latest" for i in range(230)}
        for _ in range(runs):
            with folder(False) as made:
                configure(made, remote.url, packages)
                ours.append(pypisync(made, "sync"))
                paths = sorted((made / "mirror" / "packages").rglob("*.whl"))
                sizes = sum(path.stat().st_size for path in paths)
                urls = [str(path.relative_to(made / "mirror")) for path in paths]
                floor.append(_curl(made / "curl", remote.url, urls))
    ratios = [a.wall / b.wall for a, b in zip(ours, floor, strict=True)]
    return [
        ("files", str(len(urls)), f"with {sizes / 1e6:.0f} MB"),
        ("wall", spread([cost.wall for cost in ours]), "s"),
        ("wall of curl and sha256sum", spread([cost.wall for cost in floor]), "s"),
        ("ratio", spread(ratios), "times"),
        ("cpu", spread([cost.cpu for cost in ours]), "s"),
        ("cpu of curl and sha256sum", spread([cost.cpu for cost in floor]), "s"),
    ]


def _curl(made: Path, url: str, paths: list[str]) -> Cost:
    made.mkdir()
    lines = [f'url = "{url}/{path}"\noutput = "{made / Path(path).name}"' for path in paths]
    (made / "list").write_text("\n".join(lines), encoding="utf-8")
    fetch = f"curl -sS --parallel --parallel-max 10 --config {made / 'list'}"
    return run(["sh", "-c", f"{fetch} && cd {made} && sha256sum *.whl > sums && sync -f sums"])


def nothing_changed(runs: int) -> Rows:
    """A fresh process when nothing has changed, on a mirror of 5,000 projects."""
    with upstream("small") as remote, folder(True) as made:
        configure(made, remote.url, {f"project-{i}": "latest" for i in range(5_000)})
        pypisync(made, "sync")
        before = remote.requests()
        costs = [pypisync(made, "sync") for _ in range(runs * 3)]
        requests = (remote.requests() - before) / len(costs)
    return [
        ("wall", spread([cost.wall for cost in costs]), "s"),
        ("cpu", spread([cost.cpu for cost in costs]), "s"),
        ("peak", spread([cost.peak for cost in costs], 0), "MiB"),
        ("requests", f"{requests:g}", ""),
    ]


def increment(runs: int) -> Rows:
    """5 of 60 roots changed among 1,000 rows of the changelog, as a fresh process."""
    costs, requests = [], []
    with upstream("sixty") as remote, folder(True) as made:
        configure(made, remote.url, {f"project-{i}": "latest" for i in range(60)})
        pypisync(made, "sync")
        for turn in range(runs * 3):
            remote.do("noise", 990)
            for i in range(5):
                name = f"project-{(turn * 5 + i) % 60}"
                remote.do("publish", name, f"2.{turn}", requires=["project-0"])
            before = remote.requests()
            costs.append(pypisync(made, "sync"))
            requests.append(remote.requests() - before)
    return [
        ("wall", spread([cost.wall for cost in costs]), "s"),
        ("cpu", spread([cost.cpu for cost in costs]), "s"),
        ("requests", spread(requests, 0), "for 5 projects, 5 files, 5 .metadata"),
    ]


def closure_on_facts(runs: int) -> Rows:
    """5,000 roots with 50,000 edges: from scratch, and after 5 and 100 changed projects."""
    # In a process of its own: what this one has in memory would count as its children's peak.
    done = run([sys.executable, "-m", "tests.bench.closure", str(runs)])
    return [(figure, value, unit) for figure, value, unit in json.loads(done.output)]


def start_up(runs: int) -> Rows:
    """The commands that people wait for."""
    with upstream("sixty") as remote, folder(True) as made:
        configure(made, remote.url, {f"project-{i}": "latest" for i in range(60)})
        pypisync(made, "sync")
        helps = [run(["python3", "-c", "pass"]) for _ in range(runs * 3)]
        rows = [("python3 -c pass", spread([c.wall * 1000 for c in helps], 0), "ms")]
        for words in (["--help"], ["status"], ["check"]):
            costs = [_command(made, words) for _ in range(runs * 3)]
            rows.append((" ".join(words), spread([c.wall * 1000 for c in costs], 0), "ms"))
    return rows


def _command(made: Path, words: list[str]) -> Cost:
    if words == ["--help"]:
        return run([sys.executable, "-m", "pypisync", "--help"])
    return pypisync(made, *words)


WORKLOADS: dict[str, Callable[[int], Rows]] = {
    "initial-small": initial_small,
    "initial-large": initial_large,
    "nothing-changed": nothing_changed,
    "increment": increment,
    "closure": closure_on_facts,
    "start-up": start_up,
    "serve": serve.serve,
}
