"""What mirrors of a mirror cost it: the journal, the list of projects, and a few changes.

``python -m tests.bench.follow`` prints the figures of all of it.
"""

import re
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from pypisync.catalog.publication import generations
from pypisync.core.publish.pages import Page, PageFile
from pypisync.cycle.publish import write_generation
from pypisync.upstream.client import HttpUpstream, Settings
from tests.acceptance.fronts import free_port, running
from tests.acceptance.product import ROOT
from tests.bench.measure import Setup, configure, folder
from tests.bench.report import Figures, figure
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

_JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
_CHANGED = 5


def follow(setup: Setup) -> Figures:
    """A page of the journal, the list of all, and 5 of 5,000 projects that change, at the tail."""
    figures: Figures = []
    for count in (setup.size(5_000, 20), setup.size(100_000, 40)):
        with folder() as made:
            _published(made / "mirror", count)
            with _served(made) as address:
                figures += _asked(setup, address, count)
    with folder() as made:
        figures += _increments(setup, made, setup.size(5_000, 20))
    return figures


def _published(made: Path, count: int) -> None:
    """A mirror that lists so many projects, and stores no file."""
    made.mkdir()
    bench = Bench(made, MemoryUpstream(World()), {})
    catalog = bench.catalog()
    mirror = bench.mirror(catalog)
    pages: dict[str, Page | None] = {f"project-{n}": _page(f"project-{n}") for n in range(count)}
    with catalog.begin() as connection:
        number = generations.publish(connection, pages, 1, time.time())
    write_generation(mirror, number)


def _page(name: str) -> Page:
    filename = f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
    path = f"packages/aa/bb/{'c' * 60}/{filename}"
    file = PageFile(filename, "1.0", path, "0" * 64, 1, None, None, None, None, None)
    return Page(name, 0, "active", None, (file,))


def _served(made: Path) -> AbstractContextManager[str]:
    port = free_port()
    database = f"sqlite:///{made / 'mirror' / 'catalog.sqlite'}"
    listen = f"127.0.0.1:{port}"
    configure(made, "http://127.0.0.1:9", {"a": "latest"}, database=database, listen=listen)
    command = [sys.executable, "-m", "pypisync", "serve", "--config", str(made / "pypisync.json5")]
    return running(command, port, made, {"PYTHONPATH": str(ROOT)})


def _asked(setup: Setup, address: str, count: int) -> Figures:
    def call(method: str, value: str = "") -> int:
        body = f"<methodCall><methodName>{method}</methodName><params>{value}</params></methodCall>"
        headers = {"Content-Type": "text/xml"}
        reply = requests.post(f"{address}/pypi", body, headers=headers, timeout=60)
        return len(reply.content)

    zero = "<param><value><int>0</int></value></param>"
    ways: dict[str, Callable[[], int]] = {
        "changelog_last_serial": lambda: call("changelog_last_serial"),
        f"journal, {min(count, 50_000):,} rows": lambda: call("changelog_since_serial", zero),
        "list_packages_with_serial": lambda: call("list_packages_with_serial"),
        "list of projects in JSON": lambda: len(
            requests.get(f"{address}/simple/", headers=_JSON, timeout=60).content
        ),
    }
    figures = []
    for name, way in ways.items():
        way()
        took = []
        for _ in range(setup.runs):
            start = time.perf_counter()
            size = way()
            took.append((time.perf_counter() - start) * 1000)
        note = f"{size / 2**20:.1f} MiB unpacked"
        figures.append(figure(f"{count:,} projects: {name}", took, "ms", 1, note))
    return figures


def _increments(setup: Setup, made: Path, count: int) -> Figures:
    world = World()
    names = [f"p{number}" for number in range(count)]
    for name in names:
        world.publish(name, "1.0")
    roots = {name: ["latest"] for name in names}
    head = Bench(made / "mirror", MemoryUpstream(world), roots)
    head.sync()
    with _served(made) as address:
        end = Bench(made / "end", _upstream(address), roots)
        start = time.perf_counter()
        end.sync()
        first = time.perf_counter() - start
        took, asked = [], []
        for turn in range(setup.runs):
            for name in names[turn * _CHANGED : (turn + 1) * _CHANGED]:
                world.publish(name, "2.0")
            head.sync()
            before, start = _requests(address), time.perf_counter()
            assert end.sync().generation
            took.append(time.perf_counter() - start)
            asked.append(_requests(address) - before)
        start = time.perf_counter()
        end.sync()
        quiet = time.perf_counter() - start
    what = f"tail of {count:,} projects"
    return [
        figure(f"{what}: first sync", [first], "s"),
        figure(f"{what}: {_CHANGED} changed: wall", took, "s"),
        figure(f"{what}: {_CHANGED} changed: requests", asked, "requests", 0),
        figure(f"{what}: nothing changed: wall", [quiet * 1000], "ms", 0),
    ]


def _upstream(address: str) -> HttpUpstream:
    return HttpUpstream(Settings(endpoint=address, pace=0.0, timeout=30.0, workers=10))


def _requests(address: str) -> float:
    """Every request for pages, files and calls that was answered."""
    text = requests.get(f"{address}/metrics", timeout=20).text
    rows = re.findall(r'requests_total\{kind="(\w+)",status="\d+"\} (\S+)', text)
    return sum(float(number) for kind, number in rows if kind != "metrics")


if __name__ == "__main__":
    for found in follow(Setup(runs=3)):
        print(found.name, found.values, found.unit, found.note)
