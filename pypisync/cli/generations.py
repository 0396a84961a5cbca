"""``generations``, ``diff``, ``rollback`` and ``tag``: the published states, and going back."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from pypisync.cli.common import AsJson, ConfigFile, configured, count, moment, show, show_json
from pypisync.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.queries.generations import Difference, Generation, ProofMoved
    from pypisync.config.load import Config
    from pypisync.cycle.rollback import Order

_NAMED = 20  # files that a refusal names
_RELEASED = 'the next sync publishes the newest state: "pypisync sync"'
_RELEASED_INSIDE = "the index is that of the last bundle again, and the next bundle can be imported"
_PINS = 5  # of a proof, shown in a line; --json has them all

Which = Annotated[str | None, typer.Argument(metavar="[GENERATION]", help="Its number or name.")]


def generations(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """List the published states that are kept, the newest first."""
    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.queries.generations import all_generations

    with Reader(configured(config).database_url) as reader:
        found = all_generations(reader)
    if as_json:
        show_json(found)
        return
    columns = ("generation", "published", "serial", "names", "projects", "releases", "files")
    show("Generations", (*columns, "bytes", "since the one before", ""), map(_line, found))


def _line(found: "Generation") -> tuple[str, ...]:
    from pypisync.core.display import show_size

    listed, differs = found.listed, found.differs
    figures = [count(listed[name]) for name in ("projects", "releases", "files")]
    differences = f"+{differs['came']} -{differs['went']} ~{differs['changed']} files"
    said = [
        "" if found.replaced else "the newest",
        "" if found.complete else "not all of its pages are written yet",
        f"equal to {found.repeats}" if found.repeats else "",
        "the index stays at it" if found.frozen else "",
    ]
    return (
        str(found.number),
        moment(found.at),
        str(found.serial or "-"),
        " ".join(found.names),
        *figures,
        show_size(listed["bytes"]),
        f"{differences}, {count(differs['pages'], 'page')}",
        ", ".join(filter(None, said)),
    )


def diff(
    old: Annotated[str, typer.Argument(metavar="A", help="A generation: its number or name.")],
    new: Annotated[str, typer.Argument(metavar="B", help="The one to compare it with.")],
    *,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what came, went and changed from generation A to generation B.

    It compares projects, releases and files, and the proofs: by target the verdicts, and the pins
    of proofs that are proven in both.
    """
    from msgspec.structs import asdict

    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.queries.generations import difference

    with Reader(configured(config).database_url) as reader:
        numbers = _number(reader, old), _number(reader, new)
        found = difference(reader, *numbers)
    if as_json:
        show_json({"from": numbers[0], "to": numbers[1], **asdict(found)})
        return
    show(f"From {numbers[0]} to {numbers[1]}", ("", "what", "which", "how"), _moves(found))


def _moves(found: "Difference") -> Iterator[tuple[str, str, str, str]]:
    for what, moved in (
        ("project", found.projects),
        ("release", found.releases),
        ("file", found.files),
    ):
        yield from (("came", what, which, "") for which in moved.came)
        yield from (("went", what, which, "") for which in moved.went)
        yield from (("changed", what, which, how) for which, how in moved.changed.items())
    for proof in found.proofs:
        which = f"{proof.subject} on {proof.targets}"
        if not proof.before:
            yield ("came", "proof", which, proof.after)
        elif not proof.after:
            yield ("went", "proof", which, proof.before)
        else:
            yield ("changed", "proof", which, _how(proof))


def _how(proof: "ProofMoved") -> str:
    """Returns how a verdict differs; if it does not, a few of the pins that do."""
    if proof.before != proof.after:
        return f"{proof.before} -> {proof.after}"
    pins = [f"{name} {how}" for name, how in proof.pins.changed.items()]
    pins += [f"+{name}" for name in proof.pins.came] + [f"-{name}" for name in proof.pins.went]
    more = [f"and {len(pins) - _PINS} more"] if len(pins) > _PINS else []
    return ", ".join(pins[:_PINS] + more)


