"""``graph``: what needs what, for Graphviz or as JSON, a line an edge."""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pypisync.cli.common import AsJson, ConfigFile, clean, configured
from pypisync.errors import ConfigError

if TYPE_CHECKING:
    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.queries.graph import CalledRelease, Edge
    from pypisync.core.wanted.roots import Root


def graph(
    root: Annotated[
        str | None,
        typer.Argument(metavar="[ROOT]", help="A root or a group's file; without it, all of them."),
    ] = None,
    *,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Print the selection as a graph, in Graphviz's DOT language.

    Roots point to the releases they call for, and releases to those that were chosen for their
    requirements. Dashed: needed to build. Red: nothing meets it.
    """
    from pypisync.catalog.db.reader import Reader
    from pypisync.catalog.queries.graph import edges, edges_below

    with Reader(configured(config).database_url) as reader:
        roots = _roots(reader, root)
        found = edges(reader) if root is None else edges_below(reader, roots)
        for line in _json(roots, found) if as_json else _dot(roots, found):
            typer.echo(line)


def _roots(reader: "Reader", given: str | None) -> "list[CalledRelease]":
    """Returns all roots, or those that are meant. Raises ConfigError if there is none."""
    from pypisync.catalog.queries.graph import called
    from pypisync.core.wanted.selector import parse_root

    if given is None:
        return called(reader)
    found = called(reader, group=given)
    if found:
        return found
    try:
        name, extras = parse_root(given)
    except ValueError as error:
        raise ConfigError([f"{error}, nor a group of the mirror"]) from None
    found = called(reader, name)
    found = [one for one in found if not extras or one.root.extras == extras]
    if not found:
        raise ConfigError([f'"{given}" is not a root of the mirror, or calls for nothing'])
    return found


def _dot(roots: "Iterable[CalledRelease]", found: "Iterable[Edge]") -> Iterator[str]:
    yield "digraph {"
    yield "  rankdir=LR"
    yield "  node [shape=box]"
    seen: set[int] = set()
    for one in roots:
        name = _quoted(f"root {one.number}")
        if one.number not in seen:
            seen.add(one.number)
            yield f"  {name} [label={_quoted(_title(one.root))} style=bold]"
        yield f"  {name} -> {_quoted(one.label)}"
    for edge in found:
        looks = " style=dashed" if edge.kind == "build" else ""
        looks += "" if edge.met else " color=red"
        ends = f"{_quoted(edge.release)} -> {_quoted(edge.needs)}"
        yield f"  {ends} [label={_quoted(edge.requirement)}{looks}]"
    yield "}"


def _title(root: "Root") -> str:
    from pypisync.cli.why import named
    from pypisync.core.wanted.roots import Origin

    if root.origin == Origin.PROOF:
        return f"pinned by a proof: {root.project} {root.selector}"
    if root.origin == Origin.HELD:
        return f"kept as it is published: {root.project} {root.selector}"
    return named(root)


def _quoted(text: str) -> str:
    r"""Returns the text as DOT takes it.

    A label knows ``\n``, ``\N`` and the like, and entities such as &lt;.
    """
    escaped = clean(text).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _json(roots: "Iterable[CalledRelease]", found: "Iterable[Edge]") -> Iterator[str]:
    """Yields one object, an element a line."""
    from pypisync.cli.why import as_object

    lines = ({"root": as_object(one.root), "release": one.label} for one in roots)
    yield '{"roots": ['
    yield from _elements(lines)
    yield '], "edges": ['
    yield from _elements(edge._asdict() for edge in found)
    yield "]}"


def _elements(values: Iterable[Any]) -> Iterator[str]:
    last = None
    for value in values:
        if last is not None:
            yield f"  {last},"
        last = json.dumps(value)
    if last is not None:
        yield f"  {last}"
