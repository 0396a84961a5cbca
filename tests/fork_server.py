"""A process that has imported what commands need, and forks for each of them.

Where a test's subject is what a command does, its start need not be paid again and again: imports
take a second of a core. :mod:`tests.forked` starts this file, with any interpreter, and asks.

``python fork_server.py SOCKET PACKAGES...``: a packet on the socket, with four open files, is one
command; the last of the files is the socket that its number and its exit status are told on.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import threading
from typing import Any

_LARGEST = 2**20  # bytes of a packet


def load(names: list[str]) -> None:
    """Import the modules; of a package whose name ends with ``.*`` all that is in it."""
    for name in names:
        module = importlib.import_module(name.removesuffix(".*"))
        if name.endswith(".*"):
            for found in pkgutil.walk_packages(module.__path__, f"{module.__name__}."):
                if not found.name.endswith("__main__"):
                    importlib.import_module(found.name)


def serve(link: socket.socket) -> dict[str, Any]:
    """Fork for each command; returns in the child, and never here: the end of the link ends it."""
    selector = selectors.DefaultSelector()
    selector.register(link, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is not link:
                selector.unregister(key.fileobj)
                key.data(key.fd)
                continue
            packet, files, _, _ = socket.recv_fds(link, _LARGEST, 4)
            if not packet:
                os._exit(0)
            told = socket.socket(fileno=files.pop())
            pid = os.fork()
            if not pid:
                for one in selector.get_map().values():
                    os.close(one.fd)
                link.detach()
                selector.close()
                told.close()
                return {"files": files, **json.loads(packet)}
            for file in files:
                os.close(file)
            told.sendall(f"{pid}\n".encode())
            selector.register(os.pidfd_open(pid), selectors.EVENT_READ, reaper(pid, told))


def reaper(pid: int, told: socket.socket) -> Any:
    """Returns what tells the exit code of a process that has ended."""

    def reap(descriptor: int) -> None:
        os.close(descriptor)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with told:
            try:
                told.sendall(f"{code}\n".encode())
            except BrokenPipeError:  # nobody waits for it
                return

    return reap


def become(asked: dict[str, Any]) -> None:
    """Be the command's process: its files, folder, variables and words."""
    for place, file in enumerate(asked["files"]):
        os.dup2(file, place)
        os.close(file)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = [asked["module"], *asked["arguments"]]
    sys.path.insert(0, asked["folder"])
    sys.path_importer_cache.clear()
    signal.set_wakeup_fd(-1)


def run(module: str) -> None:
    """Run a module as a command, to its end.

    The interpreter takes itself apart at its end: every page that it shares with the server is
    copied then, which takes more of a core than most commands. What it does before is done here:
    it waits for threads, runs what is to be run at the end, and says which of the command's own
    objects were not closed.
    """
    code: object = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code or 0
    if not isinstance(code, int):
        sys.exit(str(code))
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # the interpreter has an exit code of its own for that
        sys.exit(code)
    os._exit(code & 0xFF)


if __name__ == "__main__":
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # as the command line has it
    load(sys.argv[2:])
    gc.freeze()
    asked = serve(socket.socket(fileno=int(sys.argv[1])))
    become(asked)
    run(asked["module"])