def rollback(
    generation: Which = None,
    *,
    config: ConfigFile = None,
    release: Annotated[
        bool, typer.Option("--release", help="Let the index follow upstream again.")
    ] = False,
) -> None:
    """Publish an earlier generation again, and stay at it.

    Syncs go on learning and fetching, but publish nothing newer until --release. With the number
    of the newest generation the index just stays as it is. Exit code 4 if files are missing.
    Where a daemon runs, it does this, and the command waits for it.
    """
    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.queries.fed import last_bundle
    from pypisync.catalog.queries.generations import frozen_to
    from pypisync.cycle.rollback import follow, to_generation

    understood = configured(config)
    if (generation is None) != release:
        raise ConfigError(["say either a generation to go back to, or --release"])
    with Reader(understood.database_url) as reader:
        number = 0 if generation is None else _number(reader, generation)
        inside = last_bundle(reader) is not None
        follows = frozen_to(reader) is None
    if generation is None:
        if follows:
            typer.echo("the index is not kept back: there is nothing to release")
            return
        _order(understood, follow())
        typer.echo(_RELEASED_INSIDE if inside else _RELEASED)
        return
    _refuse_damage(understood, number)
    _order(understood, to_generation(number))
    typer.echo(
        f"the index is that of generation {number} now, and stays so until"
        ' "pypisync rollback --release"'
    )


def _refuse_damage(config: "Config", number: int) -> None:
    """Raise StorageError if a file that is needed cannot be had."""
    from pypisync.catalog.db.transactions import Catalog
    from pypisync.cycle.rollback import damage

    catalog = Catalog(config.database_url, writer=False)
    try:
        found = damage(catalog, config.destination, number, config.policy)
    finally:
        catalog.close()
    if found:
        lines = [f"{path}: {detail}" for path, detail in sorted(found.items())]
        more = [f"and {count(len(lines) - _NAMED)} more"] if len(lines) > _NAMED else []
        raise StorageError(
            "\n".join(
                [
                    f"generation {number} cannot be published again, for files of it are gone:",
                    *lines[:_NAMED],
                    *more,
                ]
            )
        )


def tag(
    generation: Which = None,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="What to call it.")] = None,
    *,
    config: ConfigFile = None,
    move: Annotated[
        bool, typer.Option("--move", help="Take the name from the generation that has it.")
    ] = False,
    delete: Annotated[
        str | None, typer.Option("--delete", metavar="NAME", help="Take this name away.")
    ] = None,
) -> None:
    """Give a generation a name: it is then kept for ever, with all its files."""
    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.queries.generations import find
    from pypisync.core.values import generation_name
    from pypisync.cycle.rollback import named

    understood = configured(config)
    if (delete is None) == (name is None or generation is None):
        raise ConfigError(["say either a generation and a name for it, or --delete and a name"])
    with Reader(understood.database_url) as reader:
        if name is None or generation is None:
            name = delete or ""
            if find(reader, name) is None or name.isdigit():
                raise ConfigError([f'no generation is called "{name}"'])
            number = None
        else:
            number = _number(reader, generation)
            try:
                generation_name(name)
            except ValueError as error:
                raise ConfigError([f'"{name}": {error}']) from None
            has = find(reader, name)
            if has not in (None, number) and not move:
                raise ConfigError([f'"{name}" is generation {has}: --move takes it from there'])
    _order(understood, named(name, number))
    said = "names no generation now" if number is None else f"is generation {number} now"
    typer.echo(f"{name} {said}")


# -- shared ---------------------------------------------------------------------------------


def _number(reader: "Reader", which: str) -> int:
    """Returns the generation's number. Raises ConfigError."""
    from pypisync.catalog.queries.generations import find

    number = find(reader, which)
    if number is None:
        raise ConfigError([f'there is no generation "{which}": "pypisync generations" lists them'])
    return number


def _order(config: "Config", order: "Order") -> None:
    """See an order carried out, here or by the process that writes.

    Raises StorageError if it could not be done.
    """
    from pypisync.cli import ordering
    from pypisync.storage.orders import slip

    outcome = ordering.state(config, order, slip())
    if outcome.exit_code:
        raise StorageError("\n".join(outcome.said))
