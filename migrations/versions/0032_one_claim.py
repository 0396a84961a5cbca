"""What the JSON API claims of a release is true of one of its wheels, and perhaps of no other."""

from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Let releases be read again that only proofs ask for, and of which there are other wheels."""
    op.execute(
        "UPDATE releases SET knowledge = 'unknown', undecided = true"
        " WHERE knowledge = 'known' AND source = 'json'"
        " AND id NOT IN (SELECT release_id FROM selected WHERE NOT pinned)"
        " AND (SELECT count(*) FROM files f WHERE f.release_id = releases.id"
        " AND f.kind = 'wheel') > 1"
    )
    op.execute(
        "UPDATE projects SET unproven = true WHERE id IN (SELECT project_id FROM releases"
        " WHERE knowledge = 'unknown' AND source = 'json')"
    )
