"""What the METADATA of files says: of the files themselves, and which of them state a requirement.

The files of a release may differ in what they require, and then a target has the requirements of
those that it takes. They may also narrow ``Requires-Python`` further than the index says, or say
what makes an installer pass over them.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, Literal

from msgspec import Struct, field
from sqlalchemy import Connection, Select, Update, bindparam, select, update

from pypisync.catalog.db.schema import files, projects, releases
from pypisync.catalog.db.sql import (
    among,
    batches,
    execute_among,
    once,
    rows_among,
    to_mask,
    to_text,
    update_among,
)
from pypisync.core.filters.file_rules import FileFacts, Rules, Taken, as_pinned, taken
from pypisync.core.standards import filenames
from pypisync.core.standards.metadata import About, is_foreign
from pypisync.core.standards.model import INSIDE, STOPS, Requirement
from pypisync.core.standards.requires_python import Installer

EVERYWHERE: Mapping[str, str | None] = dict.fromkeys(
    ("targets", "machines_pip", "machines_uv", "machines_pinned")
)


class Reading(Struct, frozen=True):
    """What the METADATA of a file says of the file itself."""

    requires_python: str | None
    refused: Mapping[Installer, str]  # why an installer passes over the file


class Stated(Struct, frozen=True):
    """A runtime requirement of a release."""

    requirement: Requirement
    by: frozenset[str] | None = None  # the names of the files that state it; None: all do
    # Those of which pip follows it, for they declare its extra; None: all that state it.
    by_pip: frozenset[str] | None = None


class Knowledge(Struct, frozen=True):
    """What was read of one release's requirements."""

    release: int
    # metadata, wheel, ranges (parts of a wheel), json, sdist; "" if nothing could be read
    source: str
    state: Literal["known", "unavailable"]
    runtime: tuple[Stated, ...] = ()
    readings: Mapping[str, Reading] = field(default_factory=dict)  # by filename
    build: tuple[Requirement, ...] = ()
    provides: tuple[str, ...] = ()
    about: About | None = None  # None: no METADATA was read
    # What was read of wheels by Range: the SHA-256 of METADATA, by path.
    ranged: Mapping[str, str] = field(default_factory=dict)
    partly: bool = False  # wheels of it have not been read, which are to come

    @property
    def split(self) -> bool:
        """Whether its files state different requirements."""
        return any(one.by is not None or one.by_pip is not None for one in self.runtime)


def note(connection: Connection, known: Sequence[Knowledge]) -> set[int]:
    """Record what was read of files. Returns the projects whose masks are to be derived again."""
    items = {item.release: item for item in known}
    changed: list[dict[str, Any]] = []
    doubted: set[int] = set()
    for number, release, name, page, *was, project in rows_among(connection, _of_files, items):
        found = items[release].readings.get(name)
        if found is None:
            continue  # what was read of it before holds as long as it is the same file
        inside = found.requires_python
        row = {
            "row": number,
            "inside_python": None if inside == page else inside or "",
            "refused_pip": found.refused.get("pip", ""),
            "refused_uv": found.refused.get("uv", ""),
        }
        if list(row.values())[1:] != was:
            changed.append(row)
            doubted.add(project)
    if changed:
        row_of = once(lambda: update(files).where(files.c.id == bindparam("row")))
        connection.execute(row_of, changed)
    return doubted


def _of_files() -> Select[Any]:
    f = files.c
    return (
        select(
            f.id, f.release_id, f.filename, f.requires_python,
            f.inside_python, f.refused_pip, f.refused_uv, releases.c.project_id,
        )
        .join_from(files, releases)
        .where(among(f.release_id))
    )  # fmt: skip


def built(connection: Connection, known: Sequence[Knowledge]) -> set[int]:
    """Returns those of the releases that are built from their sdist on some target."""
    return {row[0] for row in rows_among(connection, _built, [item.release for item in known])}


def _built() -> Select[Any]:
    return select(releases.c.id).where(among(releases.c.id), releases.c.builds != "0")


def kept(connection: Connection, known: Sequence[Knowledge]) -> set[tuple[int, str]]:
    """Returns the files of the releases that are kept, each with its release."""
    rows = rows_among(connection, _kept, [item.release for item in known])
    return {(row.release_id, row.filename) for row in rows}


