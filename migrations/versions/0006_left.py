"""What is left to do is found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the indexes."""
    for name, table, column, where in (
        ("ix_roots_state", "roots", "id", "state <> 'kept'"),
        ("ix_stored_unlisted", "stored", "unlisted", "unlisted IS NOT NULL"),
    ):
        condition = sa.text(where)
        op.create_index(
            name, table, [column], sqlite_where=condition, postgresql_where=condition
        )  # fmt: skip
