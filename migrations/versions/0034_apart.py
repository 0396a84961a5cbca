"""pip and uv may take different files of one release, and see different ones of them yanked."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Add the columns. The rules of the program are others now, so that all is derived anew.

    What a file's METADATA says that makes pip pass over it is read again: it may stop pip.
    """
    for name in ("yanked_pip", "yanked_uv"):
        op.add_column("releases", sa.Column(name, sa.Text(), nullable=False, server_default="0"))
    op.execute("ALTER TABLE requirements RENAME COLUMN machines TO machines_pip")
    op.add_column("requirements", sa.Column("machines_uv", sa.Text()))
    op.execute("UPDATE requirements SET machines_uv = machines_pip WHERE machines_pip IS NOT NULL")
    op.execute(
        "UPDATE releases SET undecided = true, knowledge = CASE WHEN id IN"
        " (SELECT release_id FROM selected) THEN 'wanted' ELSE 'unknown' END"
        " WHERE knowledge = 'known' AND id IN"
        " (SELECT release_id FROM files WHERE refused_pip <> '')"
    )
