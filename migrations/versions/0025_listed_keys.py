"""Versions on pages sort by a key of their own, for upstream may have their releases no more."""

import sqlalchemy as sa
from alembic import op

from pypisync.core.standards import versions

revision = "0025"
down_revision = "0024"

_BATCH = 10_000  # rows


def upgrade() -> None:
    """Add the column, with the keys of what pages list or listed."""
    op.add_column("published", sa.Column("key", sa.LargeBinary(), nullable=True))
    connection = op.get_bind()
    rows = sa.table("published", sa.column("id"), sa.column("version"), sa.column("key"))
    batch = sa.select(rows.c.id, rows.c.version).order_by(rows.c.id).limit(_BATCH)
    fill = rows.update().where(rows.c.id == sa.bindparam("row")).values(key=sa.bindparam("sorts"))
    last = -1
    while found := connection.execute(batch.where(rows.c.id > last)).all():
        last = found[-1].id
        keys = [{"row": one.id, "sorts": versions.key_of(one.version)} for one in found]
        connection.execute(fill, keys)
