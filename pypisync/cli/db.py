"""``db``: the database itself."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pypisync.cli.common import ConfigFile, configured

if TYPE_CHECKING:
    from sqlalchemy import Engine

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
        with database_errors(), catalog.engine.connect() as connection:
            before = migrate.revision(connection)
        if before is not None and before != migrate.wanted_revision():
            back_up(catalog.engine, before)
        before, after = migrate.upgrade(catalog.engine)
    if before == after:
        typer.echo(f"the database is at revision {after} already")
    else:
        typer.echo(f"the database was {_name(before)} and is at revision {after} now")


def _name(revision: str | None) -> str:
    return "empty" if revision is None else f"at revision {revision}"


def back_up(engine: "Engine", revision: str) -> None:
    """Copy an SQLite database to a file beside it; PostgreSQL has its own tools."""
    from pypisync.catalog.db.engine import database_errors

    if engine.dialect.name != "sqlite":
        return
    name = str(engine.url.database)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    copy = f"{name}.{revision}-{stamp}"
    driver = engine.raw_connection()  # no transaction: VACUUM stands outside of one
    try:
        with database_errors():
            driver.cursor().execute("VACUUM INTO ?", (copy,))
    finally:
        driver.close()
    typer.echo(f"copied {Path(name).name} to {copy}")
