"""Wheels that no ``.metadata`` describes are read, each by itself, where a release has several."""

from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Let releases be read again that have such wheels in the pool: one stood for all."""
    op.execute(
        "UPDATE releases SET knowledge = 'wanted', undecided = true WHERE knowledge = 'known'"
        " AND id IN (SELECT f.release_id FROM files f JOIN stored s ON s.path = f.path"
        " WHERE f.kind = 'wheel' AND f.kept AND f.metadata_sha256 IS NULL)"
        " AND (SELECT count(*) FROM files g WHERE g.release_id = releases.id"
        " AND g.kind = 'wheel' AND g.kept) > 1"
    )
