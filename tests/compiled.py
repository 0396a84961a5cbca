"""Statements compiled once a process, whatever the number of databases.

An engine keeps the text of each statement that it has made; a process of the product has one
engine of its database. A test has a database of its own, and so would compile all of them anew,
and those that make its tables as well.
"""

from functools import wraps
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from pypisync.catalog.db.columns import metadata
from pypisync.catalog.db.engine import open_engine


def share() -> None:
    """Have all databases of a kind share what is compiled for them."""
    _share_engines()
    _share_tables()


def _share_engines() -> None:
    models: dict[str, Engine] = {}  # by the driver: one for those who write, one for readers

    @wraps(create_engine)
    def sharing(url: URL, **options: Any) -> Engine:
        engine = create_engine(url, **options)
        if engine.dialect.name != "sqlite":
            return engine
        if url.drivername not in models:
            model = create_engine(f"{url.drivername}://", query_cache_size=5000)
            model.connect().close()  # its dialect learns now what it is to know
            models[url.drivername] = model
        model = models[url.drivername]
        engine.dialect = model.dialect  # it is a part of the keys
        engine._compiled_cache = model._compiled_cache
        return engine

    open_engine.__globals__["create_engine"] = sharing


def _share_tables() -> None:
    create = metadata.create_all
    said: dict[str, list[tuple[str, Any]]] = {}  # by the kind of database

    def creating(connection: Connection, **options: Any) -> None:
        if known := said.get(connection.dialect.name):
            for statement, parameters in known:
                connection.exec_driver_sql(statement, parameters)
            return
        made: list[tuple[str, Any]] = []

        def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
            made.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", note)
        create(connection, **options)
        event.remove(connection, "before_cursor_execute", note)
        said[connection.dialect.name] = made

    metadata.create_all = creating  # type: ignore[method-assign, assignment]
