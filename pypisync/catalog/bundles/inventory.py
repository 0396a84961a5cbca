"""What is in a bundle, for whoever has to approve it: a row of CSV for each file.

Licences are as METADATA states them, vulnerabilities those that are on record of the release.
"""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, not_, select

from pypisync.catalog.bundles.listing import new_files
from pypisync.catalog.bundles.slices import stream
from pypisync.catalog.db.schema import projects, published, releases
from pypisync.catalog.db.schema_vulnerabilities import vulnerabilities
from pypisync.catalog.db.sql import among, batches
from pypisync.core.bundles.manifest import INVENTORY_COLUMNS
from pypisync.core.display import one_line
from pypisync.core.standards.filenames import METADATA

_BATCH = 2_000
# A spreadsheet would reckon; some take the wide ones for the others.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def rows(
    connection: Connection, since: int | None, lost: Sequence[str]
) -> Iterator[tuple[str, ...]]:
    """Yields a row of texts for each file that is listed now and was not in ``since``.

    The columns are those of ``INVENTORY_COLUMNS``. ``None``: all files that are listed. What is
    listed of the paths ``lost`` comes as well.
    """
    new = and_(*new_files(since))
    yield from _rows(connection, new)
    for batch in batches(sorted({path.removesuffix(METADATA) for path in lost})):
        yield from _rows(
            connection, and_(among(published.c.path, batch), published.c.last.is_(None), not_(new))
        )


def _rows(connection: Connection, wanted: ColumnElement[bool]) -> Iterator[tuple[str, ...]]:
    p, r = published.c, releases.c
    query = (
        select(
            p.name, p.version, p.filename, p.size, p.sha256, r.id, r.license_expression, r.license
        )
        .select_from(
            published.outerjoin(projects, projects.c.name == p.name).outerjoin(
                releases, and_(r.project_id == projects.c.id, r.version == p.version)
            )
        )
        .where(wanted)
    )
    ordered = stream(connection, query.order_by(p.name, p.version, p.filename))
    for batch in batches(ordered, _BATCH):
        known = _vulnerabilities(connection, [row[5] for row in batch if row[5] is not None])
        for name, version, filename, size, sha256, release, expression, said in batch:
            found = known.get(release, ())
            licence = expression or said or ""
            yield name, version, filename, str(size), sha256, plain(licence), " ".join(found)


def lines(connection: Connection, since: int | None, lost: Sequence[str]) -> Iterator[bytes]:
    """Yields the same as lines of CSV, with the names of the columns first."""
    yield _line(INVENTORY_COLUMNS)
    for row in rows(connection, since, lost):
        yield _line(row)


def _line(row: Sequence[str]) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue().encode()


def plain(text: str) -> str:
    """Returns text of others on one line, as text also for a spreadsheet."""
    shown = one_line(text)[:200]
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def _vulnerabilities(connection: Connection, ids: Sequence[int]) -> dict[Any, list[str]]:
    v, found = vulnerabilities.c, dict[Any, list[str]]()
    for batch in batches(sorted(set(ids))):
        query = select(v.release_id, v.id).where(among(v.release_id, batch))
        for release, number in connection.execute(query.order_by(v.release_id, v.id)):
            found.setdefault(release, []).append(plain(number).replace(" ", ""))
    return found
