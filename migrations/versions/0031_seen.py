"""What METADATA alone rules out still has a say in what pip takes."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Add the columns. The rules of the program are others now, so that all is derived anew."""
    for name in ("unseen_pip", "outside_uv"):
        op.add_column("releases", sa.Column(name, sa.Text(), nullable=False, server_default="0"))
