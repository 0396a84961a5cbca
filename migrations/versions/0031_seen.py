"""What METADATA alone rules out still has a say in what pip takes, and lets sdists be built."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Add the columns; let releases be read again whose sdist nobody asked what building it needs.

    The rules of the program are others now, so that all is derived anew.
    """
    for name in ("unseen_pip", "outside_uv"):
        op.add_column("releases", sa.Column(name, sa.Text(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE releases SET undecided = true, knowledge = CASE WHEN id IN"
        " (SELECT release_id FROM selected) THEN 'wanted' ELSE 'unknown' END"
        " WHERE knowledge = 'known' AND builds <> '0' AND NOT EXISTS (SELECT 1 FROM requirements q"
        " WHERE q.release_id = releases.id AND q.kind = 'build')"
    )
