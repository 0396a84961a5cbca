"""``verify``: whether the disk holds what the catalog says, and putting it right.

Looking takes no lock, so a sync may run meanwhile; what looks wrong is therefore looked at once
more before it is reported. Repairing takes the writer's lock: what is missing or broken is
forgotten, fetched again and published as in a cycle, strays are deleted, pages written anew.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pypisync.cli.common import AsJson, ConfigFile, clean, configured, count, show, show_json

if TYPE_CHECKING:
    from pypisync.cycle.repair import Outcome
    from pypisync.storage.check import Fault


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
    Exit code 1 if faults were found and not repaired.
    """
    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.db.transactions import Catalog
    from pypisync.cli.progress import on_terminal
    from pypisync.cycle.repair import repair as repair_faults
    from pypisync.cycle.verify import Check
    from pypisync.wiring import open_mirror

    understood = configured(config)
    with Reader(understood.database_url):
        pass  # there is a catalog: nothing is to be created here
    left: list[Fault] = []
    with on_terminal() as watch:
        if repair:
            with open_mirror(understood, watch=watch) as mirror:
                check = Check(mirror.catalog, understood.destination, watch, rehash=rehash)
                faults = list(check.all())
                outcome = repair_faults(mirror, check, faults)
                left = outcome.left
                _tell(outcome)
        else:
            catalog = Catalog(understood.database_url, writer=False)
            try:
                check = Check(catalog, understood.destination, watch, rehash=rehash)
                faults = left = check.again(list(check.all()))
            finally:
                catalog.close()
    if as_json:
        show_json({"faults": [asdict(f) | {"repaired": f not in left} for f in faults]})
    else:
        _show(faults, left)
    raise typer.Exit(1 if left else 0)


def _show(faults: "list[Fault]", left: "list[Fault]") -> None:
    if not faults:
        typer.echo("no faults")
        return
    rows = (
        (fault.path, fault.kind, fault.detail, "" if fault in left else "repaired")
        for fault in faults
    )
    show(count(len(faults), "fault"), ("path", "fault", "detail", ""), rows)


def _tell(outcome: "Outcome") -> None:
    """Say what could not be mended, and what therefore waits."""
    for kind, reasons in (("failed", outcome.failed), ("held", outcome.held)):
        for what, reason in reasons.items():
            typer.echo(clean(f"{kind}: {what}: {reason}"), err=True)
