"""The pins of published proofs are rows."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_BATCH = 1000  # rows written at a time


def upgrade() -> None:
    """Create the table, fill it from the texts, and drop these."""
    pins = op.create_table(
        "published_pins",
        sa.Column("published_proof_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("chosen_by", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("extras", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["published_proof_id"],
            ["published_proofs.id"],
            name=op.f("fk_published_pins_published_proof_id_published_proofs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "published_proof_id", "name", "chosen_by", name=op.f("pk_published_pins")
        ),
        comment="the releases of published proofs, by name, like pages",
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    rows: list[dict[str, object]] = []
    for row in connection.execute(sa.text("SELECT id, pins FROM published_proofs")).all():
        rows += _read(row.id, row.pins)
        if len(rows) >= _BATCH:
            op.bulk_insert(pins, rows)
            rows = []
    op.bulk_insert(pins, rows)
    with op.batch_alter_table("published_proofs") as table:
        table.drop_column("pins")


def _read(proof: int, text: str) -> Iterator[dict[str, object]]:
    """Yields the rows of "name[extras]==version (chosen by), ..."."""
    for pin in text.split(", ") if text else ():
        shown, _, rest = pin.partition("==")
        version, _, chosen_by = rest.partition(" ")
        name, _, extras = shown.rstrip("]").partition("[")
        yield {
            "published_proof_id": proof, "name": name, "version": version, "extras": extras,
            "chosen_by": chosen_by.strip("()") or "solver",
        }  # fmt: skip
