"""The command line: one file a group of commands, listed in :mod:`pypisync.cli.app`.

A command imports its work when it is called, so that asking for help costs no more than Typer.
"""

import sys

from pypisync.errors import PypiSyncError


def main() -> None:
    """Run the command line; the exit code says who must act (:mod:`pypisync.errors`)."""
    from pypisync.cli.app import app

    try:
        app()
    except PypiSyncError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:  # Typer turns those inside a command into 130 by itself
        sys.exit(130)
