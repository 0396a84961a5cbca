"""An sdist that is built may name another project inside, which stops installers."""

from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Let such releases be read again."""
    op.execute(
        "UPDATE releases SET undecided = true, knowledge = CASE WHEN id IN"
        " (SELECT release_id FROM selected) THEN 'wanted' ELSE 'unknown' END"
        " WHERE knowledge IN ('known', 'unavailable') AND builds <> '0'"
        " AND id IN (SELECT release_id FROM files WHERE kept AND kind = 'sdist')"
    )
