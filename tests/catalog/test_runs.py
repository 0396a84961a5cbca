"""The record of runs."""

import pytest
from sqlalchemy import select

from pypisync.catalog.db import schema
from pypisync.catalog.db.transactions import Catalog
from pypisync.catalog.publication import runs


def test_so_many_runs_are_kept(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_KEPT", 3)
    catalog = Catalog(database)
    catalog.prepare()
    for number in range(1, 7):
        with catalog.begin() as connection:
            assert runs.start(connection, float(number)) == number
    with catalog.begin() as connection:
        kept = list(connection.scalars(select(schema.runs.c.id).order_by(schema.runs.c.id)))
        newest = runs.last(connection)
    assert kept == [4, 5, 6]
    assert newest is not None
    assert newest.started == 6.0
    catalog.close()
