"""Which files are being fetched is noted, so that none stays behind when a run is cut off."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "asked",
        sa.Column("path", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_asked")),
        comment="files that are being fetched, until they are recorded as stored or deleted",
    )
