"""``why``: the way from a root to a release, requirement by requirement."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pypisync.cli.common import AsJson, ConfigFile, clean, configured, show_json
from pypisync.errors import ConfigError

if TYPE_CHECKING:
    from packaging.version import Version

    from pypisync.catalog.answers import Reason
    from pypisync.core.chains import RootLine


def why(
    what: Annotated[str, typer.Argument(metavar="NAME[==VERSION]", help="The project.")],
    *,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show why a project's releases are mirrored.

    A shortest way from a root to each, with the requirement of every step. Exit code 1 if none is
    selected; what is known of it is said.
    """
    from pypisync.catalog.answers import Unselected
    from pypisync.catalog.answers import why as find
    from pypisync.catalog.reader import Reader

    name, version = _parsed(what)
    with Reader(configured(config).database_url) as reader:
        found = find(reader, name, version)
    answer: dict[str, Any] = {"project": name, "version": version and str(version)}
    if isinstance(found, Unselected):
        label = name if version is None else f"{name}=={version}"
        stays = "; its page lists it still" if found.listed else ""
        lines = [clean(f"{label} is not selected: {found.reason}{stays}")]
        answer |= {"selected": False, **asdict(found)}
    else:
        lines = list(_lines(found))
        answer |= {"selected": True, "releases": [asdict(reason) for reason in found]}
    if as_json:
        show_json(answer)
    else:
        typer.echo("\n".join(lines))
    raise typer.Exit(1 if isinstance(found, Unselected) else 0)


def _parsed(what: str) -> "tuple[str, Version | None]":
    """The normalised name and version. Raises ConfigError."""
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    name, given, version = what.partition("==")
    try:
        normal = canonicalize_name(name.strip(), validate=True)
        return normal, Version(version) if given else None
    except ValueError:  # both errors of packaging are, and a number beyond all measure
        raise ConfigError(
            [f'"{what}": must be a project such as "django" or "django==5.1"']
        ) from None


def _lines(reasons: "list[Reason]") -> Iterator[str]:
    for reason in reasons:
        yield clean(_line(reason))
        if reason.held:
            yield clean(f"  held: {reason.held}")


def _line(reason: "Reason") -> str:
    if reason.root is None:
        return f"{reason.project} {reason.version}: selected, but no root leads to it any more"
    parts = [_root(reason.root)]
    for step in reason.steps:
        extra = f"[{step.extra}]" if step.extra else ""
        verb = "is built with" if step.kind == "build" else "requires"
        parts.append(f'{step.project}{extra} {step.version} {verb} "{step.requirement}"')
    parts.append(f"{reason.project} {reason.version}")
    return " -> ".join(parts)


def _root(root: "RootLine") -> str:
    from pypisync.core.graph import PINNED
    from pypisync.core.group import GROUP

    extras = f"[{root.extras}]" if root.extras else ""
    if root.origin == "held":
        return f"kept while a newer release is held: {root.project} {root.selector}"
    if root.origin.startswith(GROUP):
        group = root.origin.removeprefix(GROUP)
        if root.extras == PINNED:
            return f'"{group}" names {root.project} {root.selector}'
        return f'"{group}" asks for {root.project}{extras} "{root.selector}"'
    pattern = f' (pattern "{root.origin}")' if root.origin else ""
    return f'root {root.project}{extras} "{root.selector}"{pattern}'
