"""``serve``: the web server alone, for a machine that does not sync."""

import typer

from pypisync.cli.common import ConfigFile, configured


def serve(*, config: ConfigFile = None) -> None:
    """Serve the mirror at ``listen``, without syncing.

    Runs until it is stopped by SIGTERM or Ctrl-C, which end it within seconds. For machines that
    only read: the folder and the database may be another machine's.
    """
    from pypisync.web.workers import serve_alone

    serve_alone(configured(config), lambda address: typer.echo(f"serving {address}", err=True))
