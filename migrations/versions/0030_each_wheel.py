"""A wheel stands for no other: not for the Python it wants, and not where only a proof asks."""

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Let releases be read again that have several wheels, one of them described by nothing.

    If there are any, all is derived anew.
    """
    op.execute(
        "CREATE TEMPORARY TABLE several AS"
        " SELECT f.release_id FROM files f WHERE f.kind = 'wheel' AND f.kept GROUP BY f.release_id"
        " HAVING count(*) > 1 AND max(CASE WHEN f.metadata_sha256 IS NULL"
        " OR EXISTS (SELECT 1 FROM stored s WHERE s.path = f.path)"
        " AND NOT EXISTS (SELECT 1 FROM stored s WHERE s.path = f.path || '.metadata')"
        " THEN 1 ELSE 0 END) = 1"
    )
    op.execute(
        "UPDATE files SET inside_python = NULL, refused_pip = '', refused_uv = ''"
        " WHERE release_id IN (SELECT release_id FROM several)"
    )
    op.execute(
        "UPDATE releases SET undecided = true, knowledge = CASE WHEN id IN"
        " (SELECT release_id FROM selected) THEN 'wanted' ELSE 'unknown' END"
        " WHERE knowledge <> 'unknown' AND id IN (SELECT release_id FROM several)"
    )
    op.execute("DELETE FROM settings WHERE name = 'environment' AND EXISTS (SELECT 1 FROM several)")
    op.execute("DROP TABLE several")
