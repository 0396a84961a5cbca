"""The command line: one file a group of commands, listed in :mod:`pypisync.cli.app`.

A command imports its work when it is called, so that asking for help costs no more than Typer.

Imported by ``__main__`` alone.
"""

import gc
import os
import signal
import sys

from pypisync.errors import PypiSyncError


def main() -> None:
    """Run the command line; the exit code says who must act (:mod:`pypisync.errors`)."""
    # A daemon that only just starts takes it later (pypisync.daemon.signals).
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGUSR1,))
    # Imports and documents make very many objects and few cycles: collect garbage less often.
    gc.set_threshold(200_000, 20, 20)
    # The meaning of a configuration must not depend on other packages, and the search costs time.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from pypisync.cli.app import app

    try:
        app()
    except PypiSyncError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:  # Typer turns those inside a command into 130 by itself
        sys.exit(130)
    finally:
        gc.freeze()  # the process ends: a last collection takes 48 of 315 ms of "check"
