"""Where a root pins a release, uv takes its yanked files as the others."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    """Add the columns. The rules of the program are others now, so that all is derived anew."""
    for name in ("pinned_uv", "pinned_reads_uv"):
        op.add_column("releases", sa.Column(name, sa.Text(), nullable=False, server_default="0"))
