"""What documents are told apart by, and files whose SHA-256 upstream does not state.

What is known of ETags goes: the documents they stand for were read by stricter rules.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns and the index."""
    op.add_column("projects", sa.Column("modified", sa.Text(), nullable=True))
    op.add_column("projects", sa.Column("digest", sa.Text(), nullable=False, server_default=""))
    op.add_column("projects", sa.Column("form", sa.Text(), nullable=False, server_default=""))
    op.add_column("files", sa.Column("stated", sa.Text(), nullable=True))
    op.execute("UPDATE projects SET etag = NULL")
    condition = sa.text("sha256 = ''")
    op.create_index(
        "ix_files_unhashed", "files", ["path"], sqlite_where=condition, postgresql_where=condition
    )
