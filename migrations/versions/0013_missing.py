"""What upstream seems to have no more is noted until it is sure; serials may have 64 bits."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the columns, and widen the serials where that makes a difference."""
    op.add_column("pending", sa.Column("missing", sa.Float(), nullable=True))
    op.add_column("pending", sa.Column("told", sa.Boolean(), nullable=False, server_default="0"))
    if op.get_bind().dialect.name == "postgresql":
        for table in ("pending", "projects", "generations", "pages", "runs"):
            op.alter_column(table, "serial", type_=sa.BigInteger())
