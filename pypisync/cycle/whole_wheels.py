"""Small wheels are asked for whole, where else their ``.metadata`` would be asked for first.

The wheels of a selected release come anyway, and the ``.metadata`` of each is in it. So a first
sync makes a request less for each small wheel; where answers are late, that is its main cost.
METADATA of another SHA-256 than upstream states for the ``.metadata`` counts for nothing: that file
is then asked for. A large wheel would keep decisions waiting, so it comes later.

Seldom a release turns out not to be wanted: its wheels go like all that no page lists. Nothing
comes so once it is clear that a cycle would add more than its limits allow.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from pypisync.catalog.facts.requirements import SourceFile, WantedRelease
from pypisync.cycle import limits
from pypisync.cycle.fetch_ahead import most_ahead
from pypisync.cycle.incoming import Incoming
from pypisync.cycle.mirror import metadata_ask
from pypisync.cycle.report import Report
from pypisync.upstream.api import FileAsk

# Bytes of a small wheel. At 10 MB/s so much comes in the 25 ms in which a host near by answers.
_SMALL = 256 * 2**10


class WholeWheels(Struct):
    """Asks for the METADATA of releases, in one cycle."""

    incoming: Incoming
    report: Report
    _selected: int = 0  # bytes of all files of the selected releases that were asked for
    _left: int = 0  # bytes that may come whole

    def asks(self, releases: Sequence[WantedRelease]) -> Iterator[list[FileAsk]]:
        """Yields for each release the asks for its ``.metadata`` files, or for small wheels.

        Raises StorageError, CatalogError.
        """
        self._foresee(releases)
        for release in releases:
            described = [file for file in release.files if file.metadata_sha256 is not None]
            yield [self._ask(file, fetched=release.selected) for file in described]

    def _foresee(self, releases: Sequence[WantedRelease]) -> None:
        """Find out how much may come whole, with all that these releases bring."""
        incoming, most = self.incoming, limits.most_bytes(self.incoming.mirror)
        files = [file for release in releases if release.selected for file in release.files]
        self._selected += sum(file.size or 0 for file in files)
        above = limits.LIMITS in self.report.failed or (most is not None and self._selected > most)
        may = incoming.may_fetch_ahead and not above
        self._left = most_ahead(incoming.mirror) - incoming.ahead if may else 0

    def _ask(self, file: SourceFile, *, fetched: bool) -> FileAsk:
        """``fetched``: the file comes in any case, once all is decided."""
        size, metadata = file.size, file.metadata_sha256 or ""
        stated = file.sha256 and metadata and file.kind == "wheel"
        if not (fetched and stated and size is not None and size <= min(_SMALL, self._left)):
            return metadata_ask(file.url, file.path, metadata, file.index)
        self._left -= size
        self.incoming.ahead += size
        return FileAsk(
            file.url,
            file.path,
            file.sha256,
            size,
            stated=file.stated or "",
            index=file.index,
            urgent=True,
            metadata=metadata,
        )
