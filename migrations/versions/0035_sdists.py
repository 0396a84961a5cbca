"""An sdist that is built tells what it requires itself, whatever wheels or the JSON API say."""

from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """Let such releases be read again; the rules of the program are others now as well."""
    op.execute(
        "UPDATE releases SET undecided = true, knowledge = CASE WHEN id IN"
        " (SELECT release_id FROM selected) THEN 'wanted' ELSE 'unknown' END"
        " WHERE knowledge IN ('known', 'unavailable') AND builds <> '0'"
        " AND id IN (SELECT release_id FROM files WHERE kept AND kind = 'sdist')"
    )
