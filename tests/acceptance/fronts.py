"""The web servers that a mirror is put behind: the product's own, nginx and Caddy.

nginx and Caddy run with the files in ``deploy``, but for the address and the folder.
"""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from tests import forked
from tests.acceptance.clients import clean_environment
from tests.acceptance.product import ROOT, Mirror

# tests/programs.sh puts servers into the virtual environment; others are the machine's own.
_FETCHED = f"{sys.prefix}/programs/usr"
_PATH = f"{_FETCHED}/sbin:{_FETCHED}/bin:{os.defpath}:/usr/sbin:/usr/local/sbin:/usr/local/bin"


@contextmanager
def product(mirror: Mirror, folder: Path) -> Iterator[str]:
    """``pypisync serve``; gives its address."""
    port = free_port()
    keys = mirror.keys | {"destination_folder": str(mirror.tree), "listen": f"127.0.0.1:{port}"}
    config = Mirror(mirror.product, folder, keys).configuration
    words = ["pypisync", "serve", "--config", str(config)]
    with forked_one(mirror.product.preloaded, words, port, folder) as address:
        yield address


def nginx(mirror: Mirror, folder: Path) -> AbstractContextManager[str]:
    """nginx, if there is one on this machine."""
    return nginx_over(mirror.tree, folder)


@contextmanager
def nginx_over(tree: Path, folder: Path, listen: str = "listen 80;") -> Iterator[str]:
    """nginx over any tree; ``folder`` is for its own files, ``listen`` for the line's place."""
    port = free_port()
    settings = (ROOT / "deploy/nginx.conf").read_text(encoding="utf-8")
    listen = re.sub(r"listen \d+", f"listen 127.0.0.1:{port}", listen)
    settings = _replaced(settings, "listen 80;", listen)
    settings = _replaced(settings, "root /srv/pypisync/data;", f"root {tree};")
    with _nginx(settings, port, folder) as address:
        yield address


@contextmanager
def nginx_before(address: str, prefix: str, folder: Path) -> Iterator[str]:
    """nginx before a server of ours, below a path, as docs/how-to/pages.md has it."""
    text = (ROOT / "docs/how-to/pages.md").read_text(encoding="utf-8")
    location = text.partition("```nginx\n")[2].partition("```")[0]
    location = _replaced(location, "http://127.0.0.1:8080/", f"{address}/")
    location = location.replace("/pypi", prefix)
    port = free_port()
    block = f"server {{\nlisten 127.0.0.1:{port};\n{location}}}\n"
    with _nginx(block, port, folder) as there:
        yield f"{there}{prefix}"


@contextmanager
def _nginx(settings: str, port: int, folder: Path) -> Iterator[str]:
    program = _program("nginx")
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # The temporary folders of the tests are closed to the user that nginx would change to.
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\nworker_processes auto;\npid {folder}/pid;\n"
        f"error_log {folder}/error;\nevents {{}}\n"
        f"http {{\naccess_log off;\nsendfile on;\ntcp_nopush on;\n{temporary}{settings}}}\n",
        encoding="utf-8",
    )
    command = [program, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error")]
    with running(command, port, folder) as address:
        yield address


@contextmanager
def caddy(mirror: Mirror, folder: Path) -> Iterator[str]:
    """Caddy, if there is one on this machine."""
    program, port = _program("caddy"), free_port()
    settings = (ROOT / "deploy/Caddyfile").read_text(encoding="utf-8")
    settings = _replaced(settings, "\n:80 {", f"\nhttp://127.0.0.1:{port} {{")
    settings = _replaced(settings, "root * /srv/pypisync/data", f"root * {mirror.tree}")
    file = folder / "Caddyfile"
    file.write_text(f"{{\n\tadmin off\n}}\n{settings}", encoding="utf-8")
    command = [program, "run", "--config", str(file), "--adapter", "caddyfile"]
    with running(command, port, folder) as address:
        yield address


FRONTS: Mapping[str, Callable[[Mirror, Path], AbstractContextManager[str]]] = {
    "product": product,
    "nginx": nginx,
    "caddy": caddy,
}


def find_program(name: str) -> str | None:
    """The path of a program from a Debian package, or None if it is not on this machine."""
    return shutil.which(name, path=_PATH)


def _program(name: str) -> str:
    found = find_program(name)
    if found is None:
        pytest.skip(f"there is no {name} on this machine: tests/programs.sh fetches it")
    return found


def _replaced(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in:\n{text}"
    return text.replace(old, new)


def free_port() -> int:
    """A port of the loopback that nobody uses just now.

    It is none of those that Linux gives to connections and to servers that leave the choice to it:
    before the server is there, another might get it.
    """
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


@contextmanager
def running(
    command: Sequence[str], port: int, folder: Path, more: Mapping[str, str] | None = None
) -> Iterator[str]:
    """A server that runs until the block ends; gives its address once it answers.

    ``more``: variables besides those of a clean environment.
    """
    log = folder / "log"
    environment = clean_environment(folder) | dict(more or {})
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, stderr=errors, stdout=errors, cwd=folder, env=environment
        ) as process,
    ):
        try:
            _wait_for(port, process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@contextmanager
def forked_one(
    preloaded: forked.Preloaded,
    words: Sequence[str],
    port: int,
    folder: Path,
    more: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """The same of a server of ours, in a process that need not import anything."""
    log = folder / "log"
    environment = clean_environment(folder) | dict(more or {})
    with log.open("wb") as errors, Path(os.devnull).open("rb") as nothing:
        files = (nothing.fileno(), errors.fileno(), errors.fileno())
        process = forked.Process(preloaded, words, folder, environment, files)
        try:
            _wait_for(port, process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes] | forked.Process", log: Path) -> None:
    for _ in range(6000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, log.read_text(encoding="utf-8")
        time.sleep(0.02)
    raise AssertionError(log.read_text(encoding="utf-8"))
