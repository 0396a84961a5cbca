"""How rows of a bundle come into the catalog."""

import pytest

from pypisync.catalog.bundles import import_rows
from pypisync.catalog.db.schema import stored
from pypisync.catalog.db.sql import pour
from pypisync.catalog.db.transactions import Catalog
from pypisync.errors import BundleError
from tests.catalog.db.test_create import tables
from tests.postgres import Postgres


def test_a_database_that_is_created_later_has_all_references(postgres: Postgres) -> None:
    """References are dropped and added where bundles go in, which must not be remembered."""
    before, after = Catalog(postgres.prepared()), Catalog(postgres.fresh())
    before.prepare()
    with import_rows.begin(before) as connection:
        import_rows.refer(connection)
    after.prepare()
    assert tables(before.engine)["choices"] == tables(after.engine)["choices"]
    assert tables(after.engine)["choices"]["foreign keys"]
    before.close()
    after.close()


@pytest.mark.parametrize("row", [("a", "0", 2**64), ("a", "0", None), ("a", "0", "much")])
def test_a_row_that_the_database_refuses_is_the_bundles_fault(
    row: tuple[object, ...], postgres: Postgres
) -> None:
    catalog = Catalog(postgres.prepared())
    catalog.prepare()
    with pytest.raises(BundleError), import_rows.begin(catalog) as connection:
        pour(connection, stored, ("path", "sha256", "size"), [row])
    catalog.close()
