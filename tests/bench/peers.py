"""What a user would run instead, where it can be installed: bandersnatch and morgan, and curl.

They are put into a virtual environment of their own, and only on request. Neither is made to look
worse: bandersnatch gets as many workers as the product has, and the closure as its list of
projects, for it cannot find it. A mirror of theirs counts only when its files are there.
"""

import configparser
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.bench.measure import Cost, run

WORKERS = 10
_PYTHONS = ("python3.14", "python3.13", "python3.12")  # bandersnatch 8 wants 3.12 or newer


def install(folder: Path) -> None:
    """Make the environment, with whatever of them can be installed."""
    python = next((found for name in _PYTHONS if (found := _python(name))), sys.executable)
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    for name in ("bandersnatch", "morgan"):
        done = subprocess.run(
            [folder / "bin" / "python", "-m", "pip", "install", "--quiet", name], check=False
        )
        if done.returncode:
            print(f"{name} cannot be installed", file=sys.stderr)


def _python(name: str) -> str | None:
    """A Python that really runs: a version manager's stand-in may not."""
    found = shutil.which(name)
    if found is None:
        return None
    done = subprocess.run([found, "-c", "import venv"], capture_output=True, check=False)
    return found if done.returncode == 0 else None


def version(folder: Path | None, name: str) -> str | None:
    """The version of a peer; None if it is not there."""
    program = folder and folder / "bin" / name
    if folder is None or program is None or not program.exists():
        return None
    done = subprocess.run(
        [folder / "bin" / "python", "-c",
         f"from importlib.metadata import version; print(version({name!r}))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


class Bandersnatch:
    """A mirror by bandersnatch below ``folder``."""

    def __init__(self, peers: Path, folder: Path, endpoint: str, projects: Iterable[str]) -> None:
        self.tree = folder / "bandersnatch"
        self._program = peers / "bin" / "bandersnatch"
        self._config = folder / "bandersnatch.conf"
        config = configparser.ConfigParser()
        config["mirror"] = {
            "directory": str(self.tree),
            "master": endpoint,
            "allow-non-https": "true",
            "json": "false",
            "release-files": "true",
            "cleanup": "false",
            "timeout": "30",
            "global-timeout": "18000",
            "workers": str(WORKERS),
            "hash-index": "false",
            "simple-format": "ALL",
            "stop-on-error": "true",
            "storage-backend": "filesystem",
            "verifiers": "3",
            "compare-method": "hash",
            "log-config": "",
        }
        config["plugins"] = {"enabled": "\nallowlist_project"}
        config["allowlist"] = {"packages": "\n" + "\n".join(projects)}
        with self._config.open("w", encoding="utf-8") as file:
            config.write(file)

    def mirror(self, files: int) -> Cost:
        """One run. Raises RuntimeError if fewer than so many files are there afterwards."""
        cost = run([self._program, "-c", self._config, "mirror"])
        found = distributions(self.tree / "web" / "packages")
        if found < files:
            raise RuntimeError(f"bandersnatch brought {found} of {files} files: {cost.output}")
        return cost


_MORGAN = """
[env.linux]
os_name = posix
sys_platform = linux
platform_machine = x86_64
platform_python_implementation = CPython
platform_system = Linux
platform_release = 6.1
python_version = 3.11
python_full_version = 3.11.7
implementation_name = cpython
implementation_version = 3.11.7

[requirements]
"""


def morgan(peers: Path, folder: Path, endpoint: str, roots: Iterable[str], files: int) -> Cost:
    """A mirror by morgan, made anew. Raises RuntimeError if files are missing afterwards."""
    made = folder / "morgan"
    made.mkdir()
    lines = [f"{name} = >=0" for name in roots]
    (made / "morgan.ini").write_text(_MORGAN + "\n".join(lines), encoding="utf-8")
    program = peers / "bin" / "morgan"
    cost = run([program, "-i", made, "-I", f"{endpoint}/simple", "--skip-server-copy", "mirror"])
    found = distributions(made)
    if found < files:
        raise RuntimeError(f"morgan brought {found} of {files} files: {cost.output[-2000:]}")
    return cost


def curl(made: Path, url: str, paths: Sequence[str]) -> Cost:
    """The floor: the same files by curl, hashed by sha256sum, and on the disk."""
    made.mkdir()
    lines = [f'url = "{url}/{path}"\noutput = "{made / Path(path).name}"' for path in paths]
    (made / "list").write_text("\n".join(lines), encoding="utf-8")
    fetch = f"curl -sS --parallel --parallel-max {WORKERS} --config {made / 'list'}"
    return run(["sh", "-c", f"{fetch} && cd {made} && sha256sum *.whl > sums && sync -f sums"])


def distributions(tree: Path) -> int:
    """How many wheels and sdists lie below a folder."""
    return sum(
        name.endswith((".whl", ".tar.gz")) for _, _, names in os.walk(tree) for name in names
    )
