"""``verify``: whether the disk holds what the catalog says, and putting it right.

Looking takes no lock, so a sync may run meanwhile; what looks wrong is therefore looked at once
more before it is reported. Repairing takes the writer's lock, or is left to the daemon that holds
it: what is missing or broken is forgotten, fetched again and published as in a cycle, strays are
deleted, pages written anew.
"""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pypisync.cli.common import AsJson, ConfigFile, configured, count, say, show, show_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pypisync.config.load import Config
    from pypisync.storage.orders import Outcome


def verify(
    *,
    config: ConfigFile = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Fetch again, rewrite, and delete strays.")
    ] = False,
    rehash: Annotated[
        bool, typer.Option("--rehash/--no-rehash", help="Read every byte, or compare sizes only.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Check that the disk holds what the catalog says.

    It compares every file and every page: sizes, hashes, bytes, strays. A file that --repair cannot
    fetch again leaves the pages, with all releases that are then held, until it can be fetched.
    Strays are deleted only if they are fewer than what the catalog knows.
    Where a daemon runs, --repair is done by it, and the command waits for it.
    Exit code 1 if faults were found and not repaired.
    """
    from pypisync.catalog.db.reader import Reader

    understood = configured(config)
    with Reader(understood.database_url):
        pass  # there is a catalog: nothing is to be created here
    outcome = (_repaired if repair else _looked)(understood, rehash=rehash)
    say(outcome.said)
    if as_json:
        show_json(outcome.result)
    elif "faults" in outcome.result:
        _show(outcome.result["faults"])
    raise typer.Exit(outcome.exit_code)


def _repaired(config: "Config", *, rehash: bool) -> "Outcome":
    from pypisync.cli import ordering
    from pypisync.cycle import work
    from pypisync.storage.orders import slip

    number = slip()
    return ordering.work(
        config,
        work.repairing(number, rehash=rehash),
        number,
        lambda mirror: work.repaired(mirror, rehash=rehash),
    )


def _looked(config: "Config", *, rehash: bool) -> "Outcome":
    from msgspec.structs import asdict

    from pypisync.catalog.db.transactions import Catalog
    from pypisync.cli.terminal import on_terminal
    from pypisync.cycle.verify import Check
    from pypisync.storage.orders import Outcome

    catalog = Catalog(config.database_url, writer=False)
    with closing(catalog), on_terminal() as watch:
        check = Check(catalog, config.destination, watch, rehash=rehash)
        faults = check.again(list(check.all()))
    shown = [asdict(fault) | {"repaired": False} for fault in faults]
    return Outcome(1 if faults else 0, (), {"faults": shown})


def _show(faults: "Sequence[Mapping[str, Any]]") -> None:
    if not faults:
        typer.echo("no faults")
        return
    rows = (
        (fault["path"], fault["kind"], fault["detail"], "repaired" if fault["repaired"] else "")
        for fault in faults
    )
    show(count(len(faults), "fault"), ("path", "fault", "detail", ""), rows)
