"""Projects of the mirror by name, for people who look for one. Read-only."""

from dataclasses import dataclass

from pypisync.catalog.db.reader import Reader

_ESCAPE = "!"
_LISTED = "last IS NULL AND name LIKE ? ESCAPE '!'"


@dataclass(frozen=True, slots=True)
class Hit:
    """A project that the pages list."""

    name: str
    releases: int
    files: int
    bytes: int
    generation: int  # the oldest since which a file of it has been listed


def search(reader: Reader, text: str, *, offset: int, most: int) -> tuple[list[Hit], int]:
    """Returns the listed projects whose normalised name contains ``text``, and how many there are.

    The name itself comes first, then those that begin with it; "" is in every name.
    """
    escaped = text
    for mark in (_ESCAPE, "%", "_"):
        escaped = escaped.replace(mark, _ESCAPE + mark)
    within, begins = f"%{escaped}%", f"{escaped}%"
    total = reader.value(f"SELECT count(*) FROM pages WHERE {_LISTED}", within)  # noqa: S608 - constants
    order = "CASE WHEN name = ? THEN 0 WHEN name LIKE ? ESCAPE '!' THEN 1 ELSE 2 END, name"
    names = [
        row[0]
        for row in reader.rows(
            f"SELECT name FROM pages WHERE {_LISTED}"  # noqa: S608 - constants
            f" ORDER BY {order if text else 'name'} LIMIT ? OFFSET ?",
            *((within, text, begins) if text else (within,)),
            most,
            offset,
        )
    ]
    found = {
        row[0]: Hit(*row)
        for row in reader.among(
            "SELECT name, count(DISTINCT version), count(*), sum(size), min(first)"
            " FROM published WHERE last IS NULL AND name IN (?) GROUP BY name",
            names,
        )
    }
    return [found.get(name, Hit(name, 0, 0, 0, 0)) for name in names], total
