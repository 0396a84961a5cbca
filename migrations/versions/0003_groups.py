"""Groups: markers of roots, and the files that lock files name."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_KEY = ("project_id", "selector", "extras", "origin")
_NAME = "uq_roots_project_id_selector_extras_origin"


def upgrade() -> None:
    """Widen the key of roots, which SQLite can only do by a copy; add a table."""
    with op.batch_alter_table("roots") as roots:
        for name in ("marker", "named"):
            roots.add_column(sa.Column(name, sa.Text(), server_default="", nullable=False))
        roots.drop_constraint(_NAME, type_="unique")
        roots.create_unique_constraint(f"{_NAME}_marker_named", [*_KEY, "marker", "named"])
    op.create_table(
        "locked",
        sa.Column("root_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["root_id"], ["roots.id"], name=op.f("fk_locked_root_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("root_id", "sha256", "filename", name=op.f("pk_locked")),
        comment="the files that lock files name, for the roots they make",
    )
