"""What the opt-in test mirrors of the index that pip is configured for on this machine.

Every list is small enough for all of it together to stay below five hundred projects, where the
configuration stops the cycle.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from uv import find_uv_bin

from pypisync.upstream.api import DEFAULT_ENDPOINT
from tests.acceptance.clients import Done, clean_environment
from tests.acceptance.serving import JSON

ROOTS = (
    *("aiohttp", "ansible-lint", "beautifulsoup4", "black", "boto3", "celery[redis]"),
    *("cryptography", "dask", "django", "fastapi[standard]", "flask", "httpx[http2]"),
    *("jupyterlab", "lxml", "matplotlib", "mypy", "numpy", "pandas", "pillow", "poetry"),
    *("psycopg[binary]", "pydantic", "pytest", "requests[socks]", "rich", "scikit-learn"),
    *("scrapy", "sphinx", "sqlalchemy", "tox", "typer", "uvicorn[standard]"),
)
# A requirements file of twenty lines; what it asks for must be installable together.
GROUP = """\
alembic>=1.13
apscheduler<4
argon2-cffi
babel
cachetools<6
dnspython
docker
gunicorn
itsdangerous
jsonschema[format]
kombu
marshmallow<4
openpyxl
orjson
paramiko
prometheus-client
pyjwt[crypto]
python-multipart
ruamel.yaml
tenacity!=8.4.0
"""
PROJECT = """\
[project]
name = "ours"
version = "1"
requires-python = "=={minor}.*"
dependencies = [
    "attrs", "click<8.2", "httpx", "jinja2<3.2", "msgpack", "pyyaml", "structlog", "zstandard",
]
[tool.uv]
package = false
environments = ["sys_platform == 'linux' and platform_machine == '{machine}'"]
"""
# Their makers' own index has local versions of them (+cpu); an index like PyPI admits none.
WITH_LOCAL_VERSIONS = ("torch", "torchvision")
MOST_PROJECTS = 500
# What a client needs to reach the index from this machine; everything else is left out.
_PASSED_ON = ("ssl_cert", "requests_ca_bundle", "curl_ca_bundle", "pip_cert", "pip_client_cert")


def address() -> str:
    """The address of the simple index that pip uses on this machine."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = os.environ.get("PIP_INDEX_URL") or done.stdout.strip() or f"{DEFAULT_ENDPOINT}/simple"
    return found.rstrip("/") + "/"


def cache() -> Path:
    """The folder that keeps what was fetched, for the next try."""
    given = os.environ.get("PYPISYNC_REAL_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(given) / "index" if given else base / "pypisync-tests" / "index"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def network() -> dict[str, str]:
    """The variables of this machine that say how the network is reached."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.lower().startswith(_PASSED_ON) or name.lower().endswith("_proxy")
    }


@dataclass(frozen=True)
class Figures:
    """What a process took."""

    wall: float  # seconds
    cpu: float  # seconds, user and system
    memory: float  # MiB at most


def measured(command: Sequence[str], folder: Path) -> tuple[Done, Figures]:
    """Run a command, however long it takes."""
    start = time.monotonic()
    out, errors = folder / "stdout", folder / "stderr"
    with out.open("wb") as stdout, errors.open("wb") as stderr:
        environment = clean_environment(folder) | network()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=stdout, stderr=stderr,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    took = Figures(
        round(time.monotonic() - start, 1),
        round(usage.ru_utime + usage.ru_stime, 1),
        round(usage.ru_maxrss / 1024, 1),
    )
    done = subprocess.CompletedProcess(
        command, process.returncode, out.read_text("utf-8"), errors.read_text("utf-8")
    )
    return done, took


@dataclass(frozen=True)
class Clients:
    """pip and uv as they stand before one index, with what was uploaded before a moment."""

    index: str
    before: str
    folder: Path  # keeps what they fetch

    def uv_pins(self, text: str, folder: Path) -> dict[str, str]:
        """What ``uv pip compile`` makes of requirements: versions by normalised name."""
        (folder / "asked.in").write_text(text, encoding="utf-8")
        done = self._run(
            [
                *(find_uv_bin(), "pip", "compile", "asked.in", "--default-index", self.index),
                *("--python", sys.executable, "--no-annotate", "--no-header", "--no-config"),
                *("--exclude-newer", self.before, "--cache-dir", str(self.folder / "uv")),
            ],
            folder,
        )
        pins = [Requirement(line) for line in done.stdout.splitlines()]
        return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}

    def pip_pins(self, text: str, folder: Path) -> dict[str, str]:
        """What ``pip install`` would install for requirements: versions by normalised name."""
        (folder / "asked.txt").write_text(text, encoding="utf-8")
        done = self._run(
            [
                *(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"),
                *("--quiet", "--report", "-", "--index-url", self.index, "-r", "asked.txt"),
                *("--uploaded-prior-to", self.before, "--cache-dir", str(self.folder / "pip")),
                *("--disable-pip-version-check", "--no-input"),
            ],
            folder,
        )
        found = (item["metadata"] for item in json.loads(done.stdout)["install"])
        return {canonicalize_name(one["name"]): one["version"] for one in found}

    def lock(self, folder: Path) -> None:
        """Run ``uv lock`` in a folder with a project."""
        self._run(
            [
                *(find_uv_bin(), "lock", "--default-index", self.index, "--no-config"),
                *("--python", sys.executable, "--exclude-newer", self.before),
                *("--cache-dir", str(self.folder / "uv")),
            ],
            folder,
        )

    def _run(self, command: Sequence[str], folder: Path) -> Done:
        environment = clean_environment(folder) | network()
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done


def write_project(folder: Path) -> Path:
    """A project for ``uv lock``; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    text = PROJECT.format(minor=minor, machine=os.uname().machine)
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder


def replace_addresses(lock: Path, index: str) -> None:
    """Replace the hosts in a ``uv.lock`` by the mirror's, whose paths are the same."""
    host = index.removesuffix("/simple/")
    text = lock.read_text(encoding="utf-8")
    text = re.sub(r'"https?://[^"/]+(/packages/)', rf'"{host}\1', text)
    lock.write_text(re.sub(r'registry = "[^"]+"', f'registry = "{index}"', text), encoding="utf-8")


def has_local_versions(index: str, name: str) -> bool:
    """Whether the index lists local versions of a project."""
    answer = requests.get(
        f"{index}{name}/", headers={"Accept": f"{JSON}, text/html; q=0.1"}, timeout=60
    )
    return answer.ok and bool(re.search(r"-\d[\w.]*(\+|%2B)\w", answer.text))
