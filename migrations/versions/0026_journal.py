"""The mirror has a journal and serials of its own, for mirrors of it."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

_BEGINNING = 1_577_836_800  # 2020, in seconds since 1970


def upgrade() -> None:
    """Add the journal, with a row for each project that has a page, above all that pages told.

    The pages on the disk state upstream's serials, so they are to be written anew.
    """
    wide = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    journal = op.create_table(
        "journal",
        sa.Column("serial", wide, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        comment="what changed on the pages; of generations that are forgotten a project's last row",
    )
    op.create_index("ix_journal_name_serial", "journal", ["name", "serial"])
    added = sa.Column("last_serial", wide, nullable=False, server_default="0")
    op.add_column("generations", added)
    op.execute("UPDATE generations SET last_serial = serial")
    op.execute("DELETE FROM settings WHERE name = 'form of pages'")
    connection = op.get_bind()
    told = connection.scalar(sa.text("SELECT max(serial) FROM generations")) or 0
    now = time.time()
    query = sa.text("SELECT name FROM pages WHERE last IS NULL ORDER BY name")
    names = connection.scalars(query).all()
    # Up to now and not from now on, as later: a backup from before goes on above them.
    first = max(told, int(now) - _BEGINNING - len(names)) + 1
    rows = [
        {"serial": serial, "name": name, "version": None, "at": now, "action": "create"}
        for serial, name in enumerate(names, first)
    ]
    if not rows:
        return
    op.bulk_insert(journal, rows)
    connection.execute(
        sa.text(
            "UPDATE pages SET serial = (SELECT j.serial FROM journal j WHERE j.name = pages.name)"
            " WHERE last IS NULL"
        )
    )
    connection.execute(
        sa.text("UPDATE generations SET last_serial = :last WHERE replaced IS NULL"),
        {"last": rows[-1]["serial"]},
    )
