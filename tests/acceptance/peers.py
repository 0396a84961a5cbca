"""Other index servers, as users run them: each in an environment of its own, as a real process.

They are installed from PyPI once and kept in the user's cache, for their requirements conflict with
each other's. Where they cannot be installed (no network, no Python that they run on) the tests are
skipped with the reason.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from uv import find_uv_bin

from tests.acceptance.clients import run
from tests.acceptance.fronts import free_port, running
from tests.acceptance.serving import serve
from tests.bench.peers import Bandersnatch
from tests.sim.server import Server
from tests.sim.world import World

# What is installed for each, and the oldest Python that it runs on.
PINS: Mapping[str, tuple[tuple[str, ...], tuple[int, int]]] = {
    "bandersnatch": (("bandersnatch==8.2.0",), (3, 12)),
    "devpi": (("devpi-server==6.20.3",), (3, 11)),
    "poetry": (("poetry==2.1.4",), (3, 9)),
    "proxpi": (("proxpi==1.3.1",), (3, 11)),
    "pypiserver": (("pypiserver==2.4.2",), (3, 11)),
    "simple-repository-server": (("simple-repository-server==0.10.0",), (3, 11)),
}

SERVERS = sorted(PINS.keys() - {"poetry"})


def nothing(*_: object) -> None:
    """What most peers need to be told: they see what is in the folder, or ask the world."""


@dataclass
class Peer:
    """A running peer that serves the files of ``folder`` (a folder a project) or of ``world``."""

    root: str  # the address of its index's root
    folder: Path
    world: World = field(default_factory=World)
    added: Callable[[str, str, Path], None] = nothing  # tells it of a file
    removed: Callable[[str, str], None] = nothing  # tells it of a release that has gone

    def publish(self, name: str, version: str, *requires: str, sdist: bool = False) -> None:
        """Add a release: a wheel, or an sdist that brings its own build backend."""
        self.world.publish(
            name,
            version,
            requires=requires,
            sdist=sdist,
            wheels=() if sdist else ("py3-none-any",),
            build_requires=() if sdist else None,
        )
        [file] = self.world.project(name).releases[version].files
        place = self.folder / name / file.filename
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.built.content)
        self.added(name, version, place)

    def remove(self, name: str, version: str) -> None:
        """Remove a release."""
        [file] = self.world.project(name).releases[version].files
        self.world.remove_release(name, version)
        (self.folder / name / file.filename).unlink()
        self.removed(name, version)


def environment(name: str) -> Path:
    """The peer's own virtual environment, made on the first call; skips where it cannot be."""
    pins, oldest = PINS[name]
    python = _python(oldest)
    key = "-".join([*pins, f"{python[1][0]}.{python[1][1]}"]).replace("==", "-")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pypisync-tests"
    cache.mkdir(parents=True, exist_ok=True)
    made = cache / key
    with (cache / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / "complete").exists():
            shutil.rmtree(made, ignore_errors=True)
            _make(made, python[0], pins)
    return made


