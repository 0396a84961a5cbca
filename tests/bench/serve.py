"""How fast pages and files are served, beside nginx on the same tree, asked by wrk in turn."""

import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pypisync.core.pages import Page, PageFile
from pypisync.storage.publish import Tree
from tests.acceptance.fronts import free_port, nginx_over, running
from tests.acceptance.product import ROOT
from tests.bench.measure import configure, spread

_PAGES = 500  # projects of 40 files each
_SECONDS = 3
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


def serve(runs: int) -> list[tuple[str, str, str]]:
    """Pages a second and megabytes a second, from memory, on the cores that wrk runs on as well."""
    if not shutil.which("wrk"):
        return [("nothing measured", "-", "there is no wrk on this machine")]
    with tempfile.TemporaryDirectory(prefix="pypisync-bench-") as name:
        made = Path(name)
        port = free_port()
        configure(made, "http://127.0.0.1:9", {}, listen=f"127.0.0.1:{port}")
        pages, files = _publish(made / "mirror")
        asked = {"packed pages": pages, "plain pages": pages}
        asked |= {f"files of {size}": [path] for size, path in files.items()}
        config = str(made / "pypisync.json5")
        command = [sys.executable, "-m", "pypisync", "serve", "--config", config]
        (made / "nginx").mkdir()
        rows = []
        with (
            running(command, port, made, {"PYTHONPATH": str(ROOT)}) as ours,
            nginx_over(made / "mirror", made / "nginx") as nginx,
        ):
            for what, paths in asked.items():
                rows += _compared(runs, what, paths, ours, nginx, made / "ask.lua")
        return rows


def _compared(
    runs: int, what: str, paths: Sequence[str], ours: str, nginx: str, script: Path
) -> list[tuple[str, str, str]]:
    script.write_text(_ASK % ",".join(f'"{path}"' for path in paths), encoding="utf-8")
    is_file = what.startswith("files")
    encoding = "gzip" if what.startswith("packed") else "identity"
    pairs = [
        (
            _wrk(ours, script, encoding, is_file=is_file),
            _wrk(nginx, script, encoding, is_file=is_file),
        )
        for _ in range(runs)
    ]
    unit = "MB/s" if is_file else "/s"
    return [
        (what, spread([pair[0] for pair in pairs], 0), unit),
        (f"{what}, nginx", spread([pair[1] for pair in pairs], 0), unit),
        (f"{what}, ratio", spread([pair[0] / pair[1] for pair in pairs]), "of nginx"),
    ]


def _wrk(address: str, script: Path, encoding: str, *, is_file: bool) -> float:
    """Requests a second, or megabytes a second."""
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{_SECONDS}s", "-s", str(script)]
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


def _publish(root: Path) -> tuple[list[str], dict[str, str]]:
    """A tree of pages and a few files; answers the paths of both."""
    draw = random.Random(9)
    tree = Tree(root)
    names = [f"project-{i}" for i in range(_PAGES)]
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
