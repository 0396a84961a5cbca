"""Alembic's environment: runs the migrations on the connection that it is handed."""

from alembic import context

import pypisync.catalog.db.schema  # noqa: F401 - all tables
from pypisync.catalog.db.columns import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
