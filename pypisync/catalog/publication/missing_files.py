"""Which files the pool lacks."""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, select, true

from pypisync.catalog.db import pool
from pypisync.catalog.db.schema import files, projects, published, releases, selected, stored
from pypisync.catalog.db.sql import is_set
from pypisync.catalog.facts import lock_files
from pypisync.catalog.publication.assemble import has_metadata, is_selected
from pypisync.core.standards.filenames import METADATA


@dataclass(frozen=True, slots=True)
class FileToFetch:
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


def files_to_fetch(connection: Connection) -> list[FileToFetch]:
    """Returns the files that the pool lacks, of projects that changed.

    The wanted ones; and those that a kept generation lists and the pool has lost, as far as
    upstream still has them.
    """
    unpublished = is_set(projects.c.unpublished)
    if connection.scalar(select(projects.c.id).where(unpublished).limit(1)) is None:
        return []
    # What was taken off the page and is back: the bytes that came first are still there.
    pool.learn_hashes(connection, true())
    meta = stored.alias("meta")
    f, p = files.c, published.c
    columns = select(
        f.id, f.url, f.path, f.sha256, f.size, f.metadata_sha256,
        stored.c.sha256, meta.c.sha256, f.index_name, f.stated,
    )  # fmt: skip
    kept = projects.join(releases).join(selected, is_selected()).join(files)
    named = f.id.in_(lock_files.named_files(unpublished))
    same = and_(f.filename == p.filename, f.path == p.path, f.sha256 == p.sha256)
    listed = projects.join(published, p.name == projects.c.name).join(files, same)
    lost = and_(f.kept, stored.c.path.is_(None))
    sources = (kept, f.kept), (projects.join(releases).join(files), named), (listed, lost)
    wanted: dict[int, FileToFetch] = {}
    for base, condition in sources:
        query = columns.select_from(
            base.outerjoin(stored, stored.c.path == f.path).outerjoin(
                meta, meta.c.path == f.path + METADATA
            )
        )
        for row in connection.execute(query.where(unpublished, condition)):
            file = not row[6] or row[6] != row[3]
            metadata = None if has_metadata(row[5], row[7]) else row[5]
            if file or metadata is not None:
                wanted[row[0]] = FileToFetch(*row[:5], file, row[8], metadata, row[9] or "")
    return [wanted[number] for number in sorted(wanted)]
