"""A serving process: ``python -m pypisync.web.worker LINK``, started by another process of ours.

One line of JSON by the link to that process says what to serve, and which inherited descriptors are
which. The process serves until the link is closed: then it was told to end, or the other process
has ended, in whatever way.
Its server is uvicorn, whose responses the site makes.
"""

import os
import signal
import socket
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import uvicorn

from pypisync.schedule import parse
from pypisync.web.app import Site
from pypisync.web.browse.site import Pages
from pypisync.web.counts import Counts
from pypisync.web.crowd import Crowd, allow_open_files
from pypisync.web.followers import Followers
from pypisync.web.generations import Generations
from pypisync.web.health import Health
from pypisync.web.metrics import Metrics
from pypisync.web.protocol import Protocol
from pypisync.web.sockets import BACKLOG
from pypisync.web.task import STOP_SECONDS, Served, read

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
        past, followers = Generations(served.database), Followers(served.database)
        site = Site(root, past, followers, health, Metrics(health, counts), people)
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


def work(link: int) -> None:
    """Serve as the process at the other end of the link says, until it closes it."""
    with socket.socket(fileno=link) as said, said.makefile("rb") as lines:
        told = lines.readline()
        if not told:
            return
        task = read(told)
        allow_open_files()
        server = Server(task.served, Counts(task.counts, task.row, task.rows))
        os.close(task.counts)

        def watch() -> None:
            lines.read()
            server.stop()

        threading.Thread(target=watch, name="link", daemon=True).start()
        # The signals that the starting process waits for, it may have blocked; Ctrl-C is its alone.
        signal.pthread_sigmask(signal.SIG_SETMASK, [signal.SIGINT])
        with socket.socket(fileno=task.listener) as listener:
            server.run(listener)


if __name__ == "__main__":
    work(int(sys.argv[1]))
