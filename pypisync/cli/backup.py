"""``backup`` and ``restore``: the database as one file, and back."""

from pathlib import Path
from typing import Annotated

import typer

from pypisync.cli.common import ConfigFile, configured


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")],
    *,
    config: ConfigFile = None,
) -> None:
    """Write a copy of the database to FILE, also while a daemon works.

    It holds all but the files, which a backup of the folder packages made afterwards has. What is
    missing of them is fetched again by "pypisync verify --repair".
    """
    from pypisync.catalog.db.backup import back_up
    from pypisync.catalog.db.reader import Reader

    understood = configured(config)
    with Reader(understood.database_url):
        pass  # there is a catalog of this version
    back_up(understood.database_url, file)
    typer.echo(f"the database is in {file}")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help='What "backup" has written.')],
    *,
    config: ConfigFile = None,
) -> None:
    """Put the database of FILE in the place of the present one; stop the daemon before.

    A present SQLite database stays beside it, as NAME.before-restore. Afterwards "verify --repair"
    brings the disk in step with it.
    """
    from pypisync.catalog.db.backup import bring_back
    from pypisync.storage.lock import writer_lock

    understood = configured(config)
    with writer_lock(understood.destination):
        before = bring_back(understood.database_url, file)
    if before is not None:
        typer.echo(f"the database that was there is in {before}")
    typer.echo('the database is restored: "pypisync db upgrade" if it is of an older version, then')
    typer.echo('"pypisync verify --repair" brings the disk in step with it')
