"""What every run ends with: what nobody needs any more goes."""

from pypisync.catalog.bundles import fed
from pypisync.catalog.db import pool
from pypisync.catalog.db.pool import Stored
from pypisync.catalog.publication import retention
from pypisync.catalog.publication.rollback import frozen
from pypisync.core.standards.filenames import METADATA
from pypisync.cycle import rollback
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.report import Report
from pypisync.storage.exports import Exports


def prune(mirror: Mirror, report: Report) -> tuple[int, list[Stored]]:
    """Forget generations past their retention, and delete the files that nobody needs any more.

    Returns how many generations were forgotten, and the files that were deleted. Raises
    StorageError, CatalogError.
    """
    report.failed |= rollback.obey(mirror)  # it may save a generation
    now = mirror.now()
    with mirror.catalog.begin() as connection:
        if frozen(connection) and fed.fed(connection):
            return 0, []  # else what the last bundle led to could be forgotten
        needed = Exports(mirror.pool.root).reached()  # the next bundle goes on from there
        retention.put_right(connection, now)
        old = retention.forget_generations(connection, now - mirror.retention, needed)
        found = retention.unneeded(connection, now - mirror.grace, now - mirror.retention, needed)
    if not found:
        return old, []
    paths = [item.path for item in found]
    with mirror.catalog.begin() as connection:
        pool.doom_stored(connection, paths)
    mirror.pool.delete(paths)
    mirror.pool.flush()
    with mirror.catalog.begin() as connection:
        pool.forget_stored(connection, paths)
    report.pruned += len([path for path in paths if not path.endswith(METADATA)])
    return old, found
