"""What releases say of themselves: summaries and licences.

What is there already is filled in as METADATA is read next; nothing is read for it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Add the columns."""
    for name in ("summary", "license", "license_expression"):
        op.add_column("releases", sa.Column(name, sa.Text(), nullable=True))
