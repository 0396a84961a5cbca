"""What installers look at on the way to the pins of a proof."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the table; every proof is made anew to fill it."""
    op.create_table(
        "proof_tried",
        sa.Column("proof_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_proof_tried_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["proof_id"],
            ["proofs.id"],
            name=op.f("fk_proof_tried_proof_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("proof_id", "project_id", "version", name=op.f("pk_proof_tried")),
        comment="releases that installers look at, and leave, on the way to the pins of a proof",
    )
    op.create_index(op.f("ix_proof_tried_project_id"), "proof_tried", ["project_id"], unique=False)
    op.execute("UPDATE subjects SET open = true")
