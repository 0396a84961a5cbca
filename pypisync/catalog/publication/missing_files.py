"""Which files the pool lacks."""

from typing import Any

from msgspec import Struct
from sqlalchemy import CompoundSelect, Connection, Select, and_, select, union_all

from pypisync.catalog.db import pool
from pypisync.catalog.db.schema import files, projects, published, releases, selected, stored
from pypisync.catalog.db.sql import is_set, once, raw
from pypisync.catalog.facts import lock_files
from pypisync.catalog.publication.assemble import has_metadata
from pypisync.catalog.publication.unread import is_selected
from pypisync.core.standards.filenames import METADATA


class FileToFetch(Struct, frozen=True):
    """A file of the selection that the pool does not hold; ``metadata`` if .metadata is missing."""

    id: int
    url: str
    path: str
    sha256: str
    size: int | None
    file: bool
    index: str  # the index that it is from
    metadata: str | None  # its stated SHA-256 ("" if none is stated); None: not wanted
    stated: str = ""  # another hash that upstream states
    came: bool = False  # before it was decided whether it may


def files_to_fetch(connection: Connection) -> list[FileToFetch]:
    """Returns the files that the pool lacks, of projects that changed.

    The wanted ones; and those that a kept generation lists and the pool has lost, as far as
    upstream still has them. What came before it was decided whether it may counts as lacking.
    """
    if connection.scalar(once(_any_unpublished)) is None:
        return []
    # What was taken off the page and is back: the bytes that came first are still there.
    pool.learn_hashes(connection)
    wanted: dict[int, FileToFetch] = {}
    for row in raw(connection, once(_perhaps_missing)):
        number, url, path, sha256, size, beside, has, has_beside, index, stated, early = row
        came = bool(early) and has == sha256
        file = not has or has != sha256 or came
        metadata = None if has_metadata(beside, has_beside) else beside
        if file or metadata is not None:
            wanted[number] = FileToFetch(
                number, url, path, sha256, size, file, index, metadata, stated or "", came
            )
    return [wanted[number] for number in sorted(wanted)]


def _any_unpublished() -> Select[int]:
    return select(projects.c.id).where(is_set(projects.c.unpublished)).limit(1)


def _perhaps_missing() -> CompoundSelect[Any]:
    """Returns the query for the files that the pages are to list, with what is stored of them."""
    unpublished = is_set(projects.c.unpublished)
    meta = stored.alias("meta")
    f, p = files.c, published.c
    columns = select(
        f.id, f.url, f.path, f.sha256, f.size, f.metadata_sha256,
        stored.c.sha256, meta.c.sha256, f.index_name, f.stated, pool.is_early(),
    )  # fmt: skip
    kept = projects.join(releases).join(selected, is_selected()).join(files)
    named = f.id.in_(lock_files.named_files(unpublished))
    same = and_(f.filename == p.filename, f.path == p.path, f.sha256 == p.sha256)
    listed = projects.join(published, p.name == projects.c.name).join(files, same)
    lost = and_(f.kept, stored.c.path.is_(None))
    sources = (kept, f.kept), (projects.join(releases).join(files), named), (listed, lost)
    return union_all(
        *(
            columns.select_from(
                base.outerjoin(stored, stored.c.path == f.path).outerjoin(
                    meta, meta.c.path == f.path + METADATA
                )
            ).where(unpublished, condition)
            for base, condition in sources
        )
    )
