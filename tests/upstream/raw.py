"""A server that is a function of its socket, for what no HTTP server would do."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

Handler = Callable[[socket.socket, threading.Event], None]


class Raw:
    """Calls ``handler`` with each connection and an event that is set at the end."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._open: set[socket.socket] = set()
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "Raw":
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for connection in [*self._open]:  # a client may keep its end for long
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(10)
            self._handler(connection, self._over)
        self._open.discard(connection)


def after_request(then: Handler) -> Handler:
    """Read one request, then go on; without one, leave."""

    def handle(connection: socket.socket, over: threading.Event) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked and (data := connection.recv(4096)):
            asked += data
        if asked:
            then(connection, over)

    return handle


def trickle(first: bytes, again: bytes, seconds: float) -> Handler:
    """Send ``first`` at once, then ``again`` every so many seconds for ever."""

    def handle(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(first)
        while not over.wait(seconds):
            connection.sendall(again)

    return after_request(handle)


def silent(connection: socket.socket, over: threading.Event) -> None:
    """Say nothing, whatever comes."""
    over.wait(10)
