"""What a fed mirror has, as a small file, and the base of an export that it makes.

Where a bundle is lost for ever, or files are, the file is carried out by hand. It holds digests of
all rows, so the outside need not remember what it sent.
"""

from pathlib import Path

from pypisync.catalog.bundles import fed, listing, slices
from pypisync.catalog.db.reader import REVISION
from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.publication import checks
from pypisync.core.bundles import manifest
from pypisync.core.bundles.manifest import FedReport
from pypisync.cycle.export import VERDICTS
from pypisync.errors import BundleError
from pypisync.storage import disk
from pypisync.storage.exports import Exported, Exports
from pypisync.storage.pool import Pool

_LARGEST = 256 * 2**20  # bytes


def report(connection: Transaction, pool: Pool) -> FedReport:
    """Returns what this mirror has. Raises BundleError if no bundle feeds it, CatalogError."""
    last = fed.fed(connection)
    if last is None:
        raise BundleError("no bundle was imported here yet: nothing is to be reported")
    digests: slices.Digests = {VERDICTS: {}}
    for table, number, rows in slices.rows(connection):
        digests.setdefault(table, {})[number] = slices.digest(rows)
    for number, line in listing.verdicts(connection):
        digests[VERDICTS][number] = slices.digest(line)
    lost = set(checks.unrecorded(connection))
    lost |= {one.path for one in listing.expected(connection) if not pool.has(one.path, one.size)}
    return FedReport(
        manifest.FORMAT,
        last.mirror,
        last.point,
        slices.listed(connection),
        REVISION,
        digests,
        sorted(lost),
    )


def base_of(place: Path, exports: Exports) -> tuple[Exported, list[str]]:
    """Returns the state that a report is of, and the files that are lost there.

    Raises BundleError if it is no report of a mirror that this one feeds, StorageError.
    """
    data = disk.read(place, _LARGEST)
    if data is None:
        raise BundleError(f"{place}: there is no such report")
    found = manifest.read(data, FedReport, str(place))
    if found.mirror != exports.identity():
        raise BundleError(
            f"{place}: of a mirror that {found.mirror[:8]} feeds, and not this one: if this one is"
            f" that and has lost what it knew, write {found.mirror} into {exports.identity_file}"
        )
    known = {VERDICTS, *(table.name for table in slices.TABLES)}
    numbers = (number for digests in found.digests.values() for number in digests)
    strange = bool(found.digests.keys() - known) or any(number < 0 for number in numbers)
    if strange and found.schema == REVISION:  # their names go into the bundle
        raise BundleError(f"{place}: of tables that no bundle of this version brings")
    if found.point.sequence > manifest.LAST_REPORTED:
        raise BundleError(f"{place}: no mirror has written {found.point.sequence} bundles")
    base = Exported(found.point, 0.0, found.listed, found.schema, found.digests, "")
    return base, found.lost