def read_again(connection: Connection, ids: Iterable[int]) -> None:
    """Let the requirements of releases be read again, and what depends on them be proven anew."""
    for batch in batches(ids):
        update_among(connection, releases.c.id, batch, knowledge="wanted", undecided=True)
        execute_among(connection, _unproven, batch)


def forget(connection: Connection, ids: Iterable[int]) -> None:
    """Let what was read of releases be read again if a proof asks for it."""
    for batch in batches(ids):
        update_among(connection, releases.c.id, batch, knowledge="unknown", partly=False)
        execute_among(connection, _unproven, batch)


def _unproven() -> Update:
    of = projects.c.id.in_(select(releases.c.project_id).where(among(releases.c.id)))
    return update(projects).where(of).values(unproven=True)


class Parts:
    """On which targets the files of releases are taken whose requirements differ."""

    def __init__(self) -> None:
        self._targets: dict[int, dict[str, int]] = {}
        self._machines: dict[tuple[int, str], dict[str, Taken]] = {}

    def of(self, release: int, one: Stated) -> Mapping[str, str | None]:
        """Returns the columns of a requirement of a release.

        What is found inside a wheel stops whoever installs it; all else counts where METADATA is
        read.
        """
        if one.by is None and one.by_pip is None:
            return EVERYWHERE
        targets = self._targets.get(release, {})
        some = None if one.by is None else _union(targets.get(name, 0) for name in one.by)
        found = {"targets": None if some is None else to_text(some)}
        for by in ("pip", "uv", "pinned"):
            masks = self._machines.get((release, by), {})
            stating = one.by_pip if by == "pip" and one.by_pip is not None else one.by
            there = [mask for name, mask in masks.items() if stating is None or name in stating]
            stops = one.requirement.text in STOPS
            installs = _union(it.installs for it in there) if stops else 0
            reads = _union(it.reads for it in there) if one.requirement.text not in INSIDE else 0
            found[f"machines_{by}"] = to_text(installs | reads)
        return found

    def add(self, release: int, project: str, rows: Sequence[Any], rules: Rules) -> None:
        """Add the kept files of a release."""
        facts = [
            FileFacts(
                filenames.parse(project, row.filename),
                row.requires_python,
                row.yanked is not None,
                foreign=is_foreign(row.refused_pip),
                reason=bool(row.yanked),
            )
            for row in rows
        ]
        names = [row.filename for row in rows]
        for by, masks in {
            "pip": taken(facts, rules.machines, "pip"),
            "uv": taken(facts, rules.machines, "uv"),
            "pinned": taken(as_pinned(facts), rules.machines, "uv"),
        }.items():
            self._machines[release, by] = dict(zip(names, masks, strict=True))
        wheels = _union(
            to_mask(row.admits) for row in rows if row.kind == "wheel" and row.yanked is None
        )
        built = _union(to_mask(row.admits) for row in rows if row.kind == "sdist") & ~wheels
        reads = self._machines[release, "uv"]
        # Where an sdist is built uv reads the METADATA of a wheel that does not fit.
        self._targets[release] = {
            row.filename: to_mask(row.admits) | (built if reads[row.filename].reads else 0)
            for row in rows
        }


def parts(connection: Connection, known: Sequence[Knowledge], rules: Rules) -> Parts:
    """Returns on which targets the files of those releases are taken that are split."""
    found = Parts()
    split = [item.release for item in known if item.split]
    rows = dict[tuple[int, str], list[Any]]()
    for row in rows_among(connection, _kept, split):
        rows.setdefault((row.release_id, row.name), []).append(row)
    for (release, project), some in rows.items():
        found.add(release, project, some, rules)
    return found


def _kept() -> Select[Any]:
    f = files.c
    return (
        select(
            f.release_id, projects.c.name, f.filename, f.kind, f.requires_python, f.yanked,
            f.admits, f.refused_pip,
        )
        .join_from(files, releases)
        .join(projects)
        .where(among(f.release_id), f.kept)
        .order_by(f.filename)
    )  # fmt: skip


def _union(masks: Iterable[int]) -> int:
    return reduce(or_, masks, 0)
