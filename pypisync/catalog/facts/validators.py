"""What a project's document is told from another version of it by, as columns."""

from collections.abc import Mapping

from sqlalchemy import Connection, update

from pypisync.catalog.db.schema import projects
from pypisync.core.standards.model import Validators


def record_same(connection: Connection, known: Mapping[str, Validators]) -> None:
    """Record new validators of documents (by project) whose content is the known one."""
    for name, validators in known.items():
        connection.execute(
            update(projects).where(projects.c.name == name).values(**validators_row(validators))
        )


def validators_row(validators: Validators) -> dict[str, str | None]:
    """Returns the columns that validators are stored in."""
    return {
        "etag": validators.etag, "modified": validators.modified, "digest": validators.digest,
    }  # fmt: skip
