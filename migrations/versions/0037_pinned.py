"""Where a root pins a release, uv takes its yanked files as the others."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    """Add the columns. The rules of the program are others now, so that all is derived anew."""
    column = sa.Column("pinned_uv", sa.Text(), nullable=False, server_default="0")
    op.add_column("releases", column)
    op.add_column("requirements", sa.Column("machines_pinned", sa.Text()))
    op.execute("UPDATE requirements SET machines_pinned = machines_uv")
