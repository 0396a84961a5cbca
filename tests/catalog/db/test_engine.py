"""Transactions on both databases, and SQLite's traps."""

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text, update

from pypisync.catalog.db.engine import wal_is_safe
from pypisync.catalog.db.schema import edges, projects, settings
from pypisync.catalog.db.sql import add, among, in_bulk, pour
from pypisync.catalog.db.transactions import Catalog
from pypisync.errors import CatalogError


@pytest.fixture
def catalog(database: str) -> Catalog:
    made = Catalog(database)
    made.prepare()
    return made


def test_two_writers_lose_no_update(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    first = Catalog(url)
    first.prepare()
    with first.begin() as connection:
        connection.execute(insert(settings).values(name="n", value="0"))

    def count(catalog: Catalog) -> None:
        for _ in range(25):
            with catalog.begin() as connection:
                value = connection.scalar(select(settings.c.value).where(settings.c.name == "n"))
                connection.execute(update(settings).values(value=str(int(value or 0) + 1)))

    writers = [Catalog(url) for _ in range(4)]
    threads = [threading.Thread(target=count, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with first.begin() as connection:
        assert connection.scalar(select(settings.c.value)) == "100"
    for opened in (first, *writers):
        opened.close()


def test_a_failed_transaction_leaves_nothing(catalog: Catalog) -> None:
    def fail() -> None:
        with catalog.begin() as connection:
            connection.execute(insert(settings).values(name="n", value="1"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with catalog.begin() as connection:
        assert connection.scalars(select(settings.c.name)).all() == []
    catalog.close()


def test_a_dry_catalog_changes_nothing(database: str) -> None:
    made = Catalog(database)
    made.prepare()
    made.close()
    dry = Catalog(database, dry=True)
    with dry.begin() as connection:
        connection.execute(insert(settings).values(name="n", value="1"))
    with dry.begin() as connection:
        assert connection.scalars(select(settings.c.name)).all() == ["n"]
    dry.close()
    with made.begin() as connection:
        assert connection.scalars(select(settings.c.name)).all() == []
    made.close()


def test_many_rows_go_in_and_are_found_by_many_values(catalog: Catalog) -> None:
    rows = [{"id": i, "name": f'odd "name" \\{i}', "etag": None} for i in range(3000)]
    with catalog.begin() as connection:
        add(connection, projects, rows)
        ids = list(range(0, 3000, 7))
        found = connection.scalars(select(projects.c.id).where(among(projects.c.id, ids)))
        assert sorted(found) == ids
        names = [f'odd "name" \\{i}' for i in ids]
        by_name = connection.scalars(select(projects.c.id).where(among(projects.c.name, names)))
        assert sorted(by_name) == ids
        assert connection.scalars(select(projects.c.id).where(among(projects.c.id, []))).all() == []
    catalog.close()


def test_a_broken_database_is_a_catalog_error(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(b"this is no database at all, not even a bit" * 100)
    with pytest.raises(CatalogError, match="not a database"):
        Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}").prepare()


def test_readers_do_not_write(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    made = Catalog(url)
    made.prepare()
    reader = Catalog(url, writer=False)
    with pytest.raises(CatalogError), reader.begin() as connection:
        connection.execute(insert(settings).values(name="n", value="1"))
    reader.close()
    made.close()


def test_the_journal_is_wal(tmp_path: Path) -> None:
    made = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    made.prepare()
    with made.begin() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    made.close()


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False), ((3, 44, 5), False), ((3, 44, 6), True), ((3, 45, 0), False),
        ((3, 50, 6), False), ((3, 50, 7), True), ((3, 51, 2), False), ((3, 51, 3), True),
        ((3, 53, 0), True),
    ],
)  # fmt: skip
def test_which_sqlite_has_the_fix(version: tuple[int, ...], safe: bool) -> None:
    assert wal_is_safe(version) is safe
    assert sqlite3.sqlite_version_info


@pytest.mark.parametrize("count", [1, 1_999, 2_000, 2_001, 20_000, 21_234])
def test_every_row_of_many_is_inserted_as_it_is(catalog: Catalog, count: int) -> None:
    """Rows go in by hundreds, and what is left over of them by itself."""
    rows = [(f"name-{i}", f"value {i}") for i in range(count)]
    with catalog.begin() as connection:
        before = connection.scalar(select(func.count()).select_from(settings)) or 0
        pour(connection, settings, ("name", "value"), iter(rows))
        found = connection.execute(
            select(settings.c.name, settings.c.value).where(settings.c.name.like("name-%"))
        )
        assert sorted(map(tuple, found)) == sorted(rows)
        assert connection.scalar(select(func.count()).select_from(settings)) == before + count
    catalog.close()


def test_a_bulk_that_breaks_off_leaves_the_connection_as_it_was(tmp_path: Path) -> None:
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    catalog.prepare()
    sizes = []
    for _ in range(2):
        with suppress(ZeroDivisionError), catalog.begin() as connection:
            sizes.append(connection.exec_driver_sql("PRAGMA cache_size").scalar())
            with in_bulk(connection, edges):
                raise ZeroDivisionError
    catalog.close()
    assert sizes[0] == sizes[1]
