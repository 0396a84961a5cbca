"""Installers stop at some METADATA where they read it, and at some where they install its file."""

from alembic import op

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    """Let wheels that stop pip be looked into again, and what may differ now be read again."""
    op.execute("UPDATE stored SET looked = 0 WHERE stops_pip <> ''")
    op.execute(
        "UPDATE releases SET undecided = true, knowledge = CASE WHEN id IN"
        " (SELECT release_id FROM selected) THEN 'wanted' ELSE 'unknown' END"
        " WHERE knowledge IN ('known', 'unavailable') AND (id IN"
        " (SELECT release_id FROM requirements WHERE text IN ('METADATA', 'wheel, for uv'))"
        # An sdist that is built may say in passing of Python what its index does not.
        " OR (builds <> '0' AND id IN (SELECT release_id FROM files"
        " WHERE kept AND kind = 'sdist' AND requires_python IS NULL)))"
    )
