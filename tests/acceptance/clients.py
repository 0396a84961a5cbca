"""Real pip and real uv, with nothing but one index.

No configuration of the machine, no cache, no environment variable that either of them reads: what
they find, they find on the index given to them.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Literal

from uv import find_uv_bin

from tests import forked

Done = subprocess.CompletedProcess[str]
Client = Literal["pip", "uv"]
CLIENTS: tuple[Client, ...] = ("pip", "uv")
_PYTHON = sys.executable
_PIP = forked.Preloaded(
    ("pip._internal.commands.install", "pip._internal.resolution.resolvelib.resolver"), options=()
)


def clean_environment(home: Path) -> dict[str, str]:
    """An environment in which neither pip nor uv finds any settings."""
    return {
        "PATH": os.defpath,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PIP_CONFIG_FILE": os.devnull,
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
    }


def run(command: Sequence[str], folder: Path, more: Mapping[str, str] | None = None) -> Done:
    """Run a command in ``folder`` with a clean environment; its output is captured."""
    return subprocess.run(
        command,
        cwd=folder,
        env=clean_environment(folder) | dict(more or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def uv(folder: Path, *arguments: str) -> Done:
    """Run uv, which must succeed."""
    done = try_uv(folder, *arguments)
    assert done.returncode == 0, f"uv {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done


def try_uv(folder: Path, *arguments: str) -> Done:
    """Run uv."""
    return run([find_uv_bin(), *arguments, "--no-config", "--no-cache"], folder)


def install(client: Client, index: str, folder: Path, *arguments: str) -> dict[str, str]:
    """Install requirements into an empty folder. Returns the version of every project installed.

    ``arguments`` are requirements and further options.
    """
    done = try_install(client, index, folder, *arguments)
    assert done.returncode == 0, f"{client} {arguments}\n{done.stdout}\n{done.stderr}"
    return {found.name: found.version for found in distributions(path=[str(folder / "target")])}


def try_install(client: Client, index: str, folder: Path, *arguments: str) -> Done:
    """The same, whether or not it succeeds."""
    folder.mkdir(parents=True, exist_ok=True)
    if client == "uv":
        options = ["--default-index", index, "--python", _PYTHON, "--target", "target"]
        return try_uv(folder, "pip", "install", *options, *arguments)
    options = ["--isolated", "--no-cache-dir", "--disable-pip-version-check", "--no-input"]
    options += ["--retries", "0", "--index-url", index, "--target", "target"]
    return forked.run(
        _PIP, ["pip", "install", *options, *arguments], folder, clean_environment(folder), 300
    )
