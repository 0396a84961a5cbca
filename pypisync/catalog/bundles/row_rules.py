"""What values in rows of a bundle have to look like, as everything that this code writes does.

Types, references and places of slices are checked where rows are read. What is not named here is
text that is shown, or numbers; whoever signs a bundle is trusted to have them right.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import GenericAlias
from typing import Annotated, Any

from msgspec import Meta
from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, Table

from pypisync.catalog.bundles.slices import columns
from pypisync.core.publish.pages import is_time
from pypisync.core.standards import versions

Rule = Callable[[Any], object]  # true: the value is as it has to be

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")  # PEP 503, normalised
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MASK = re.compile(r"[0-9a-f]{1,100000}")
_FILENAME = re.compile(r"(?!\.{1,2}$)[^/\\\x00-\x1f\x7f-\x9f]{1,255}")
# As core.standards.filenames.pool_path makes them: no file can be a folder of another one.
_PATH = re.compile(
    r"packages/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60}/"
    r"(?!\.{1,2}$)[^/\\\x00-\x1f\x7f-\x9f]{1,255}(?:\.metadata)?"
)

is_name = _NAME.fullmatch
is_sha256 = _SHA256.fullmatch
is_filename = _FILENAME.fullmatch
is_path = _PATH.fullmatch


def is_version(text: str) -> bool:
    """Returns whether the text is a version (PEP 440)."""
    return versions.parse(text) is not None


def _one_of(*words: str) -> Rule:
    return frozenset(words).__contains__


def _or_empty(rule: Rule) -> Rule:
    return lambda text: text == "" or rule(text)


def _is_count(number: int) -> bool:
    return number >= 0


_RULES: Mapping[str, Mapping[str, Rule]] = {
    "projects": {
        "name": is_name,
        "status": _one_of(
            "unseen", "gone", "active", "archived", "deprecated", "quarantined"
        ),
        "form": _one_of("", "json", "html", "legacy"),
    },
    "releases": {
        "version": is_version,
        **dict.fromkeys(
            ("admits", "admits_yanked", "builds", "serves", "serves_yanked", "unsure", "not_pip",
             "not_uv", "unseen_pip", "outside_uv", "yanked_pip", "yanked_uv", "built",
             "pinned_uv"),
            _MASK.fullmatch,
        ),
        "knowledge": _one_of("unknown", "wanted", "known", "unavailable"),
    },
    "files": {
        "filename": is_filename,
        "path": is_path,
        "sha256": _or_empty(is_sha256),
        "metadata_sha256": _or_empty(is_sha256),
        "size": _is_count,
        "uploaded": is_time,
        "kind": _one_of("wheel", "sdist"),
        "admits": _MASK.fullmatch,
    },
    "requirements": {
        "kind": _one_of("runtime", "build"),
        "targets": _MASK.fullmatch,
        "machines_pip": _MASK.fullmatch,
        "machines_uv": _MASK.fullmatch,
        "machines_pinned": _MASK.fullmatch,
    },
    "roots": {"state": _one_of("new", "kept", "dropped"), "unmet": _MASK.fullmatch},
    "locked": {"sha256": _or_empty(is_sha256)},
    "classes": {"mask": _MASK.fullmatch, "unmet": _MASK.fullmatch},
    "proof_pins": {"version": is_version},
    "proof_tried": {"version": is_version},
    "quarantined": {"path": is_path, "name": is_name},
}  # fmt: skip


@cache
def kind_of(table: Table) -> Any:
    """Returns the type of a list of the table's rows, as JSON is read by it."""
    row = GenericAlias(tuple, tuple(map(_kind, columns(table))))
    return GenericAlias(list, (row,))


def _kind(column: Column[Any]) -> Any:
    kind: Any = str
    if isinstance(column.type, Boolean):
        kind = Annotated[int, Meta(ge=0, le=1)]
    elif isinstance(column.type, Integer):
        kind = int
    elif isinstance(column.type, Float):
        kind = float
    elif isinstance(column.type, LargeBinary):
        kind = bytes
    return kind | None if column.nullable else kind


def fault(table: Table, rows: Sequence[tuple[Any, ...]]) -> str:
    """Returns what is wrong with rows of a table; "" if nothing is.

    Each value is looked at once: few different ones stand in many rows.
    """
    for place, name, holds in of_table(table):
        for value in {row[place] for row in rows}:
            if value is not None and not holds(value):
                return f"a row of {table.name} whose {name} is not valid"
    if table.name == "releases":
        names = [column.name for column in columns(table)]
        key, version = names.index("key"), names.index("version")
        if any(row[key] != versions.key_of(row[version]) for row in rows):
            return f"a row of {table.name} whose key is not of its version"
    return ""


@cache
def of_table(table: Table) -> Sequence[tuple[int, str, Rule]]:
    """Returns the rules for values of a table's rows: place in the row, name, rule."""
    named = _RULES.get(table.name, {})
    names = [column.name for column in columns(table)]
    return [(place, name, named[name]) for place, name in enumerate(names) if name in named]
