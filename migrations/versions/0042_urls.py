"""uv passes over METADATA with a URL that it cannot read, and reads some that pip cannot."""

from alembic import op

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    """Let the METADATA that has a URL be read again."""
    op.execute(
        "UPDATE releases SET undecided = true, knowledge = CASE WHEN id IN"
        " (SELECT release_id FROM selected) THEN 'wanted' ELSE 'unknown' END"
        " WHERE knowledge IN ('known', 'unavailable')"
        " AND id IN (SELECT release_id FROM requirements WHERE text LIKE '%@%')"
    )
