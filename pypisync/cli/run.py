"""``run``: the daemon; ``serve``: the web server alone, for a machine that does not sync."""

import gc
import os
import sys
import time
from functools import partial
from typing import Annotated, Any

import typer

from pypisync.cli.common import ConfigFile, configured, found
from pypisync.errors import PypiSyncError


def run(
    *,
    config: ConfigFile = None,
    log_json: Annotated[
        bool | None,
        typer.Option("--log-json/--log-text", help="How to log; JSON unless at a terminal."),
    ] = None,
) -> None:
    """Keep the mirror up to date, as the schedule says, until SIGTERM.

    SIGHUP reads the configuration anew, SIGUSR1 (or "pypisync sync --now") asks for a cycle at
    once. A second daemon for the same mirror stands by until the first one is gone.
    """
    from pypisync.daemon import signals

    signals.hold()
    from pypisync.catalog.db.engine import sqlite_warning
    from pypisync.config.load import load
    from pypisync.daemon.notify import Notifier
    from pypisync.daemon.service import Daemon
    from pypisync.logs import logger, quiet_libraries
    from pypisync.web.workers import Workers

    # Code stays for good. A server's answers must not wait for one long look at everything.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    path = found(config)
    understood = configured(path)
    at_terminal = sys.stderr.isatty()
    as_json = not at_terminal if log_json is None else log_json
    log = logger(as_json=as_json, colors=at_terminal)
    quiet_libraries()
    warning = sqlite_warning()
    if warning and understood.database_url.startswith("sqlite"):
        log.warning("warning", reason=warning)
    notifier = Notifier(os.environ, time.monotonic)
    with signals.SignalQueue() as queue, Workers() as workers:  # signals before the first thread
        load_anew = partial(load, path, os.environ)
        try:
            Daemon(understood, load_anew, queue, notifier, log, web=workers).run()
        except PypiSyncError as error:
            raise _ended(log, error) from None


def _ended(log: Any, error: PypiSyncError) -> typer.Exit:
    """Log why the daemon ends. Returns what ends its process."""
    log.error("ended", reason=str(error))
    return typer.Exit(error.exit_code)


def serve(*, config: ConfigFile = None) -> None:
    """Serve the mirror at ``listen``, without syncing.

    Runs until it is stopped by SIGTERM or Ctrl-C, which end it within seconds. For machines that
    only read: the folder and the database may be another machine's.
    """
    from pypisync.web.workers import serve_alone

    serve_alone(configured(config), lambda what: typer.echo(what, err=True))
