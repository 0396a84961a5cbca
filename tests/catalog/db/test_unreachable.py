"""A database that cannot be opened is told of without its password."""

from collections.abc import Callable

import pytest

from pypisync.catalog.db import migrate
from pypisync.catalog.db.leader import leading
from pypisync.catalog.db.reader import Reader
from pypisync.catalog.db.transactions import Catalog
from pypisync.errors import CatalogError


def lead(url: str) -> None:
    with leading(url):
        raise AssertionError


@pytest.mark.parametrize("use", [Reader, lead, migrate.exists, lambda url: Catalog(url).prepare()])
@pytest.mark.parametrize("where", ["127.0.0.1:9/x", "127.0.0.1:9/x?nonsense=geheim"])
def test_what_cannot_be_opened(use: Callable[[str], object], where: str) -> None:
    with pytest.raises(CatalogError) as caught:
        use(f"postgresql+psycopg://me:geheim@{where}")
    said = str(caught.value)
    assert "geheim" not in said
    assert "the database" in said


def test_looking_makes_no_database(empty_database: str) -> None:
    assert not migrate.exists(empty_database)
    assert not migrate.exists(empty_database)
    catalog = Catalog(empty_database)
    catalog.prepare()
    catalog.close()
    assert migrate.exists(empty_database)
