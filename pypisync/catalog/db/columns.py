"""What the tables are made of: columns of the few kinds that there are."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Text,
    event,
    text,
)

# Batch migrations on SQLite need every constraint to have a name.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def id_column() -> Column[int]:
    """Returns the column for the number of a row."""
    # The one writer counts the ids itself, so that rows can refer to each other in bulk inserts.
    return Column("id", Integer, primary_key=True, autoincrement=False)


def text_column(name: str, default: str | None = "") -> Column[str]:
    """Returns a column for text; its default is "" unless it may be missing (None)."""
    return Column(name, Text, nullable=default is None, server_default=default)


def flag_column(name: str, *, index: bool = False) -> Column[bool]:
    """Returns a column for yes or no; no unless it is said."""
    return Column(name, Boolean, nullable=False, server_default="0", index=index)


def number_column(name: str) -> Column[int]:
    """Returns a column for a number; 0 unless it is said."""
    return Column(name, Integer, nullable=False, server_default="0")


def serial_column(name: str = "serial", *, key: bool = False) -> Column[int]:
    """Returns a column for a serial, which may be a time stamp; 0 unless it is said."""
    wide = BigInteger().with_variant(Integer, "sqlite")  # whose integers have 64 bits anyway
    if key:
        return Column(name, wide, primary_key=True, autoincrement=False)
    return Column(name, wide, nullable=False, server_default="0")


def ref_column(name: str, target: str, *, index: bool = True, key: bool = False) -> Column[int]:
    """Returns a column for a row of another table, with which this row goes."""
    foreign = ForeignKey(f"{target}.id", ondelete="CASCADE")
    return Column(name, Integer, foreign, nullable=False, index=index, primary_key=key)


def partial_index(name: str, column: str, where: str, postgresql: str = "") -> Index:
    """Returns an index of the rows for which a condition holds.

    ``postgresql`` is the condition there, if it is not the same text.
    """
    # Named postgresql_where, it would have SQLAlchemy import all of that dialect, for SQLite too.
    return Index(name, column, sqlite_where=text(where), info={"where": postgresql or where})


@event.listens_for(metadata, "before_create")
def _conditions(_: MetaData, connection: Connection, **_options: object) -> None:
    if connection.dialect.name == "postgresql":
        for index in (one for table in metadata.tables.values() for one in table.indexes):
            if "where" in index.info:
                index.dialect_options["postgresql"]["where"] = text(index.info["where"])
