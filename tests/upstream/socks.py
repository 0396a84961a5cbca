"""A SOCKS5 proxy (RFC 1928, RFC 1929) that leads whatever it is asked for to one server."""

import select
import socket
import struct
from threading import Event
from urllib.parse import urlsplit

from tests.upstream.raw import Raw


class Socks:
    """Remembers where it was asked to lead to, and by whom."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        self._server = parts.hostname or "", parts.port or 0
        self.asked: list[tuple[str, int]] = []  # a name, or an address
        self.known: list[bytes] = []  # "user:password" of each, b"" of nobody
        self.proxy = Raw(self._serve)

    def _serve(self, client: socket.socket, over: Event) -> None:
        stream = client.makefile("rb")
        _, number = stream.read(2)
        methods = stream.read(number)
        client.sendall(b"\x05\x02" if 2 in methods else b"\x05\x00")
        who = b""
        if 2 in methods:
            _, length = stream.read(2)
            user = stream.read(length)
            who = user + b":" + stream.read(stream.read(1)[0])
            client.sendall(b"\x01\x00")
        kind = stream.read(4)[3]
        name = stream.read(stream.read(1)[0]) if kind == 3 else b""
        host = name.decode() or socket.inet_ntop(socket.AF_INET, stream.read(4))
        self.known.append(who)
        self.asked.append((host, *struct.unpack("!H", stream.read(2))))
        with socket.create_connection(self._server) as there:
            client.sendall(b"\x05\x00\x00\x01" + bytes(6))
            _pass_on(client, there, over)


def _pass_on(client: socket.socket, there: socket.socket, over: Event) -> None:
    ends = {client: there, there: client}
    while not over.is_set():
        for one in select.select(list(ends), [], [], 0.05)[0]:
            data = one.recv(65536)
            if not data:
                return
            ends[one].sendall(data)
