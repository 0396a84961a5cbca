"""A mirror of a small world behind the product's own server, on the loopback."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import requests
from msgspec.structs import replace

from pypisync.config.load import Config, load
from pypisync.web.counts import alone
from pypisync.web.sockets import bound, shown
from pypisync.web.task import Served
from pypisync.web.worker import Server
from tests.cli.running import configure
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"


@contextmanager
def serving(config: Config) -> Iterator[str]:
    """Serve in a thread what a serving process would; gives the address."""
    assert config.listen is not None
    with _serving(Served.by(config), *config.listen) as address:
        yield address


@contextmanager
def serving_bench(bench: Bench, port: int = 0) -> Iterator[str]:
    """The same of a mirror that tests sync."""
    served = Served(
        str(bench.folder), bench.database, "1 hour", status_pages=False, configuration=""
    )
    with _serving(served, "127.0.0.1", port) as address:
        yield address


@contextmanager
def _serving(served: Served, host: str, port: int) -> Iterator[str]:
    [listener] = bound(host, port)
    server = Server(served, alone())
    thread = Thread(target=server.run, args=(listener,), name="http")
    thread.start()
    try:
        yield shown(listener)
    finally:
        server.stop()
        thread.join()


class Site:
    """A mirror that was synced once, and its server."""

    def __init__(self, folder: Path, world: World) -> None:
        self.folder = folder
        self.world = world
        self.bench = Bench(
            folder / "data", MemoryUpstream(world), {"a-b": [">=0"], "s": ["latest"]}
        )
        self.tree = folder / "data"
        self.address = ""

    @property
    def config(self) -> Config:
        """Its configuration, with a free port of the loopback."""
        file = configure(self.folder, database="sqlite:///data/catalog.sqlite", schedule="1 hour")
        return replace(load(file, {}), listen=("127.0.0.1", 0))

    @contextmanager
    def running(self) -> Iterator["Site"]:
        """The server, in a thread."""
        with serving(self.config) as self.address:
            yield self

    def get(
        self, path: str, accept: str | None = None, encoding: str = "identity", **headers: str
    ) -> requests.Response:
        """One answer; no redirect is followed, and nothing unpacked."""
        return self.ask("GET", path, accept, encoding, **headers)

    def ask(
        self,
        method: str,
        path: str,
        accept: str | None = None,
        encoding: str = "identity",
        **headers: str,
    ) -> requests.Response:
        """One answer to another method."""
        sent: Mapping[str, Any] = {
            "Accept": accept,
            "Accept-Encoding": encoding,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        address = self.address + path
        return requests.request(method, address, headers=sent, allow_redirects=False, timeout=20)

    def post(
        self, path: str, body: bytes, kind: str = "text/xml", encoding: str = "identity"
    ) -> requests.Response:
        """The answer to a body of this kind."""
        headers = {"Content-Type": kind, "Accept-Encoding": encoding}
        return requests.post(self.address + path, body, headers=headers, timeout=20)

    def raw(self, *requests_sent: bytes) -> bytes:
        """What comes back on one connection until the server closes it."""
        where = urlsplit(self.address)
        assert where.hostname is not None
        assert where.port is not None
        with socket.create_connection((where.hostname, where.port), timeout=20) as connection:
            connection.sendall(b"".join(requests_sent))
            said = bytearray()
            with suppress(ConnectionResetError):
                while piece := connection.recv(65536):
                    said += piece
            return bytes(said)

    def file(self, ending: str) -> Path:
        """The one stored file whose name ends so."""
        [found] = self.tree.glob(f"packages/*/*/*/*{ending}")
        return found

    def url(self, file: Path) -> str:
        """The path of a file's URL."""
        return f"/{file.relative_to(self.tree)}"


def small_world() -> World:
    """Two projects; one file of more than one piece."""
    world = World()
    world.publish("a-b", "1.0", requires=["s"])
    world.publish("s", "1.0", wheels=(), sdist=True, build_requires=[], size_padding=600_000)
    return world
