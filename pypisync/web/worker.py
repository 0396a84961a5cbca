"""A serving process: ``python -m pypisync.web.worker LINK``, started by another process of ours.

One line of JSON by the link to that process says what to serve, and which inherited descriptors are
which. The process serves until the link is closed: then it was told to end, or the other process
has ended, in whatever way.
"""

import os
import signal
import socket
import sys
import threading

from pypisync.web.counts import Counts
from pypisync.web.crowd import allow_open_files
from pypisync.web.server import Server
from pypisync.web.task import read


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
