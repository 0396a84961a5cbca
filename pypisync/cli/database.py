"""``backup`` and ``restore``; ``db upgrade``."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from pypisync.cli.common import ConfigFile, configured
from pypisync.cli.exits import told


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

    A present SQLite database stays beside it, as NAME.before-restore (with a number behind it where
    that is taken). Afterwards "verify --repair" brings the disk in step with it.
    """
    from pypisync.catalog.db.backup import bring_back
    from pypisync.wiring import writing

    understood = configured(config)
    with writing(understood):
        before = bring_back(understood.database_url, file)
    if before is not None:
        typer.echo(f"the database that was there is in {before}")
    typer.echo('the database is restored: "pypisync db upgrade" if it is of an older version, then')
    typer.echo('"pypisync verify --repair" brings the disk in step with it')


app = typer.Typer(name="db", help="The database itself.", no_args_is_help=True)


@app.callback()
def _commands() -> None:
    """Work on the database itself."""


@app.command(epilog=told("db upgrade"))
def upgrade(*, config: ConfigFile = None) -> None:
    """Bring the database to this version's revision.

    An SQLite file is copied first, beside itself, if there is anything to change.
    """
    from pypisync.catalog.db import migrate
    from pypisync.catalog.db.engine import database_errors
    from pypisync.catalog.db.transactions import Catalog
    from pypisync.storage.lock import writer_lock

    understood = configured(config)
    with ExitStack() as stack:
        stack.enter_context(writer_lock(understood.destination))
        catalog = Catalog(understood.database_url)
        stack.callback(catalog.close)
        with database_errors(catalog.engine), catalog.engine.connect() as connection:
            before = migrate.revision(connection)
            migrate.refuse_unknown(connection)
        if before is not None and before != migrate.wanted_revision():
            copied = migrate.back_up(catalog.engine, before)
            if copied is not None:
                typer.echo(f"copied {copied[0].name} to {copied[1]}")
        before, after = migrate.upgrade(catalog.engine)
    if before == after:
        typer.echo(f"the database is at revision {after} already")
    else:
        typer.echo(f"the database was {_name(before)} and is at revision {after} now")


def _name(revision: str | None) -> str:
    return "empty" if revision is None else f"at revision {revision}"
