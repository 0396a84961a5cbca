"""What sdists need to be built is proven, on the machines on which they are built."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """Add the column. The rules of the program are others now, so that all is derived anew."""
    column = sa.Column("built", sa.Text(), nullable=False, server_default="0")
    op.add_column("releases", column)
