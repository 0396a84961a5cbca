"""Commands run in this process or in one of their own, on a configuration in a folder."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer import testing
from typer.testing import CliRunner

from pypisync.cli import exits, status
from pypisync.cli.app import app
from pypisync.errors import PypiSyncError
from tests import forked

ROOT = str(Path(__file__).parents[2])
# Made once a process, as in the product: all commands together take seven milliseconds.
testing._get_command = cache(testing._get_command)  # type: ignore[attr-defined]
PRELOADED = forked.Preloaded(path=ROOT)
LINUX = {"python_version": ["3.11"], "sys_platform": ["linux"], "platform_machine": ["x86_64"]}


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The answer."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[list[str]]:
        """The answer's lines, each as its columns."""
        return [line.split("\t") for line in self.out.splitlines()]


def configure(folder: Path, endpoint: str = "http://127.0.0.1:9", **keys: Any) -> Path:
    """Write a configuration for a mirror in ``folder``/data."""
    values: dict[str, Any] = {
        "endpoint": endpoint,
        "destination_folder": "data",
        "environment": LINUX,
        "disk_reserve": "0",
        "grace": "0",
        "retention": "0",
        "upstream": {"pace": 0, "retries": 0},
    }
    if not keys.keys() & {"packages", "packages_re", "requirements"}:
        values["packages"] = {"a": ["latest"]}
    path = folder / "pypisync.json5"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values | keys), encoding="utf-8")
    return path


def invoke(config: Path, *arguments: str) -> Done:
    """Run a command in this process; errors end it as :func:`pypisync.cli.main` has them end."""
    result = CliRunner().invoke(app, [*arguments, "--config", str(config)])
    error = result.exception
    if isinstance(error, PypiSyncError):
        code, err = error.exit_code, f"{result.stderr}{error}\n"
    elif error is not None and not isinstance(error, SystemExit):
        raise error
    else:
        code, err = result.exit_code, result.stderr
    return Done(documented(code, arguments), result.stdout, err)


def documented(code: int, arguments: Sequence[str]) -> int:
    """Returns the exit code, after a look whether the help of the command has it."""
    name = " ".join(arguments[:2]) if arguments[0] == "db" else arguments[0]
    seen = code if code >= 0 else 128 - code  # as a shell sees a process that a signal ended
    assert seen in exits.COMMANDS[name] or seen > 128, f"{name} does not document {code}"
    return code


def ask_at(monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    """Set the time (seconds since 1970) by which ``status`` judges: a bench has its own clock."""
    monkeypatch.setattr(status, "time", SimpleNamespace(time=lambda: now))


def command(config: Path, *arguments: str) -> list[str]:
    """The command line of a process of its own."""
    program = [sys.executable, "-W", "error", "-m", "pypisync"]
    return [*program, *arguments, "--config", str(config)]


def environ() -> Mapping[str, str]:
    """The variables of such a process."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYPISYNC_")}
    return clean | {"PYTHONPATH": ROOT}


def run(config: Path, *arguments: str) -> Done:
    """Run a command in a process of its own."""
    done = subprocess.run(
        command(config, *arguments),
        cwd=config.parent,
        env=environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(documented(done.returncode, arguments), done.stdout, done.stderr)


def fork(config: Path, *arguments: str) -> Done:
    """Run a command in a process of its own that need not import anything: it is forked."""
    words = ["pypisync", *arguments, "--config", str(config)]
    done = forked.run(PRELOADED, words, config.parent, environ())
    return Done(documented(done.returncode, arguments), done.stdout, done.stderr)


def snapshot(folder: Path) -> dict[str, str]:
    """Every file's hash by its path, without the lock and what SQLite shares between readers."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith((".lock", "-wal", "-shm"))
    }
