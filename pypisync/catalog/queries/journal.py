"""What the mirror's own journal tells those who follow it.

Read-only, through :class:`pypisync.catalog.db.reader.Reader`. A generation is told of when all its
pages are written, so whoever is told finds them.
"""

from pypisync.catalog.db.reader import Reader

Row = tuple[str, str | None, int, str, int]  # name, version, seconds since 1970, action, serial


def newest(reader: Reader) -> int:
    """Returns the number of the newest generation that may be told of; 0 if there is none."""
    return reader.value("SELECT max(id) FROM generations WHERE complete") or 0


def last_serial(reader: Reader) -> int:
    """Returns the newest serial that may be told; 0 if nothing was published."""
    return reader.value("SELECT max(last_serial) FROM generations WHERE complete") or 0


def changes(reader: Reader, since: int, limit: int) -> list[Row]:
    """Returns the first ``limit`` rows after a serial, in order."""
    rows = reader.rows(
        "SELECT name, version, at, action, serial FROM journal WHERE serial > ? AND serial <= ?"
        " ORDER BY serial LIMIT ?",
        since,
        last_serial(reader),
        limit,
    )
    return [(name, version, int(at), action, serial) for name, version, at, action, serial in rows]


def listed(reader: Reader) -> list[tuple[str, int]]:
    """Returns the projects that have a page, each with the serial of its last row, by name."""
    number = newest(reader)
    rows = reader.rows(
        "SELECT name, serial FROM pages WHERE first <= ? AND (last IS NULL OR last >= ?)"
        " ORDER BY name",
        number,
        number,
    )
    return [(name, serial) for name, serial in rows]
