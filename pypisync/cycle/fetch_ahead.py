"""Fetches files while proofs are made: the network has nothing else to do then.

Proofs may add releases, and seldom take some away: what is fetched ahead may turn out not to be
wanted, and goes like all that no page lists. So there is an end to it: half of the room on the
disk, and two gigabytes. Above the limits of a cycle nothing is fetched ahead.
"""

from collections.abc import Iterable, Iterator

from pypisync.catalog.publication import missing_files
from pypisync.catalog.publication.missing_files import FileToFetch
from pypisync.cycle import limits
from pypisync.cycle.incoming import Incoming
from pypisync.cycle.mirror import Mirror, metadata_ask
from pypisync.cycle.report import Report
from pypisync.upstream.api import FileAsk

_MOST = 2 * 2**30  # bytes


def file_asks(wanted: Iterable[FileToFetch]) -> Iterator[FileAsk]:
    """Yields the asks for files, and for their ``.metadata``."""
    for file in wanted:
        if file.file and not file.came:
            yield FileAsk(
                file.url, file.path, file.sha256, file.size, index=file.index, stated=file.stated
            )
        if file.metadata is not None:
            yield metadata_ask(file.url, file.path, file.metadata, file.index)


def most_ahead(mirror: Mirror) -> int:
    """Returns how many bytes may be asked for before all is decided. Raises StorageError."""
    return min(_MOST, mirror.pool.room() // 2)


def fetch_ahead(incoming: Incoming, report: Report) -> None:
    """Ask for files of the selection as it is now, as far as is fit. Raises CatalogError."""
    mirror = incoming.mirror
    above = limits.LIMITS in report.failed
    if not incoming.may_fetch_ahead or above:
        return
    with mirror.catalog.begin() as connection:
        wanted = missing_files.files_to_fetch(connection)
        _, reason = limits.before_fetching(mirror, connection, wanted, above=above)
    if not wanted or reason:
        return
    most = most_ahead(mirror)
    asks = []
    for ask in file_asks(wanted):
        known = ask.path in incoming.failed or incoming.under_way([ask.path])
        if known or ask.urgent or ask.size is None or incoming.ahead + ask.size > most:
            continue
        incoming.ahead += ask.size
        asks.append(ask)
    incoming.ask_files(asks)
