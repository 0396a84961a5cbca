"""What was read of a wheel before the wheel itself came, so that it can be checked."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column; nothing was read so until now."""
    op.add_column("files", sa.Column("ranged", sa.Text(), nullable=True))
    op.create_index(
        op.f("ix_files_ranged"), "files", ["release_id"], sqlite_where=sa.text("ranged IS NOT NULL")
    )
