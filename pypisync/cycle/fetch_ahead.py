"""Fetches files before all is decided: the network has time while decisions and proofs are made.

What is fetched ahead may turn out not to be wanted. So there is little of it: at most a tenth of
what one cycle may add, half of the room on the disk, and two gigabytes.
"""

from collections.abc import Collection, Iterable, Iterator

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
        if file.file:
            yield FileAsk(
                file.url, file.path, file.sha256, file.size, index=file.index, stated=file.stated
            )
        if file.metadata is not None:
            yield metadata_ask(file.url, file.path, file.metadata, file.index)


def fetch_ahead(incoming: Incoming, report: Report, unread: Collection[str]) -> None:
    """Ask for files of the selection as it is now, as far as is fit.

    ``unread``: paths of releases whose requirements are being read. These are left out, and files
    of projects that are being read: what is known of them may be outdated. Raises CatalogError.
    """
    mirror = incoming.mirror
    if not incoming.may_fetch_ahead or limits.LIMITS in report.failed:
        return
    with mirror.catalog.begin() as connection:
        wanted = missing_files.files_to_fetch(connection)
    most = _most(mirror) if wanted else 0
    asks = []
    for ask in file_asks(file for file in wanted if file.project not in incoming.projects):
        known = ask.path in incoming.failed or ask.path in unread or incoming.under_way([ask.path])
        if known or ask.urgent or ask.size is None or incoming.ahead + ask.size > most:
            continue
        incoming.ahead += ask.size
        asks.append(ask)
    incoming.ask_files(asks)


def _most(mirror: Mirror) -> int:
    allowed = mirror.limits.bytes
    return min(_MOST, mirror.pool.room() // 2, _MOST if allowed is None else allowed // 10)
