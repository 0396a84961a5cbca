"""Where files lie: never other bytes at a path that holds some, whatever their addresses say.

The path of a file follows from its address, so that lock files outlive a change of host. An index
chooses addresses freely, and may name one path for two files: of two indexes, of two projects whose
sdists can have one name, or of one file whose bytes it changed. Then the later one gets a path of
its own, where it stays.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import count
from typing import Any

from msgspec import Struct
from sqlalchemy import CompoundSelect, Connection, null, select, union

from pypisync.catalog.db.schema import files, projects, published, releases, stored
from pypisync.catalog.db.sql import among, tuples_among
from pypisync.catalog.facts.file_rows import row_file
from pypisync.core.standards import filenames


class Claim(Struct, frozen=True):
    """A file whose path or bytes are new; ``row`` has its columns."""

    project: str
    row: dict[str, Any]


def stay(row: dict[str, Any], was: Any) -> None:
    """Give a known file its place: its own one if it has that, another one if its bytes changed.

    The bytes of its ``.metadata`` count as well, which lies beside it.
    """
    same = row["sha256"] == was.sha256 and (
        row["sha256"] != "" or all(row[key] == getattr(was, key) for key in _TOLD)
    )
    if same and was.path not in (row["path"], filenames.pool_path(row_file(was))):
        row["path"] = was.path
    beside = {row[_METADATA], was.metadata_sha256} - {None, ""}
    held = was.sha256 or was.index_name != row[_INDEX]
    if (not same or len(beside) > 1) and was.path == row["path"] and held:
        row["path"] = next(path for path in _own(row) if path != was.path)


_INDEX = "index_name"
_METADATA = "metadata_sha256"
_TOLD = ("stated", "url", _INDEX)  # what an unverified file is known by


def settle(connection: Connection, claims: Sequence[Claim]) -> None:
    """Give each of the files a path of its own if that in its row holds, or may hold, others."""
    held = _Held(connection, claims)
    for claim in claims:
        others = _own(claim.row)
        while held.others(claim):
            claim.row["path"] = next(others)
            held.look(connection, [claim.row["path"]])
        held.take(claim)


def _own(row: dict[str, Any]) -> Iterator[str]:
    """Paths that follow from the bytes of a file, or from what is told of them."""
    told = row["sha256"] or sha256(" ".join(str(row[key]) for key in _TOLD).encode()).hexdigest()
    yield filenames.digest_path(row["filename"], told)
    for number in count(1):  # an address may spell even these
        other = sha256(f"{number} {told} {row[_METADATA]}".encode()).hexdigest()
        yield filenames.digest_path(row["filename"], other)


_Bytes = tuple[str, str]  # "" and a SHA-256, or a project and "" where none is known


def _bytes(project: str, row: dict[str, Any]) -> _Bytes:
    return ("", row["sha256"]) if row["sha256"] else (project, "")


class _Held:
    """What paths hold, or are to hold."""

    def __init__(self, connection: Connection, claims: Iterable[Claim]) -> None:
        self._bytes: dict[str, set[_Bytes]] = {}
        self._projects: dict[str, set[str]] = {}  # those for which a generation lists a file there
        self.look(connection, [claim.row["path"] for claim in claims])
        for claim in claims:
            self._look_at_rivals(connection, claim)

    def others(self, claim: Claim) -> bool:
        """Returns whether the path of this file holds other bytes, or may hold them."""
        path, mine = claim.row["path"], _bytes(claim.project, claim.row)
        held = self._bytes.get(path, set())
        if claim.row["sha256"]:
            return bool(held - {mine})
        # What came first under this name is still this project's file.
        unknown = {one for one in held if not one[1]} - {mine}
        return bool(unknown or self._projects.get(path, set()) - {claim.project})

    def take(self, claim: Claim) -> None:
        """Note that this file is to lie at its path."""
        self._bytes.setdefault(claim.row["path"], set()).add(_bytes(claim.project, claim.row))
        self._projects.setdefault(claim.row["path"], set()).add(claim.project)

    def look(self, connection: Connection, paths: Iterable[str]) -> None:
        """Read what is stored and listed at these paths."""
        paths = sorted(set(paths))
        for path, name, digest in tuples_among(connection, _there, paths):
            self._bytes.setdefault(path, set()).add(("", digest))
            if name is not None:
                self._projects.setdefault(path, set()).add(name)

    def _look_at_rivals(self, connection: Connection, claim: Claim) -> None:
        """Read where the files of this name of other projects lie."""
        rivals = filenames.rivals(claim.project, claim.row["filename"])
        if not rivals:
            return
        query = (
            select(projects.c.name, files.c.path, files.c.sha256)
            .join_from(projects, releases)
            .join(files)
            .where(projects.c.name.in_(rivals), files.c.filename == claim.row["filename"])
        )
        for name, path, digest in connection.execute(query):
            self._bytes.setdefault(path, set()).add(_bytes(name, {"sha256": digest}))
            self._projects.setdefault(path, set()).add(name)


def _there() -> CompoundSelect[str, str, str]:
    """Returns the query for what is stored, with no project, and for what generations list."""
    s, p = stored.c, published.c
    held = select(s.path, null(), s.sha256).where(among(s.path), s.sha256 != "")
    return union(held, select(p.path, p.name, p.sha256).where(among(p.path)))
