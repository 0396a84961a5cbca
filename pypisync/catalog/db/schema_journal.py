"""The table of the mirror's own journal. Like history, it does not refer to facts."""

from sqlalchemy import Column, Float, Index, Table, Text

from pypisync.catalog.db.columns import metadata, serial_column, text_column

journal = Table(
    "journal",
    metadata,
    serial_column(key=True),  # the mirror's own
    Column("name", Text, nullable=False),
    text_column("version", None),
    Column("at", Float, nullable=False),  # seconds since 1970
    Column("action", Text, nullable=False),
    Index("ix_journal_name_serial", "name", "serial"),
    comment="what changed on the pages; of generations that are forgotten a project's last row",
)
