"""The command line in a process that is killed by SIGKILL at a change of the disk or the database.

``python -m tests.bundles.killed NUMBER WORDS...``: at which of the changes, counted from 1; 0: at
none, and how many there were is the last line of its errors.
"""

import os
import signal
import sys
from itertools import count
from typing import Any

from sqlalchemy import Engine, event

from pypisync.cli import main
from pypisync.storage import disk


def run(kill_at: int, words: list[str]) -> None:
    """Run the command."""
    counted = count(1)
    seen = 0

    def reach(*_: Any) -> None:
        nonlocal seen
        seen = next(counted)
        if seen == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    disk.before = reach
    for moment in ("begin", "commit"):
        event.listen(Engine, moment, reach)
    sys.argv = ["pypisync", *words]
    try:
        main()
    finally:
        sys.stderr.write(f"{seen}\n")


if __name__ == "__main__":
    run(int(sys.argv[1]), sys.argv[2:])
