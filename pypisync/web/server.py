"""One serving process or thread: HTTP by uvicorn, responses by the site."""

import socket
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import uvicorn

from pypisync.schedule import parse
from pypisync.web.app import Site
from pypisync.web.browse.site import Pages
from pypisync.web.counts import Counts
from pypisync.web.crowd import Crowd
from pypisync.web.generations import Generations
from pypisync.web.health import Health
from pypisync.web.metrics import Metrics
from pypisync.web.protocol import Protocol
from pypisync.web.sockets import BACKLOG
from pypisync.web.task import STOP_SECONDS, Served

if TYPE_CHECKING:
    import asyncio

_KEEP_ALIVE_SECONDS = 60


class Server:
    """Serves a mirror on a socket that listens, in the thread that runs it."""

    def __init__(self, served: Served, counts: Counts) -> None:
        root = Path(served.root)
        schedule = parse(served.schedule)
        health = Health(root, served.database, schedule, digest=served.configuration)
        people = Pages(served.database, health) if served.status_pages else None
        site = Site(root, Generations(served.database), health, Metrics(health, counts), people)
        settings = uvicorn.Config(
            site,
            interface="asgi3",
            http=cast("type[asyncio.Protocol]", partial(Protocol, crowd=Crowd())),
            loop="asyncio",
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._server = uvicorn.Server(settings)

    def run(self, listener: socket.socket) -> None:
        """Serve until told to stop; in the main thread also until SIGTERM or SIGINT."""
        self._server.run([listener])

    def stop(self) -> None:
        """Let ``run`` end: at once, or when running downloads have had their time."""
        self._server.should_exit = True
