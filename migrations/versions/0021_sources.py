"""The origin of a root is one of an enum; a pattern's text or a group's file is its source."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

_COLUMNS = ["project_id", "selector", "extras", "origin", "source", "marker", "named"]


def upgrade() -> None:
    """Move the names of files out of the origins, into the column that patterns have."""
    connection = op.get_bind()
    names = {one["name"] for one in sa.inspect(connection).get_unique_constraints("roots")}
    with op.batch_alter_table("roots") as roots:
        for name in sorted(filter(None, names)):
            roots.drop_constraint(name, type_="unique")
        roots.alter_column("pattern", new_column_name="source")
    with op.batch_alter_table("roots") as roots:
        roots.create_unique_constraint("uq_roots_line", _COLUMNS)
    connection.execute(
        sa.text(
            "UPDATE roots SET source = substr(origin, 7), origin = 'group'"
            " WHERE substr(origin, 1, 6) = 'group:'"
        )
    )
