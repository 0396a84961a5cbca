"""What installers read differently is a fact of files, releases and requirements."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_RELEASES = ("unsure", "not_pip", "not_uv")
_FILES = ("refused_pip", "refused_uv")


def upgrade() -> None:
    """Add the columns, and let what was read be read again: nearly all of it lies in the pool."""
    for name in _RELEASES:
        op.add_column("releases", sa.Column(name, sa.Text(), nullable=False, server_default="0"))
    op.add_column("releases", sa.Column("split", sa.Boolean(), nullable=False, server_default="0"))
    op.add_column("files", sa.Column("inside_python", sa.Text(), nullable=True))
    for name in _FILES:
        op.add_column("files", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "requirements", sa.Column("refused", sa.Text(), nullable=False, server_default="")
    )
    op.add_column("requirements", sa.Column("targets", sa.Text(), nullable=True))
    op.add_column("requirements", sa.Column("machines", sa.Text(), nullable=True))
    op.execute(
        "UPDATE releases SET knowledge = CASE WHEN id IN (SELECT release_id FROM selected"
        " WHERE extra <> '=') THEN 'wanted' ELSE 'unknown' END"
        " WHERE knowledge = 'unavailable' OR knowledge = 'known'"
        " AND source IN ('metadata', 'wheel', 'sdist')"
    )
