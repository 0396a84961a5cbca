"""SQLite as SQLAlchemy knows it, with transactions that begin as this program needs them.

The driver begins none by itself: see :mod:`pypisync.catalog.db.engine`. A listener to the event
"begin" would do the same, but an engine that somebody listens to asks for listeners at every
statement, which costs a quarter of what SQLAlchemy does for one.
"""

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import DBAPIConnection


class ReadingDialect(SQLiteDialect_pysqlite):
    """Whoever reads takes no lock before the first statement."""

    supports_statement_cache = True
    begin = "BEGIN"

    def do_begin(self, dbapi_connection: DBAPIConnection) -> None:
        """Begin a transaction."""
        cursor = dbapi_connection.cursor()
        cursor.execute(self.begin)
        cursor.close()


class WritingDialect(ReadingDialect):
    """Whoever writes takes the lock for it at once."""

    supports_statement_cache = True
    begin = "BEGIN IMMEDIATE"
