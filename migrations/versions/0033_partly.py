"""Wheels that were to be read when they come are read where only a proof asks for them now."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Add the flag. What was read before counts as read."""
    op.add_column(
        "releases",
        sa.Column("partly", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index(
        "ix_releases_partly",
        "releases",
        ["id"],
        sqlite_where=sa.text("partly = 1"),
        postgresql_where=sa.text("partly"),
    )
