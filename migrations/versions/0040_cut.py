"""Requirements of extras that METADATA does not declare are cut, whatever their marker says."""

from alembic import op

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    """Let releases with such markers be read again: who declares which extra was not kept."""
    op.execute(
        "UPDATE releases SET undecided = true, knowledge = CASE WHEN id IN"
        " (SELECT release_id FROM selected) THEN 'wanted' ELSE 'unknown' END"
        " WHERE knowledge = 'known' AND source <> 'json' AND id IN"
        " (SELECT release_id FROM requirements WHERE kind = 'runtime' AND marker LIKE '%extra%'"
        " AND (marker LIKE '% or %' OR marker LIKE '%!=%'))"
    )
