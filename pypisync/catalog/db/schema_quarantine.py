"""The tables of what upstream has quarantined. Like history, they do not refer to facts."""

from sqlalchemy import Column, Float, Table, Text

from pypisync.catalog.db.columns import flag_column, metadata

quarantines = Table(
    "quarantines",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Text, primary_key=True),  # "": the whole project
    flag_column("told"),  # it is the last word of a journal
    Column("since", Float, nullable=False),  # seconds since 1970
    comment="projects and releases that upstream has quarantined",
)

quarantined = Table(
    "quarantined",
    metadata,
    Column("path", Text, primary_key=True),  # of the file; its .metadata goes with it
    Column("name", Text, nullable=False, index=True),
    Column("version", Text, nullable=False),
    comment="stored files that are kept because upstream has quarantined them",
)
