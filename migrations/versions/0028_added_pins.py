"""A pin says whether it is added for its proof, and not whether it is called for without one."""

from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Turn the flag around, under the name that views and reports have for it."""
    op.execute("ALTER TABLE proof_pins RENAME COLUMN called TO added")
    op.execute("UPDATE proof_pins SET added = NOT added")
