"""How rows of a bundle come into the catalog."""

from pypisync.catalog.bundles import take_in
from pypisync.catalog.db.transactions import Catalog
from tests.catalog.db.test_create import tables
from tests.postgres import Postgres


def test_a_database_that_is_created_later_has_all_references(postgres: Postgres) -> None:
    """References are dropped and added where bundles go in, which must not be remembered."""
    before, after = Catalog(postgres.fresh()), Catalog(postgres.fresh())
    before.prepare()
    with take_in.begin(before) as connection:
        take_in.refer(connection)
    after.prepare()
    assert tables(before.engine)["choices"] == tables(after.engine)["choices"]
    assert tables(after.engine)["choices"]["foreign keys"]
    before.close()
    after.close()
