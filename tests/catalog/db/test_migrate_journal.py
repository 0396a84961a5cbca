"""The migration that begins the mirror's own journal."""

from alembic import command

from pypisync.catalog.db import migrate
from pypisync.catalog.db.reader import Reader
from pypisync.catalog.db.transactions import Catalog
from pypisync.catalog.facts import pending
from pypisync.catalog.queries import generations, journal


def test_an_older_catalog_begins_its_journal_above_all_that_its_pages_told(database: str) -> None:
    catalog = Catalog(database)
    with catalog.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0025")
        run = connection.exec_driver_sql
        run(
            "INSERT INTO generations (id, serial, at, complete, replaced) VALUES"
            " (1, 5, 10, true, 20), (2, 8000000000, 20, true, NULL)"
        )
        run(
            "INSERT INTO pages (id, name, serial, status, first, last) VALUES"
            " (1, 'b', 3, 'active', 1, NULL), (2, 'a', 4, 'active', 1, 1),"
            " (3, 'a', 6, 'active', 2, NULL)"
        )
        run("INSERT INTO settings (name, value) VALUES ('form of pages', '2')")
    migrate.upgrade(catalog.engine)
    with catalog.begin() as connection:
        assert pending.setting(connection, "form of pages") is None  # they are written anew
    catalog.close()
    first = 8_000_000_001
    with Reader(database) as reader:
        assert journal.last_serial(reader) == first + 1
        assert journal.listed(reader) == [("a", first), ("b", first + 1)]
        rows = journal.changes(reader, 0, 9)
        assert [(row[0], row[3]) for row in rows] == [("a", "create"), ("b", "create")]
        names, serial = generations.index(reader, 1)
        assert (dict(names), serial) == ({"a": 4, "b": first + 1}, 5)
