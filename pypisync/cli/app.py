"""The commands, in the order in which help lists them.

A new command is a function in a module of its group, one line here, and its exit
codes in :mod:`pypisync.cli.exits`. Such a module imports cheap
modules at its top (Typer, :mod:`pypisync.cli.common`), and the others inside its functions.
"""

from typing import Annotated

import typer

from pypisync.cli import (
    bundles,
    configuration,
    database,
    exits,
    generations,
    graph,
    install,
    keys,
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
for _function in (
    configuration.init,
    configuration.check,
    plan.plan,
    sync.sync,
    run.serve,
    run.run,
    status.status,
    why.why,
    why.why_not,
    graph.graph,
    prove.prove,
    prove.proofs,
    generations.generations,
    generations.diff,
    generations.rollback,
    generations.tag,
    query.query,
    verify.verify,
    sync.prune,
    bundles.export,
    bundles.import_,
    database.backup,
    database.restore,
    install.man,
    install.install_units,
):
    _name = _function.__name__.strip("_").replace("_", "-")
    app.command(_name, epilog=exits.told(_name))(_function)
app.add_typer(database.app)
app.add_typer(keys.app)


def _version(*, wanted: bool) -> None:
    if wanted:
        from pypisync.version import own_version

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
