"""What is looked at again in slow rounds: files by their last check, projects by name."""

from collections.abc import Iterable

from sqlalchemy import Connection, func, select, update

from pypisync.catalog.db.pool import Stored
from pypisync.catalog.db.schema import pages, stored
from pypisync.catalog.db.sql import batches


def oldest_checked(connection: Connection, before: float, share: int) -> list[Stored]:
    """Files not checked since ``before``, the longest unchecked first: one in ``share`` of all."""
    total = connection.scalar(select(func.count()).select_from(stored)) or 0
    query = (
        select(stored.c.path, stored.c.sha256, stored.c.size)
        .where(stored.c.checked < before, stored.c.sha256 != "")
        .order_by(stored.c.checked, stored.c.path)
        .limit(-(-total // share))
    )
    return [Stored(*row) for row in connection.execute(query)]


def checked(connection: Connection, paths: Iterable[str], now: float) -> None:
    """These were found to be as they should."""
    for batch in batches(paths):
        connection.execute(update(stored).where(stored.c.path.in_(batch)).values(checked=now))


def next_projects(connection: Connection, after: str, share: int) -> list[str]:
    """The next project pages by name, from the first again after the last: one in ``share``."""
    here = pages.c.last.is_(None)
    total = connection.scalar(select(func.count()).select_from(pages).where(here)) or 0
    query = select(pages.c.name).where(here).order_by(pages.c.name).limit(-(-total // share))
    return list(connection.scalars(query.where(pages.c.name > after))) or list(
        connection.scalars(query)
    )
