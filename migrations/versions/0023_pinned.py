"""That a lock file names a release is a column of roots and of the selection, not an extra."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

_ROOTS = ["project_id", "selector", "extras", "pinned", "origin", "source", "marker", "named"]
_KEYS = {
    "roots": ("uq_roots_line", _ROOTS),
    "selected": ("uq_selected_release_id_extra_pinned", ["release_id", "extra", "pinned"]),
}
_EXTRA = {"roots": "extras", "selected": "extra"}


def upgrade() -> None:
    """Move the "=" out of the extras."""
    connection = op.get_bind()
    for table, (key, columns) in _KEYS.items():
        names = {one["name"] for one in sa.inspect(connection).get_unique_constraints(table)}
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("pinned", sa.Boolean(), server_default="0", nullable=False))
            for name in sorted(filter(None, names)):
                batch.drop_constraint(name, type_="unique")
            batch.create_unique_constraint(key, columns)
        column = _EXTRA[table]
        op.execute(f"UPDATE {table} SET pinned = true, {column} = '' WHERE {column} = '='")  # noqa: S608 - constants
