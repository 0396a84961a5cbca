"""``prove``: whether each root installs from what the mirror publishes now, and with which pins.

``proofs``: the verdicts on record, as the last sync came to them.
"""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
    from collections.abc import Iterator, Mapping, Sequence

    from pypisync.catalog.queries.proofs import OnRecord
    from pypisync.config.load import Config
    from pypisync.core.environments.proof_targets import ProofTarget
    from pypisync.core.resolve.index import Offers
    from pypisync.core.resolve.prover import Installed, Proof
    from pypisync.core.standards.model import Pin
    from pypisync.core.wanted.groups import Subject

    Row = tuple[Subject, ProofTarget, Proof]

_MOST_STEPS = 1_000_000
_STATES = {"published": "yes", "waiting": "not yet", "kept": "until the new is", "open": ""}


def prove(  # noqa: PLR0913 - each is an option
    root: Annotated[
        str | None,
        typer.Argument(metavar="[ROOT]", help="A root or a group's file; without it, all."),
    ] = None,
    *,
    target: Annotated[
        str | None,
        typer.Option(help='One proof target, such as "3.13 linux-x86_64" or "3.13 musl-x86_64".'),
    ] = None,
    requirements: Annotated[
        bool, typer.Option("--requirements", help="Print the pins as requirements with hashes.")
    ] = False,
    pylock: Annotated[
        bool, typer.Option("--pylock", help="Print the pins as a pylock.toml (PEP 751).")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(help="With --pylock: the mirror's address; else its folder on this machine."),
    ] = None,
    budget: Annotated[float, typer.Option(help="Seconds for one proof.", min=0)] = 10,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Prove that roots and groups install from the mirror as it is now.

    For each root or group and each proof target, a solver looks for releases on the pages that
    satisfy everything that is asked for. Its pins have to pass a checker that shares nothing with
    it. Exit code 1 if a proof is not "proven": refuted (with the reasons), undecided (the budget
    was spent) or blocked (metadata that installers fail on).
    """
    settings = configured(config)
    if sum((requirements, pylock, as_json)) > 1:
        raise ConfigError(["--requirements, --pylock and --json: give one of them"])
    targets = _targets(settings, target)
    rows = _proved(settings, root, targets, budget)
    if requirements or pylock:
        _print_lock(rows, url or settings.destination.as_uri(), pylock=pylock)
    elif as_json:
        show_json([_json(row) for row in rows])
    else:
        _print(rows, pins=root is not None)
    raise typer.Exit(0 if all(row[2].verdict == "proven" for row in rows) else 1)


def _targets(settings: "Config", name: str | None) -> "Sequence[ProofTarget]":
    from datetime import UTC, datetime

    from pypisync.core.environments.proof_targets import named

    found, missing = settings.machines(datetime.now(UTC).date())
    chosen = [one for one in found if name in (None, one.name)]
    if name is not None and not chosen:
        try:
            return [named(name)]
        except ValueError as error:
            known = ", ".join(f'"{one.name}"' for one in found) or "none"
            raise ConfigError([f"{error}; those of the configuration: {known}"]) from None
    if missing and name is None:
        typer.echo(f"not proved, for want of a known platform: {', '.join(missing)}", err=True)
    if not chosen:
        raise ConfigError(
            ['the environments of the configuration have no proof target: name one with "--target"']
        )
    return chosen


def _proved(
    settings: "Config", name: str | None, targets: "Sequence[ProofTarget]", seconds: float
) -> "list[Row]":
    from datetime import UTC, datetime

    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.queries.listed_index import holdings

    with Reader(settings.database_url) as reader:
        subjects = _subjects(reader, settings, name)
        held = holdings(reader, {need.name for one in subjects for need in one.wanted})
    known = settings.machines(datetime.now(UTC).date())[0]
    numbers = {one.name: i for i, one in enumerate(known)}
    return list(_solved(subjects, held, targets, seconds, numbers))


def _subjects(reader: Any, settings: "Config", given: str | None) -> "list[Subject]":
    """Returns the roots and groups, or those that ``given`` names.

    Raises ConfigError if there is none.
    """
    from pypisync.catalog.queries.listed_index import roots
    from pypisync.core.wanted.groups import means, of_group, of_root
    from pypisync.core.wanted.selector import parse_root

    groups = [of_group(group) for group in settings.groups if group.resolve]
    if given is None:
        return [*map(of_root, roots(reader)), *groups]
    if found := [one for one in groups if means(given, one.text)]:
        return found
    if any(given == group.name for group in settings.groups):
        raise ConfigError([f'"{given}" is mirrored exactly as it stands: nothing is to be proven'])
    try:
        name, extras = parse_root(given)
    except ValueError as error:
        raise ConfigError([str(error)]) from None
    found = [of_root(one) for one in roots(reader, name) if not extras or one.extras == extras]
    if not found:
        what = (
            f'"{given}" is not a root of the mirror, nor a requirements file of the configuration'
        )
        known = '"pypisync proofs" lists them; "pypisync why" says what a project is there for'
        raise ConfigError([f"{what}: {known}"])
    return found


def _solved(
    subjects: "Sequence[Subject]",
    held: "Offers",
    targets: "Sequence[ProofTarget]",
    seconds: float,
    numbers: "Mapping[str, int]",
) -> "Iterator[Row]":
    from pypisync.core.budget import Budget
    from pypisync.core.resolve.subject_prover import SubjectProver

    for target in targets:
        # Requirements that not all wheels state are known for the configuration's targets only.
        bit = 1 << numbers[target.name] if target.name in numbers else -1
        here = SubjectProver(target, held, subjects, bit)
        for subject in subjects:
            budget = Budget(_MOST_STEPS, time.monotonic() + seconds, time.monotonic)
            yield subject, target, here.whole(subject, budget)


def _print(rows: "Sequence[Row]", *, pins: bool) -> None:
    heads = ("root", "target", "verdict", "releases")
    lines = []
    for root, target, proof in rows:
        number = count(len(proof.pins)) if proof.pins else ""
        lines.append((root.text, target.name, proof.verdict, number))
    show("Proofs", heads, lines)
    for root, target, proof in rows:
        if proof.why:
            typer.echo(clean(f"{root.text} on {target.name} is {proof.verdict}:"))
            typer.echo("\n".join(clean(f"  {line}") for line in proof.why))
        elif pins:
            title = f"{root.text} on {target.name}"
            if len(rows) > 1 and not sys.stdout.isatty():  # where a table has no title
                typer.echo(clean(f"{title}:"))
            show(title, ("project", "version", "file"), map(_pin_row, proof.pins))


def _pin_row(pin: "Installed") -> tuple[str, str, str]:
    extras = f"[{','.join(pin.extras)}]" if pin.extras else ""
    return pin.name + extras, pin.usable.release.version, pin.usable.file.filename


def _json(row: "Row") -> dict[str, Any]:
    root, target, proof = row
    return {
        "root": root.text,
        "target": target.name,
        "verdict": proof.verdict,
        "why": proof.why,
        "steps": proof.steps,
        "pins": [
            {
                "project": pin.name,
                "extras": pin.extras,
                "version": pin.usable.release.version,
                "file": pin.usable.file.filename,
                "sha256": pin.usable.file.sha256,
            }
            for pin in proof.pins
        ],
    }


def _print_lock(rows: "Sequence[Row]", url: str, *, pylock: bool) -> None:
    """Print the pins of the one proof there is. Raises ConfigError if there are several."""
    from pypisync.core.resolve.export import pylock_toml, requirements_txt

    if len(rows) != 1:
        several = ", ".join(f'{root.text} on "{target.name}"' for root, target, _ in rows[:10])
        raise ConfigError(
            [f'{len(rows)} proofs: name one root and a "--target" to print the pins of: {several}']
        )
    ((root, target, proof),) = rows
    if proof.verdict != "proven":
        lines = [f"{root.text} on {target.name} is {proof.verdict}:", *proof.why]
        typer.echo("\n".join(map(clean, lines)), err=True)
        return
    if pylock:
        typer.echo(pylock_toml(proof.pins, target, url), nl=False)
    else:
        typer.echo("\n".join(requirements_txt(proof.pins)))


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
    from msgspec.structs import asdict

    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.queries.proofs import on_record

    with Reader(configured(config).database_url) as reader:
        found = on_record(reader, subject, verdict)
    if found is None:
        raise ConfigError([f'"{subject}" is no root or group that is proven'])
    if as_json:
        pins = ([_as_object(pin) for pin in one.pins] for one in found)
        show_json([asdict(one) | {"pins": some} for one, some in zip(found, pins, strict=True)])
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
