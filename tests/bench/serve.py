"""How fast pages and files are served, beside nginx on the same tree, asked by wrk in turn."""

import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pypisync.core.publish.pages import Page, PageFile
from pypisync.storage.tree import Tree
from tests.acceptance.fronts import find_program, free_port, nginx_over, running
from tests.acceptance.product import ROOT
from tests.bench.measure import Setup, configure, in_turn
from tests.bench.report import Figures, figure, ratio, remark

_CONNECTIONS = 16
_SIZES = {"64 KiB": 2**16, "1 MiB": 2**20, "32 MiB": 2**25}
_PIP = "application/vnd.pypi.simple.v1+json, text/html; q=0.01"
_ASK = """
local paths = {%s}
local next = 0
function request()
    next = next %% #paths + 1
    return wrk.format("GET", paths[next])
end
"""


def serve(setup: Setup) -> Figures:
    """Pages a second and megabytes a second, from memory, on the cores that wrk runs on as well."""
    for program in ("wrk", "nginx"):
        if not find_program(program):
            return [remark("pages and files", f"skipped: there is no {program} on this machine")]
    with tempfile.TemporaryDirectory(prefix="pypisync-bench-") as name:
        made = Path(name)
        port = free_port()
        configure(made, "http://127.0.0.1:9", {"a": "latest"}, listen=f"127.0.0.1:{port}")
        pages, files = _publish(made / "mirror", setup.size(500, 20))
        asked = {"packed pages": pages, "plain pages": pages}
        asked |= {f"files of {size}": [path] for size, path in files.items()}
        config = str(made / "pypisync.json5")
        command = [sys.executable, "-m", "pypisync", "serve", "--config", config]
        (made / "nginx").mkdir()
        rows: Figures = []
        with (
            running(command, port, made, {"PYTHONPATH": str(ROOT)}) as ours,
            nginx_over(made / "mirror", made / "nginx") as nginx,
        ):
            for what, paths in list(asked.items())[: setup.size(5, 1)]:
                rows += _compared(setup, what, paths, ours, nginx, made / "ask.lua")
        return rows


def _compared(
    setup: Setup, what: str, paths: Sequence[str], ours: str, nginx: str, script: Path
) -> Figures:
    script.write_text(_ASK % ",".join(f'"{path}"' for path in paths), encoding="utf-8")
    is_file = what.startswith("files")
    encoding = "gzip" if what.startswith("packed") else "identity"
    seconds = setup.size(3, 1)
    mine, theirs = in_turn(
        setup.runs,
        lambda: _wrk(ours, script, encoding, seconds, is_file=is_file),
        lambda: _wrk(nginx, script, encoding, seconds, is_file=is_file),
    )
    unit = "MB/s" if is_file else "/s"
    return [
        figure(what, mine, unit, 0),
        figure(f"{what}, nginx", theirs, unit, 0),
        ratio(f"{what}, of nginx's", mine, theirs),
    ]


def _wrk(address: str, script: Path, encoding: str, seconds: int, *, is_file: bool) -> float:
    """Requests a second, or megabytes a second."""
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "-s", str(script)]
    command += ["-H", f"Accept: {_PIP}", "-H", f"Accept-Encoding: {encoding}", address]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout:
        raise RuntimeError(done.stdout)
    [(rate,), (amount, unit)] = (
        re.findall(r"Requests/sec: +([\d.]+)()", done.stdout)[0][:1],
        re.findall(r"Transfer/sec: +([\d.]+)([KMG]?B)", done.stdout)[0],
    )
    factors = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}
    return float(amount) * factors[unit] / 1e6 if is_file else float(rate)


def _publish(root: Path, count: int) -> tuple[list[str], dict[str, str]]:
    """Pages of 40 files each, and a few files. Returns the paths of both."""
    draw = random.Random(9)
    tree = Tree(root)
    names = [f"project-{i}" for i in range(count)]
    with tree.batch():
        for name in names:
            tree.write_page(Page(name, 1, "active", None, tuple(_files(name, draw))))
    tree.write_root([(name, 1) for name in names], 1)
    files = {}
    for shown, size in _SIZES.items():
        path = root / "packages" / "aa" / "bb" / str(size) / f"a-{size}-py3-none-any.whl"
        path.parent.mkdir(parents=True)
        path.write_bytes(draw.randbytes(size))
        files[shown] = f"/{path.relative_to(root)}"
    return [f"/simple/{name}/" for name in names], files


def _files(name: str, draw: random.Random) -> list[PageFile]:
    found = []
    for i in range(40):
        version, digest = f"1.{i}", draw.randbytes(32).hex()
        filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        path = f"packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{filename}"
        uploaded = "2025-07-01T12:00:00.123456Z"
        metadata = draw.randbytes(32).hex()
        found.append(
            PageFile(
                filename, version, path, digest, 10_000, uploaded, ">=3.9", None, metadata, None
            )
        )
    return found
