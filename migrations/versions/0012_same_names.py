"""Two projects may list a file of the same name: "a-1-2.tar.gz" is an sdist of "a" and of "a-1"."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the name unique in its release only; that index serves for releases as well."""
    op.drop_index("ix_files_release_id", "files")
    with op.batch_alter_table("files") as files:
        files.drop_constraint("uq_files_filename", type_="unique")
        files.create_unique_constraint("uq_files_release_id_filename", ["release_id", "filename"])
    op.create_index("ix_files_filename", "files", ["filename"])
