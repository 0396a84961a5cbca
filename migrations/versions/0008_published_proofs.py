"""The verdicts that generations were published with.

Of the generations that are there, as if each had been published with those of today.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_PINS = """
    SELECT i.proof_id, j.name, i.extras, i.version, i.chosen_by
    FROM proof_pins i JOIN projects j ON j.id = i.project_id
    JOIN proofs p ON p.id = i.proof_id WHERE p.published
"""
_PROOFS = """
    SELECT s.text, p.targets, p.verdict, p.id
    FROM proofs p JOIN subjects s ON s.id = p.subject_id WHERE p.published
"""


def upgrade() -> None:
    """Create the table, and fill it."""
    table = op.create_table(
        "published_proofs",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("targets", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("pins", sa.Text(), server_default="", nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_published_proofs")),
        comment="verdicts, each with the generations that were published with it",
    )
    for columns in (["first"], ["last"], ["subject", "last"]):
        name = op.f(f"ix_published_proofs_{'_'.join(columns)}")
        op.create_index(name, "published_proofs", columns)
    connection = op.get_bind()
    first = connection.scalar(sa.text("SELECT min(id) FROM generations")) or 1
    pins: dict[int, list[str]] = {}
    for proof, name, extras, version, chosen_by in connection.execute(sa.text(_PINS)):
        label = f"{name}[{extras}]=={version}" if extras else f"{name}=={version}"
        by_pip = "" if chosen_by == "solver" else f" ({chosen_by})"
        pins.setdefault(proof, []).append(label + by_pip)
    rows = [
        {
            "id": number, "subject": subject, "targets": targets, "verdict": verdict,
            "pins": ", ".join(sorted(pins.get(proof, ()))), "first": first,
        }
        for number, (subject, targets, verdict, proof) in enumerate(
            connection.execute(sa.text(_PROOFS)), 1
        )
    ]  # fmt: skip
    op.bulk_insert(table, rows)
