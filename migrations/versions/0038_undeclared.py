"""Of an extra that METADATA does not declare pip takes nothing, and uv what the markers say."""

from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Let releases with extras be read again: which of them METADATA declares was not kept."""
    op.execute(
        "UPDATE releases SET undecided = true, knowledge = CASE WHEN id IN"
        " (SELECT release_id FROM selected) THEN 'wanted' ELSE 'unknown' END"
        " WHERE knowledge = 'known' AND source <> 'json' AND id IN"
        " (SELECT release_id FROM requirements WHERE kind = 'runtime' AND marker LIKE '%extra%')"
    )
