"""Proofs, and which machines a release serves."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables of proofs; add the columns that they hang on."""
    op.create_table(
        "subjects",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), server_default="", nullable=False),
        sa.Column("open", sa.Boolean(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subjects")),
        sa.UniqueConstraint("text", name=op.f("uq_subjects_text")),
        comment="what is proven as a whole: roots, as an installer is asked for them, and groups",
    )
    op.create_index(op.f("ix_subjects_open"), "subjects", ["open"], unique=False)
    op.create_table(
        "proofs",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("targets", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("steps", sa.Integer(), server_default="0", nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("wanted", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("published", sa.Boolean(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["subjects.id"],
            name=op.f("fk_proofs_subject_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proofs")),
        comment="verdicts on subjects, each for the proof targets on which it is the same",
    )
    op.create_index(op.f("ix_proofs_verdict"), "proofs", ["verdict"], unique=False)
    op.create_index(op.f("ix_proofs_published"), "proofs", ["published"], unique=False)
    op.create_index(op.f("ix_proofs_subject_id"), "proofs", ["subject_id"], unique=False)
    op.create_table(
        "proof_pins",
        sa.Column("proof_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("chosen_by", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("extras", sa.Text(), server_default="", nullable=False),
        sa.Column("called", sa.Boolean(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_proof_pins_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["proof_id"],
            ["proofs.id"],
            name=op.f("fk_proof_pins_proof_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("proof_id", "project_id", "chosen_by", name=op.f("pk_proof_pins")),
        comment="the releases of proofs",
    )
    op.create_index(op.f("ix_proof_pins_project_id"), "proof_pins", ["project_id"], unique=False)
    op.create_table(
        "proof_projects",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("proof_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_proof_projects_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["proof_id"],
            ["proofs.id"],
            name=op.f("fk_proof_projects_proof_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_id", "proof_id", name=op.f("pk_proof_projects")),
        comment="the projects that each proof hangs on: when their facts change, it is made anew",
    )
    op.create_index(
        op.f("ix_proof_projects_proof_id"), "proof_projects", ["proof_id"], unique=False
    )
    op.add_column(
        "projects", sa.Column("unproven", sa.Boolean(), server_default="0", nullable=False)
    )
    op.create_index(op.f("ix_projects_unproven"), "projects", ["unproven"], unique=False)
    for name in ("serves", "serves_yanked"):
        op.add_column("releases", sa.Column(name, sa.Text(), server_default="0", nullable=False))
