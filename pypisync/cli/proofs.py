"""``proofs``: the verdicts on record, as the last sync came to them."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pypisync.cli.common import (
    AsJson,
    ConfigFile,
    clean,
    configured,
    count,
    moment,
    show,
    show_json,
)
from pypisync.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pypisync.catalog.queries.proofs import OnRecord
    from pypisync.core.standards.model import Pin

_STATES = {"published": "yes", "waiting": "not yet", "kept": "until the new is", "open": ""}


def proofs(
    subject: Annotated[
        str | None,
        typer.Argument(metavar="[SUBJECT]", help="A root or a group's file; without it, all."),
    ] = None,
    *,
    verdict: Annotated[
        Literal["proven", "refuted", "undecided", "blocked"] | None,
        typer.Option(help="Only what came out so."),
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what the last syncs have proven of roots and groups.

    Each line has the targets, the verdict, whether all pins are on the pages, and how many releases
    an installation has. With a subject, the pins and the explanation are shown too.
    """
    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.queries.proofs import on_record

    with Reader(configured(config).database_url) as reader:
        found = on_record(reader, subject, verdict)
    if found is None:
        raise ConfigError([f'"{subject}" is no root or group that is proven'])
    if as_json:
        show_json([asdict(one) | {"pins": [_as_object(pin) for pin in one.pins]} for one in found])
        return
    heads = ("subject", "targets", "verdict", "published", "releases", "when")
    show("Proofs", heads, map(_row, found))
    if subject is not None:
        _details(found)


def _row(one: "OnRecord") -> tuple[str, ...]:
    return (
        one.subject,
        one.targets,
        one.verdict or "not proven yet",
        _STATES[one.state],
        count(one.releases) if one.releases else "",
        "" if one.at is None else moment(one.at),
    )


def _details(found: "Sequence[OnRecord]") -> None:
    for one in found:
        if one.why:
            typer.echo(clean(f"{one.subject} on {one.targets} is {one.verdict}:"))
            typer.echo("\n".join(clean(f"  {line}") for line in one.why))
        if one.pins:
            columns = ("project", "version", "chosen by", "")
            show(f"{one.subject} on {one.targets}", columns, _pins(one))


def _as_object(pin: "Pin") -> dict[str, object]:
    return {
        "project": pin.name,
        "version": pin.version,
        "extras": ",".join(pin.extras),
        "chosen_by": pin.chosen_by,
        "added": pin.added,
    }


def _pins(one: "OnRecord") -> "Iterator[tuple[str, ...]]":
    for pin in one.pins:
        yield (
            pin.package,
            pin.version,
            pin.chosen_by,
            "added for proofs" if pin.added else "",
        )
