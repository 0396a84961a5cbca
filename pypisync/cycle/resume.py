"""What every run begins with: what a crash cut off, and what operators have ordered."""

from pypisync.catalog.publication import generations
from pypisync.cycle import rollback
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.publish import is_outdated, renew, write_generation
from pypisync.cycle.report import Report


def resume(mirror: Mirror, report: Report, *, begins: bool = False) -> bool:
    """Obey operators, and write the pages that are still to be written.

    ``begins``: a cycle begins, so what they lift for one cycle is lifted.
    Returns whether the index is frozen: it is then what it is to be. Raises StorageError,
    CatalogError.
    """
    report.failed |= rollback.obey(mirror, begins=begins)
    with mirror.catalog.begin() as connection:
        number, _, complete = generations.generation(connection)
        outdated = is_outdated(connection)
        free = rollback.is_free(connection)
    if not complete:
        report.pages += write_generation(mirror, number)
    if outdated:
        report.pages += renew(mirror)
    stay = rollback.stay(mirror, free=free)
    if stay is None:
        report.frozen = 0
        return False
    report.frozen = stay.to
    report.generation = stay.number or report.generation
    report.pages += stay.pages
    report.failed |= stay.failed
    return True
