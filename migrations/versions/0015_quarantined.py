"""What upstream quarantines is a state: its files are kept until that ends."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the tables. What is in quarantine already is a quarantine from now on."""
    op.create_table(
        "quarantines",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("told", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_quarantines")),
        comment="projects and releases that upstream has quarantined",
    )
    op.create_table(
        "quarantined",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_quarantined")),
        comment="stored files that are kept because upstream has quarantined them",
    )
    op.create_index(op.f("ix_quarantined_name"), "quarantined", ["name"])
    # Since when is not known: since the end of the last run at the latest.
    op.execute(
        "INSERT INTO quarantines (name, version, since) SELECT name, '',"
        " coalesce((SELECT max(finished) FROM runs), 0) FROM projects"
        " WHERE status = 'quarantined'"
    )
    op.execute(
        "INSERT INTO quarantined (path, name, version)"
        " SELECT u.path, min(u.name), min(u.version) FROM published u"
        " JOIN projects p ON p.name = u.name JOIN stored s ON s.path = u.path"
        " WHERE p.status = 'quarantined' AND s.sha256 <> '' GROUP BY u.path"
    )
