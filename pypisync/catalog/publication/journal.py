"""The mirror's own journal: what changed on the pages, each row with a serial."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, exists

from pypisync.catalog.db.schema_journal import journal
from pypisync.catalog.db.sql import pour
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
    later = journal.alias("later")
    superseded = exists().where(later.c.name == journal.c.name, later.c.serial > journal.c.serial)
    old = delete(journal).where(journal.c.serial <= told, superseded.correlate(journal))
    connection.execute(old)
