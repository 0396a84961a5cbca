"""Files from upstream into the pool, resumed where they broke off.

A download is complete when the pool has checked size and SHA-256 (:class:`api.Part`). Until then
it is resumed by Range requests (RFC 9110, 14) as often as it makes progress. Where the bytes come
to rest is left to the pool.
"""

import re
from collections.abc import Mapping

from pypisync.core.standards.filenames import METADATA
from pypisync.errors import Gone, Malformed, Unreachable
from pypisync.upstream.api import Deposit, FileAsk, Part
from pypisync.upstream.encodings import encoding
from pypisync.upstream.failures import EncodingError, TransferError
from pypisync.upstream.faults import said, shown
from pypisync.upstream.session import Session, Stream, backoff

_PROGRESS = 1024 * 1024  # bytes that make a broken try count as a good one
_FILES_RATE = 16  # a file must come so many times as fast as the least rate of one answer
_STATED = "what upstream states"
_GONE = frozenset({404, 410})
# Hosts of plain files (S3) say 403 for a missing file, and a .metadata file is only a copy.
_REFUSED = frozenset({401, 403})
_RANGE = re.compile(r"bytes (\d{1,18})-\d*/?(\d*)")


def download(session: Session, ask: FileAsk, deposit: Deposit) -> None:
    """Download one file into ``deposit``. Raises UpstreamError, StorageError."""
    session.check()
    part = deposit.part(ask)
    try:
        first = _Transfer(session, ask, part)
        try:
            first.run()
        except Malformed:
            # A cache may hold a broken copy, a machine behind the address may be wrong: once more,
            # from the start, past the caches and on a new connection.
            if first.answered_by:
                session.renew(first.answered_by)
            part.close()
            part = deposit.part(ask)
            part.restart()
            again = _Transfer(session, ask, part, {"Cache-Control": "no-cache"})
            again.unpacks = None if first.unpacks is None else not first.unpacks
            again.run()
    finally:
        part.close()


class _Transfer:
    """One file under way."""

    def __init__(
        self, session: Session, ask: FileAsk, part: Part, headers: Mapping[str, str] | None = None
    ) -> None:
        self.answered_by = ""  # the URL of the last response, after redirects
        # Whether an encoded response is decoded; None: as its length suggests.
        self.unpacks: bool | None = None
        self._session = session
        self._ask = ask
        self._part = part
        self._headers = {"Accept": "*/*", "Accept-Encoding": "identity", **(headers or {})}
        self._have = part.offset
        self._best = part.offset  # most bytes ever had: only more than that is progress
        self._resumable = True
        settings = session.settings
        allowed = settings.longest + (ask.size or ask.limit) / (_FILES_RATE * settings.least_rate)
        self._end = session.timer() + allowed

    def run(self) -> None:
        """Receive and commit. Raises UpstreamError, StorageError."""
        if self._have and self._ask.size is None and not self._ask.sha256:
            self._restart()  # this may be the beginning of another state of the file
        broken = 0
        while self._have != self._ask.size and not self._part.whole():
            fault = self._receive()
            if fault is None:
                break
            if self._have >= self._best + _PROGRESS:
                self._best, broken = self._have, 0
            broken += 1
            late = self._session.timer() > self._end
            if broken > self._session.settings.retries or late:
                raise Unreachable(
                    f"{shown(self._ask.url)}: broke off {broken} times in a row, now at byte "
                    f"{self._have}: {fault}; what has arrived is kept for the next time"
                )
            self._session.wait_for(self._ask.url, f"broke off: {fault}", backoff(broken))
        self._part.commit()

    def _restart(self) -> None:
        self._part.restart()
        self._have = 0

    def _receive(self) -> str | None:
        """Request the missing bytes and write them. Returns why it broke off, if it did."""
        headers = self._headers
        if self._have and self._resumable:
            headers = headers | {"Range": f"bytes={self._have}-"}
        stream = self._session.open(self._ask.url, headers, end=self._end)
        self.answered_by = stream.url
        try:
            return self._misfit(stream) or self._pour(stream)
        except (
            EncodingError
        ) as error:  # it is not encoded as it says: the next try takes it as it is
            raise Malformed(f"{shown(stream.url)}: {said(error)}") from error
        except (TransferError, OSError) as error:
            return said(error)
        finally:
            stream.close()

    def _misfit(self, stream: Stream) -> str | None:
        """Returns why this response does not continue the part; None if it does."""
        beside = self._ask.path.endswith(METADATA)
        if stream.status in _GONE or (beside and stream.status in _REFUSED):
            raise Gone(f"{shown(stream.url)}: HTTP {stream.status}")
        if stream.status == 206 and self._have:
            stated = _RANGE.match(stream.headers.get("Content-Range", ""))
            whole = stated and self._ask.size is not None and stated[2] == str(self._ask.size)
            if stated and int(stated[1]) == self._have and (whole or not encoding(stream.headers)):
                self.unpacks = False if whole else self.unpacks
                return None
            self._resumable = False
        elif stream.status not in {200, 416} or (stream.status == 416 and not self._have):
            raise Unreachable(
                f"{shown(stream.url)}: HTTP {stream.status} where the file was expected"
            )
        if self._have:
            self._restart()
        return None if stream.status == 200 else f"HTTP {stream.status} does not resume the file"

    def _pour(self, stream: Stream) -> str | None:
        """Write the body to the part. Returns why it ended before its time; "" if it did not."""
        size = self._ask.size
        unpacks = bool(encoding(stream.headers)) and self._unpacks(stream)
        self._resumable = self._resumable and not unpacks
        limit, stated = (self._ask.limit, "the limit") if size is None else (size, _STATED)
        while chunk := stream.unpacked() if unpacks else stream.read():
            if self._have + len(chunk) > limit:
                raise Malformed(f"{shown(stream.url)}: more than {limit} bytes, {stated}")
            self._part.write(chunk)
            self._have += len(chunk)
            if stream.ended and not unpacks:
                break
        if size is not None and self._have < size and "Content-Length" not in stream.headers:
            return f"it ended after {self._have} of {size} bytes"
        return None

    def _unpacks(self, stream: Stream) -> bool:
        """Returns whether a response that is said to be encoded is to be decoded.

        Some servers call a ``.tar.gz`` gzip-encoded and send it as it is. If the guess is wrong,
        the hash differs, and the next try decides the other way.
        """
        if self.unpacks is None:
            length = stream.headers.get("Content-Length")
            if self._ask.size is not None and length is not None:
                raw = length == str(self._ask.size)
            else:
                raw = self._ask.path.endswith((".gz", ".tgz"))
            self.unpacks = not raw
        return self.unpacks
