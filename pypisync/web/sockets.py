"""The sockets that the mirror is served on."""

import socket

from pypisync.core.display import shown_address
from pypisync.errors import ConfigError

BACKLOG = 1024
STUCK_SECONDS = 60  # a connection ends when its client has taken no byte for so long

_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux has it: tcp(7)


def bound(host: str, port: int, number: int = 1) -> list[socket.socket]:
    """Returns listening sockets, among which the system distributes connections.

    Without a host at all addresses, IPv6 and IPv4. Raises ConfigError if the address cannot be had.
    """
    both = not host and socket.has_dualstack_ipv6()
    found: list[socket.socket] = []
    try:
        family = socket.AF_INET6 if both else socket.AF_INET
        if host:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        for _ in range(number):
            listener = socket.create_server(
                (host, found[0].getsockname()[1] if found else port),
                family=family,
                backlog=BACKLOG,
                dualstack_ipv6=both,
                # The first one has to find the address free; it shares it only afterwards.
                reuse_port=bool(found),
            )
            found.append(listener)
            # Connections inherit it. Else the body waits until the client acknowledges the head.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if _USER_TIMEOUT is not None:
                listener.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, STUCK_SECONDS * 1000)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(number > 1))
    except OSError as error:
        for listener in found:
            listener.close()
        what = error.strerror or str(error)
        said = f'listen: "{shown_address((host, port))}": cannot be served at: {what}'
        raise ConfigError([f"{said}; give another address, or free this one"]) from error
    return found


def shown(listener: socket.socket) -> str:
    """Returns the address as a client writes it, such as http://[::]:80."""
    host, port = listener.getsockname()[:2]
    return f"http://{shown_address((host, port))}"
