"""The files that pages list are found by their release, and not all of a project's read for it."""

from alembic import op

revision = "0027"
down_revision = "0026"

_NAME = "ix_published_name_last"


def upgrade() -> None:
    """Make the index anew, with the version."""
    op.drop_index(_NAME, "published")
    op.create_index(_NAME, "published", ["name", "last", "version"])
