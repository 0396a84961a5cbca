"""The index that each project and each file is from.

All that is known by now is from the index at the endpoint.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_FOUND = "UPDATE projects SET index_name = 'endpoint' WHERE status NOT IN ('unseen', 'gone')"


def upgrade() -> None:
    """Add the columns, and fill them."""
    for table, column in (
        ("projects", sa.Column("index_name", sa.Text(), server_default="", nullable=False)),
        ("projects", sa.Column("anew", sa.Boolean(), server_default="0", nullable=False)),
        ("pending", sa.Column("index_name", sa.Text(), server_default="endpoint", nullable=False)),
        ("files", sa.Column("index_name", sa.Text(), server_default="endpoint", nullable=False)),
    ):
        op.add_column(table, column)
    op.execute(_FOUND)
