"""What was found, against real pip and uv; ``python -m tests.differential`` draws more."""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.markers import Marker, default_environment
from uv import find_uv_bin

from pypisync.core.standards.requirements import parse_metadata
from pypisync.core.standards.uv_markers import read_by_uv
from pypisync.core.standards.uv_urls import is_read
from tests.differential.cases import Case
from tests.differential.clients import Outcome
from tests.differential.compare import Compared, compared
from tests.differential.found import FOUND
from tests.differential.found_more import MORE
from tests.differential.odd import atom
from tests.sim.server import Server
from tests.sim.world import World

ALL = FOUND | MORE
ATOMS = 400
ADDRESSES = 200


@pytest.mark.long
def test_what_was_wrong_once_is_right(tmp_path: Path) -> None:
    found = {one.case.told[0]: one for one in compared([c for _, c in ALL.values()], tmp_path)}
    assert [str(one) for one in found.values() if any(one.faults())] == []
    assert {told: one.verdict for told, one in found.items()} == {
        told: verdict for told, (verdict, _) in ALL.items()
    }


def test_what_differs_is_seen() -> None:
    some, other = Outcome({"a": "1"}), Outcome({"a": "2"})
    none = Outcome(None)

    def faults(verdict: str, upstream: Outcome, mirror: Outcome) -> int:
        one = Compared(Case("c", ()), verdict, pins={"solver": {"a": "1"}})
        one.upstream = {"pip": some, "uv": upstream}
        one.mirror = {"pip": some, "uv": mirror}
        return len(list(one.faults()))

    assert faults("proven", some, some) == 0
    assert faults("proven", some, other) == 2
    assert faults("proven", none, none) == 1
    assert faults("refuted", none, none) == 1
    assert faults("blocked", none, none) == 0
    assert faults("blocked", some, some) == 1
    assert faults("blocked", none, some) == 0


def test_markers_as_real_uv_reads_them(tmp_path: Path) -> None:
    """One METADATA with many requirements, each under a comparison of its own."""
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    draw = random.Random(seed)
    markers = [one for one in (atom(draw) for _ in range(ATOMS)) if read_by_uv(one) is not None]
    # What no mirror knows may hold.
    markers = [one for one in markers if not re.search("platform.(?:version|release)", one)]
    world = World()
    for i in range(len(markers)):
        world.publish(f"m{i}", "1.0")
    world.publish("app", "1.0", requires=[f"m{i}; {one}" for i, one in enumerate(markers)])
    found = {line.partition("==")[0] for line in _compiled(world, "app", tmp_path)}
    here: dict[str, str] = {**default_environment(), "extra": ""}  # type: ignore[dict-item]
    wrong = [
        (one, read_by_uv(one))
        for i, one in enumerate(markers)
        if (f"m{i}" in found) != (not (read := read_by_uv(one)) or Marker(read).evaluate(here))
    ]
    assert wrong == []


def _address(draw: random.Random) -> str:
    """A requirement with a URL, whose marker does not hold."""
    scheme = draw.choice(
        ["http", "https", "https", "git+https", "git+ssh", "git", "file", "", "HTTP"]
    )
    host = draw.choice(
        ["h.test", "127.0.0.1:9", "u@h.test", "u:p@h.test:80", "h.test:o", "1.2.3.4.5", "xn--a.b"]
    )
    names = ["x", "x y", "..", "a.zip", "x;y", "x@v1", "%2e", "{x}", "x,", "é"]
    path = "".join(f"/{draw.choice(names)}" for _ in range(draw.randrange(3)))
    end = draw.choice(["", ".whl", ".zip", ".tar.gz", ".gz", ".git", ".TAR.gz", ".zip/", ".egg"])
    more = draw.choice(["", "", "?x=.whl", "#egg=x", "#x.whl", ";y"])
    tail = draw.choice([" ; ", " ;", "; "])  # without a blank the marker belongs to it
    front = draw.choice(["dep @ ", "dep@", "dep[x] @"])
    return f"{front}{scheme}{'://' * bool(scheme)}{host}{path}{end}{more}{tail}os_name == 'x'"


def test_addresses_as_real_uv_reads_them(tmp_path: Path) -> None:
    """Each in the METADATA of a release, beside an older one that uv takes if it cannot read it."""
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    draw = random.Random(seed)
    lines = [_address(draw) for _ in range(ADDRESSES)]
    world = World()
    for i, line in enumerate(lines):
        world.publish(f"a{i}", "1.0")
        world.publish(f"a{i}", "2.0", requires=[line])
    taken = _compiled(world, "\n".join(f"a{i}" for i in range(len(lines))), tmp_path)
    read = [parse_metadata(line).fault == "" and is_read(line) for line in lines]
    wrong = [
        (line, read[i])
        for i, line in enumerate(lines)
        if read[i] is not None and (f"a{i}==2.0" in taken) != read[i]
    ]
    assert wrong == []
    assert read.count(True) > ADDRESSES // 20 < read.count(False)


def _compiled(world: World, wanted: str, folder: Path) -> set[str]:
    """What uv pins for these roots."""
    with Server(world) as server:
        done = subprocess.run(
            [
                find_uv_bin(), "pip", "compile", "-", "--default-index", f"{server.url}/simple/",
                "--no-config", "--no-cache", "--python", sys.executable, "--no-header",
                "--no-annotate", "--color", "never",
            ],
            input=wanted, text=True, capture_output=True, check=False,
            env={"PATH": os.defpath, "HOME": str(folder)},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return set(done.stdout.split())
