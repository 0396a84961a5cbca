"""The commands, in the order in which help lists them.

A new command is a function in a module of its group, and one line here. Such a module imports cheap
modules at its top (Typer, :mod:`pypisync.cli.common`), and the others inside its functions.
"""

from typing import Annotated

import typer

from pypisync.cli import (
    configuration,
    database,
    generations,
    graph,
    install,
    plan,
    prove,
    query,
    run,
    status,
    sync,
    verify,
    why,
)

app = typer.Typer(
    name="pypisync",
    help="Keep a dependency-consistent partial mirror of PyPI.",
    no_args_is_help=True,
    rich_markup_mode=None,  # help without Rich starts faster
    pretty_exceptions_enable=False,
)
app.command()(configuration.init)
app.command()(configuration.check)
app.command()(plan.plan)
app.command()(sync.sync)
app.command()(run.serve)
app.command()(run.run)
app.command()(status.status)
app.command()(why.why)
app.command()(why.why_not)
app.command()(graph.graph)
app.command()(prove.prove)
app.command()(prove.proofs)
app.command()(generations.generations)
app.command()(generations.diff)
app.command()(generations.rollback)
app.command()(generations.tag)
app.command()(query.query)
app.command()(verify.verify)
app.command()(sync.prune)
app.command()(database.backup)
app.command()(database.restore)
app.command()(install.man)
app.command()(install.install_units)
app.add_typer(database.app)


def _version(*, wanted: bool) -> None:
    if wanted:
        from pypisync.status import own_version

        typer.echo(f"pypisync {own_version() or 'that is not installed'}")
        raise typer.Exit


@app.callback()
def _commands(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version.",
            is_eager=True,
            callback=lambda wanted: _version(wanted=wanted),
        ),
    ] = False,
) -> None:
    """Keep a dependency-consistent partial mirror of PyPI."""
