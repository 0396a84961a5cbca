"""The table of known vulnerabilities."""

from sqlalchemy import Column, Table, Text

from pypisync.catalog.db.columns import metadata, ref_column, text_column

vulnerabilities = Table(
    "vulnerabilities",
    metadata,
    ref_column("release_id", "releases", index=False, key=True),
    Column("id", Text, primary_key=True),  # such as PYSEC-2026-1
    text_column("aliases"),  # separated by commas
    text_column("summary"),
    text_column("fixed_in"),  # versions, separated by commas
    text_column("link"),
    comment="known vulnerabilities of the releases that were examined",
)
