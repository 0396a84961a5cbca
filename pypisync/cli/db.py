"""``db``: the database itself."""

from contextlib import ExitStack

import typer

from pypisync.cli.common import ConfigFile, configured

app = typer.Typer(name="db", help="The database itself.", no_args_is_help=True)


@app.callback()
def _commands() -> None:
    """Work on the database itself."""


@app.command()
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
