"""The policy: barred files, known vulnerabilities, what is doomed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add columns with defaults, which need no copy of a table, and one table."""
    op.add_column("releases", sa.Column("examined", sa.Float()))
    op.add_column(
        "releases", sa.Column("unexamined", sa.Boolean(), server_default="0", nullable=False)
    )
    op.add_column("files", sa.Column("barred", sa.Text(), server_default="", nullable=False))
    op.add_column("files", sa.Column("matures", sa.Float()))
    op.add_column("classes", sa.Column("barred", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "vulnerabilities",
        sa.Column("release_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("aliases", sa.Text(), server_default="", nullable=False),
        sa.Column("summary", sa.Text(), server_default="", nullable=False),
        sa.Column("fixed_in", sa.Text(), server_default="", nullable=False),
        sa.Column("link", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["releases.id"],
            name=op.f("fk_vulnerabilities_release_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("release_id", "id", name=op.f("pk_vulnerabilities")),
        comment="known vulnerabilities of the releases that were examined",
    )
    for name, table, column, where in (
        ("ix_files_barred", "files", "release_id", "barred <> ''"),
        ("ix_files_matures", "files", "matures", "matures IS NOT NULL"),
        ("ix_stored_doomed", "stored", "path", "sha256 = ''"),
        ("ix_releases_unexamined", "releases", "id", "unexamined"),
    ):
        op.create_index(
            name,
            table,
            [column],
            sqlite_where=sa.text(where + " = 1" * (where == "unexamined")),
            postgresql_where=sa.text(where),
        )
