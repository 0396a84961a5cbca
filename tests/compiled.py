"""Statements compiled once a process, whatever the number of databases.

An engine keeps the text of each statement that it has made; a process of the product has one engine
of its database. A test has a database of its own, and so would compile all of them anew.
"""

from functools import wraps
from typing import Any

from sqlalchemy import Engine, create_engine

from pypisync.catalog.db.engine import open_engine


def share() -> None:
    """Have all engines for SQLite share what they compile."""
    model = create_engine("sqlite://", query_cache_size=5000)
    model.connect().close()  # its dialect learns now what it is to know

    @wraps(create_engine)
    def sharing(*arguments: Any, **options: Any) -> Engine:
        engine = create_engine(*arguments, **options)
        if engine.dialect.name == model.dialect.name:
            engine.dialect = model.dialect  # it is a part of the keys
            engine._compiled_cache = model._compiled_cache
        return engine

    open_engine.__globals__["create_engine"] = sharing
