"""The HTTP server: in a thread beside the daemon, or alone in the foreground.

uvicorn speaks HTTP; what is answered is :mod:`pypisync.web.app`. The address is taken before the
thread starts, so that a wrong one is the caller's error, and clients that come early wait.
"""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from pypisync.config import Config
from pypisync.core.values import shown_address
from pypisync.errors import ConfigError
from pypisync.web.app import Site
from pypisync.web.generations import Generations
from pypisync.web.health import Health
from pypisync.web.metrics import Metrics
from pypisync.web.protocol import Protocol

_BACKLOG = 1024
_KEEP_ALIVE_SECONDS = 60
# A cycle that computes in another thread gives way after so long; with Python's 5 ms, an answer,
# which asks for its turn some ten times, would take 80 ms instead of 4.
_SWITCH_SECONDS = 0.0005
_STOP_SECONDS = 5  # for downloads that are under way when the server is told to end


@contextmanager
def serving(config: Config) -> Iterator[str | None]:
    """Serve the mirror in a thread until the block ends; gives the address, such as http://[::]:80.

    Without ``listen`` in the configuration nothing is served, and there is no address. Raises
    ConfigError if the address cannot be had.
    """
    if config.listen is None:
        yield None
        return
    with bound(*config.listen) as listener:
        server = _server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="http")
        patience = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_SECONDS)
        thread.start()
        try:
            yield _shown(listener)
        finally:
            server.should_exit = True
            thread.join()
            sys.setswitchinterval(patience)


def serve(config: Config, started: Callable[[str], None]) -> None:
    """Serve the mirror in this thread until SIGTERM or SIGINT, which then have their usual effect.

    ``started`` is told the address. Raises ConfigError if there is none, or it cannot be had.
    """
    if config.listen is None:
        example = 'add listen: "127.0.0.1:8080", for example'
        raise ConfigError([f"listen: the configuration says no address to serve at; {example}"])
    with bound(*config.listen) as listener:
        started(_shown(listener))
        _server(config).run([listener])


def _server(config: Config) -> uvicorn.Server:
    health = Health(config.destination, config.database_url, config.schedule)
    settings = uvicorn.Config(
        Site(config.destination, Generations(config.database_url), health, Metrics(health)),
        interface="asgi3",
        http=Protocol,
        loop="asyncio",
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    return uvicorn.Server(settings)


def bound(host: str, port: int) -> socket.socket:
    """A socket that takes connections; without a host at all addresses, IPv6 and IPv4."""
    both = not host and socket.has_dualstack_ipv6()
    try:
        family = socket.AF_INET6 if both else socket.AF_INET
        if host:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server(
            (host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both
        )
    except OSError as error:
        what = error.strerror or str(error)
        said = f'listen: "{shown_address((host, port))}": cannot be served at: {what}'
        raise ConfigError([f"{said}; give another address, or free this one"]) from error
    # Connections inherit it. Else the body waits until the client acknowledges the headers.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _shown(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{shown_address((host, port))}"
