"""A project that the operator assigns to another index is told from one that moves by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "pending", sa.Column("assigned", sa.Boolean(), nullable=False, server_default="0")
    )
