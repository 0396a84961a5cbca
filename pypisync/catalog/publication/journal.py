"""The mirror's own journal: what changed on the pages, each row with a serial."""

from collections.abc import Sequence

from sqlalchemy import Connection, Delete, bindparam, delete, exists

from pypisync.catalog.db.schema_journal import journal
from pypisync.catalog.db.sql import once, pour
from pypisync.core.publish.journal import Entry, first_serial

_COLUMNS = ("serial", "name", "version", "at", "action")


def tell(connection: Connection, entries: Sequence[Entry], last: int, now: float) -> dict[str, int]:
    """Write these rows, with serials above ``last``. Returns the last serial of each project."""
    first = first_serial(last, now, len(entries))
    rows = ((first + i, e.name, e.version, now, e.action) for i, e in enumerate(entries))
    pour(connection, journal, _COLUMNS, rows)
    return {entry.name: serial for serial, entry in enumerate(entries, first)}


def forget(connection: Connection, told: int) -> None:
    """Forget the rows up to this serial that are not the last of their project.

    The last one stays, also of a project that is gone: whoever follows from before it is told.
    """
    connection.execute(once(_superseded), {"told": told})


def _superseded() -> Delete:
    later = journal.alias("later")
    superseded = exists().where(later.c.name == journal.c.name, later.c.serial > journal.c.serial)
    return delete(journal).where(
        journal.c.serial <= bindparam("told"), superseded.correlate(journal)
    )
