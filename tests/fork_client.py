"""A command as a shell has it, in a process that is forked: see :mod:`tests.forked`.

``python -I -S fork_client.py LINK MODULE WORDS...`` has its own files, folder and variables be the
command's, and ends as that does.
"""

import json
import os
import socket
import sys

link, module, *words = sys.argv[1:]
asked = {
    "module": module,
    "arguments": words,
    "folder": os.getcwd(),  # noqa: PTH109 - pathlib takes as long as all the rest
    "environment": {**os.environ},
}
mine, its = socket.socketpair()
with its, socket.socket(fileno=int(link)) as server:
    files = [0, 1, 2, its.fileno()]
    socket.send_fds(server, [json.dumps(asked).encode()], files)
with mine, mine.makefile("rb") as told:
    _, code = map(int, told.read().split())
sys.exit(code if code >= 0 else 128 - code)