def _make(made: Path, python: str, pins: Sequence[str]) -> None:
    for command in (
        [find_uv_bin(), "venv", "-q", "--python", python, str(made)],
        [find_uv_bin(), "pip", "install", "-q", "--python", str(made), *pins],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{pins[0]} cannot be installed here: {done.stderr.strip()[-300:]}")
    (made / "complete").touch()


def _python(oldest: tuple[int, int]) -> tuple[str, tuple[int, int]]:
    """A Python that is new enough: the one that runs the tests, else the newest that is there."""
    own = sys.version_info[:2]
    if own >= oldest:
        return sys.executable, (own[0], own[1])
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for minor in range(15, oldest[1] - 1, -1):
        managed = map(str, pyenv.glob(f"versions/3.{minor}.*/bin/python3"))
        found = [shutil.which(f"python3.{minor}"), *managed]
        for python in filter(None, found):
            if not subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:
                return python, (3, minor)
    pytest.skip(f"there is no Python {oldest[0]}.{oldest[1]} or newer on this machine")


@contextmanager
def started(name: str, folder: Path) -> Iterator[Peer]:
    """The peer, running and empty."""
    files, own = folder / "files", folder / "own"
    files.mkdir()
    own.mkdir()
    start = {
        "bandersnatch": _bandersnatch,
        "devpi": _devpi,
        "proxpi": _proxpi,
        "pypiserver": _pypiserver,
        "simple-repository-server": _simple_repository,
    }[name]
    with start(environment(name), files, own) as peer:
        yield peer


@contextmanager
def _pypiserver(made: Path, files: Path, own: Path) -> Iterator[Peer]:
    port = free_port()
    command = [str(made / "bin/pypi-server"), "run", "-i", "127.0.0.1", "-p", str(port)]
    with running([*command, "--backend", "simple-dir", str(files)], port, own) as address:
        yield Peer(f"{address}/simple/", files)


@contextmanager
def _simple_repository(made: Path, files: Path, own: Path) -> Iterator[Peer]:
    port = free_port()
    command = [str(made / "bin/simple-repository-server"), "--host", "127.0.0.1"]
    with running([*command, "--port", str(port), str(files)], port, own) as address:
        yield Peer(f"{address}/simple/", files)


@contextmanager
def _proxpi(made: Path, files: Path, own: Path) -> Iterator[Peer]:
    """proxpi before a simulated index."""
    world, port = World(), free_port()
    with Server(world) as index:
        settings = {
            "FLASK_APP": "proxpi.server",
            "PROXPI_INDEX_URL": f"{index.url}/simple/",
            "PROXPI_INDEX_TTL": "0",
            "PROXPI_CACHE_DIR": str(own / "cache"),
        }
        (own / "cache").mkdir()
        command = [str(made / "bin/flask"), "run", "--port", str(port)]
        with running(command, port, own, settings) as address:
            yield Peer(f"{address}/index/", files, world)


@contextmanager
def _bandersnatch(made: Path, files: Path, own: Path) -> Iterator[Peer]:
    """A mirror by bandersnatch of a simulated index, served as files."""
    world = World()
    with Server(world) as index:
        mirror = Bandersnatch(made, own, index.url, ["app", "lib", "base", "only-sdist"])
        web = mirror.tree / "web"
        web.mkdir(parents=True)
        with serve(web, "json") as root:

            def follow(*_: object) -> None:
                mirror.mirror(0)

            yield Peer(root, files, world, follow, follow)


DEVPI_USER = "root"  # the one that a new devpi has; its indexes are below its name


@contextmanager
def _devpi(made: Path, files: Path, own: Path) -> Iterator[Peer]:
    """devpi keeps files of its own: they are uploaded, as twine does, and removed by its API."""
    port, store = free_port(), str(own / "store")
    done = run([str(made / "bin/devpi-init"), "--serverdir", store, "--no-root-pypi"], own)
    assert done.returncode == 0, done.stderr
    command = [str(made / "bin/devpi-server"), "--serverdir", store, "--port", str(port)]
    # What it does for its secrets takes ten seconds of a core, as it should where there are any.
    cheap = ["--argon2-memory-cost", "8", "--argon2-parallelism", "1", "--argon2-time-cost", "1"]
    with running([*command, *cheap], port, own) as address, requests.Session() as session:
        session.trust_env = False
        index = f"{address}/{DEVPI_USER}/dev"

        def ask(method: str, url: str, **content: Any) -> requests.Response:
            reply = session.request(method, url, **content)
            assert reply.ok, reply.text
            return reply

        def upload(name: str, version: str, place: Path) -> None:
            form = {":action": "file_upload", "name": name, "version": version}
            form["filetype"] = "bdist_wheel" if place.suffix == ".whl" else "sdist"
            ask("POST", f"{index}/", data=form, files={"content": (place.name, place.read_bytes())})

        def remove(name: str, version: str) -> None:
            ask("DELETE", f"{index}/{name}/{version}")

        login = ask("POST", f"{address}/+login", json={"user": "root", "password": ""})
        token = f"root:{login.json()['result']['password']}"
        session.headers["X-Devpi-Auth"] = b64encode(token.encode()).decode()
        ask("PUT", index, json={"type": "stage", "bases": [], "volatile": True})
        yield Peer(f"{index}/+simple/", files, added=upload, removed=remove)
