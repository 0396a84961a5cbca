"""What stops an installer inside of a stored wheel is recorded with it."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Add the columns. What is stored already counts as looked into by an older rule."""
    op.add_column("stored", sa.Column("looked", sa.Integer(), nullable=True))
    for name in ("stops_pip", "stops_uv"):
        op.add_column("stored", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE stored SET looked = 0")
    op.create_index("ix_stored_looked", "stored", ["looked"])
