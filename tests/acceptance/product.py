"""The product as its users get it: the built wheel in an environment of its own.

Its dependencies are those of the environment the tests run in, behind its own packages; so nothing
is downloaded, and ``import pypisync`` can only come from the wheel.
"""

import json
import os
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import forked
from tests.acceptance.clients import Done, clean_environment, run, uv

ROOT = Path(__file__).parents[2]


def build_wheel(folder: Path, checkout: Path = ROOT) -> Path:
    """Build the project's wheel into ``folder``."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = run(command, checkout)
    assert done.returncode == 0, done.stderr
    [wheel] = folder.glob("*.whl")
    return wheel


@dataclass(frozen=True)
class Product:
    """A virtual environment with the wheel; commands run from an empty folder."""

    folder: Path

    @classmethod
    def install(cls, wheel: Path, folder: Path) -> "Product":
        """Make the environment and install the wheel into it."""
        venv, empty = folder / "venv", folder / "empty"
        empty.mkdir()
        uv(empty, "venv", "--python", sys.executable, str(venv))
        uv(empty, "pip", "install", "--offline", "--no-deps", "--python", str(venv), str(wheel))
        [packages] = venv.glob("lib/python3*/site-packages")
        behind = sysconfig.get_path("purelib")
        (packages / "behind.pth").write_text(f"{behind}\n", encoding="utf-8")
        return cls(folder)

    def python(self, code: str) -> Done:
        """Run Python code in the environment."""
        return run([str(self.folder / "venv/bin/python"), "-W", "error", "-c", code], self.empty)

    def start(self, *arguments: str, **environment: str) -> Done:
        """Run a command of the command line as its users do."""
        command = [str(self.folder / "venv/bin/pypisync"), *arguments]
        return run(command, self.empty, {"PYTHONWARNINGS": "error"} | environment)

    def pypisync(self, *arguments: str) -> Done:
        """Run it in a process that need not import anything."""
        environment = clean_environment(self.empty) | {"PYTHONWARNINGS": "error"}
        return forked.run(self.preloaded, ["pypisync", *arguments], self.empty, environment, 300)

    @property
    def preloaded(self) -> forked.Preloaded:
        """The interpreter of the environment, with all that commands import."""
        return forked.Preloaded(python=str(self.folder / "venv/bin/python"))

    @property
    def empty(self) -> Path:
        """A folder with nothing in it."""
        return self.folder / "empty"


@dataclass
class Mirror:
    """A mirror that the product keeps in a folder; ``keys`` are those of its configuration."""

    product: Product
    folder: Path
    keys: dict[str, Any] = field(default_factory=dict)

    @property
    def tree(self) -> Path:
        """What a web server serves."""
        return self.folder / "data"

    @property
    def configuration(self) -> Path:
        """The configuration, as it is now."""
        path = self.folder / "pypisync.json5"
        self.folder.mkdir(parents=True, exist_ok=True)
        # Of the local disk and a loopback upstream nothing need be spared.
        spared: dict[str, Any] = {"disk_reserve": 0, "upstream": {"pace": 0}}
        path.write_text(json.dumps(spared | self.keys), encoding="utf-8")
        return path

    def sync(self, code: int = 0) -> Done:
        """Run one cycle as a process that must end with this exit code."""
        done = self.product.pypisync("sync", "--config", str(self.configuration))
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def stamps(self) -> Mapping[str, tuple[int, int]]:
        """Inode and time of modification of every published file."""
        found = {}
        for path in sorted(self.tree.rglob("*")):
            parts = path.relative_to(self.tree).parts
            if path.is_file() and parts[0] in ("simple", "packages"):
                stat = path.stat()
                found["/".join(parts)] = (stat.st_ino, stat.st_mtime_ns)
        return found


def environment_of_this_machine(*more_pythons: str) -> dict[str, list[str]]:
    """The configuration's ``environment`` for the Python that runs the tests, and more Pythons."""
    return {
        "python_version": [f"{sys.version_info[0]}.{sys.version_info[1]}", *more_pythons],
        "implementation_name": ["cpython"],
        "sys_platform": ["linux"],
        "platform_machine": [os.uname().machine],
        "extra": [],
    }
