"""A world over HTTP/1.1 on the loopback: keep-alive, many connections, one thread.

One event loop reads requests and writes answers, so that thousands a second cost little; what the
answers are is left to :mod:`tests.sim.routes`. For benchmarks it also runs as its own process::

    python -m tests.sim.server --world tests.bench.worlds:small

It prints its address, then reads lines of JSON from standard input: ``["publish", ["a", "1.0"],
{"requires": ["b"]}]`` calls a method of the world (the last part may be missing), and each is
answered by a line with the newest serial, the counts of requests and the bytes sent. It ends with
its input.
"""

import argparse
import asyncio
import importlib
import json
import sys
import threading
from concurrent.futures import Future
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.sim.face_routes import FaceRoutes
from tests.sim.faces import PYPI, Face
from tests.sim.log import Log, RequestKind
from tests.sim.routes import Answer, Asked, Routes
from tests.sim.world import World

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_MAX_HEAD = 64 * 1024


class Server:
    """A context manager; within it the world is at ``url``."""

    def __init__(self, world: World, *, port: int = 0, face: Face = PYPI) -> None:
        self.world = world
        self.face = face
        self.url = ""
        self._port = port
        self._ready: Future[str] = Future()
        self._routes: Routes
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="simulated upstream", daemon=True)
        self._connections: set[_Connection] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self.url = self._ready.result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def show(self, world: World) -> None:
        """Have another world at the same address for whoever connects from now on."""
        self.world = world
        self._routes = self._routes.showing(world)

    @property
    def log(self) -> Log:
        """Every request so far."""
        return self._routes.log

    @property
    def root(self) -> str:
        """The address of the index's root."""
        return self.url + self.face.folder

    def requests(self, kind: RequestKind | None = None) -> int:
        """How many requests were made, of this kind or of all."""
        return self.log.count(kind)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except OSError as error:
            self._ready.set_exception(error)
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        listener = await self._loop.create_server(
            lambda: _Connection(self._routes, self._connections),
            "127.0.0.1",
            self._port,
            backlog=1024,
        )
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        self._routes = Routes(self.world, url)
        if self.face is not PYPI:
            self._routes = FaceRoutes(self.world, url, self.face)
        self._ready.set_result(url)
        await self._stop.wait()
        listener.close()
        for connection in list(self._connections):
            connection.cut()
        await asyncio.sleep(0)  # lets the transports close their sockets


class _Connection(asyncio.Protocol):
    """One client. Requests on one connection are answered in order."""

    def __init__(self, routes: Routes, all_: set["_Connection"]) -> None:
        self._routes = routes
        self._all = all_
        self._buffer = b""
        self._waiting = False  # for a slow answer to leave

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._all.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._work()

    def cut(self) -> None:
        """Reset the connection."""
        self._transport.abort()

    def _work(self) -> None:
        while not self._waiting and not self._transport.is_closing():
            asked = self._next()
            if asked is None:
                return
            answer = self._routes.answer(asked)
            effect = answer.effect
            if effect is None:
                self._send(asked, answer)
            elif effect.kind == "drop":
                self.cut()
            elif effect.kind == "truncate":
                self._transport.write(_head(answer) + answer.body[: len(answer.body) // 2])
                self._transport.close()
            else:
                self._waiting = True
                if effect.kind == "slow":
                    loop = asyncio.get_running_loop()
                    loop.call_later(effect.seconds, self._late, asked, answer)

    def _late(self, asked: Asked, answer: Answer) -> None:
        self._waiting = False
        if not self._transport.is_closing():
            self._send(asked, answer)
            self._work()

    def _send(self, asked: Asked, answer: Answer) -> None:
        data = _head(answer) + (b"" if asked.method == "HEAD" else answer.body)
        self._routes.log.sent += len(data)
        self._transport.write(data)
        if asked.headers.get("connection", "").lower() == "close":
            self._transport.close()

    def _next(self) -> Asked | None:
        """The next whole request in the buffer."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_HEAD:
                self.cut()
            return None
        line, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {}
        for text in lines:
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        start = end + 4
        if len(self._buffer) < start + length:
            if headers.get("expect", "").lower() == "100-continue":
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        body = self._buffer[start : start + length]
        self._buffer = self._buffer[start + length :]
        method, target, _ = line.split(" ", 2)
        path = urlsplit(target).path if "?" in target or "://" in target else target
        return Asked(method, path, headers, body)


def _head(answer: Answer) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    if answer.status != 304:
        lines.append(f"Content-Length: {len(answer.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def main() -> None:
    """Serve a world until standard input ends."""
    parser = argparse.ArgumentParser(description="Serve a simulated upstream on the loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument(
        "--world",
        required=True,
        help="module:callable, which returns a World, and :number for each of its arguments",
    )
    options = parser.parse_args()
    module, name, *sizes = options.world.split(":")
    world = getattr(importlib.import_module(module), name)(*map(int, sizes))
    with Server(world, port=options.port) as server:
        print(server.url, flush=True)
        for line in sys.stdin:
            method, args, kwargs = [*json.loads(line), {}][:3]
            getattr(world, method)(*args, **kwargs)
            said = {
                "serial": world.serial,
                "requests": server.log.counts(),
                "bytes": server.log.sent,
            }
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
