"""A root that a pattern makes says so, and has the pattern in a column of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_NAME = "uq_roots_project_id_selector_extras_origin"
_COLUMNS = ["project_id", "selector", "extras", "origin", "pattern", "marker", "named"]


def upgrade() -> None:
    """Move the patterns out of the origins."""
    connection = op.get_bind()
    names = {one["name"] for one in sa.inspect(connection).get_unique_constraints("roots")}
    with op.batch_alter_table("roots") as roots:
        roots.add_column(sa.Column("pattern", sa.Text(), server_default="", nullable=False))
        for name in sorted(filter(None, names)):
            roots.drop_constraint(name, type_="unique")
        roots.create_unique_constraint(f"{_NAME}_pattern_marker_named", _COLUMNS)
    connection.execute(
        sa.text(
            "UPDATE roots SET pattern = origin, origin = 'pattern' WHERE origin NOT IN"
            " ('', 'held', 'proof') AND substr(origin, 1, 6) <> 'group:'"
        )
    )
