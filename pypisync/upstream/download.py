"""Files from upstream into the pool, resumed where they broke off, smallest first.

A download is complete when the pool has checked size and SHA-256 (:class:`api.Part`). Until then
it is resumed by Range requests (RFC 9110, 14) as often as it makes progress. Where the bytes come
to rest is left to the pool.
"""

import heapq
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import count

from urllib3.exceptions import HTTPError

from pypisync.errors import Gone, Malformed, Unreachable
from pypisync.upstream.api import Deposit, FileAsk, Part
from pypisync.upstream.session import Session, Stream, backoff, said, shown

_LARGE = 5 * 1024 * 1024  # bytes; from here a file counts as large
_AHEAD = 1000  # asks looked at to find the smallest
_PROGRESS = 1024 * 1024  # bytes that make a broken try count as a good one
_UNKNOWN = 4 * 1024**3  # bytes; the limit for a file whose size upstream does not state
_GONE = frozenset({404, 410})


class SmallestFirst:
    """Asks for files, small ones before large ones, and never all workers on large ones.

    A mirror's files are mostly small, and a release is of use when its last one is there. So one
    worker is kept for files under 5 MiB and those of unknown size (``.metadata``), and of the next
    thousand asks the smallest is served first.
    """

    def __init__(self, asks: Iterator[FileAsk], workers: int, stop: Callable[[], bool]) -> None:
        self._asks = asks
        self._stop = stop
        self._room = max(1, workers - 1)  # for large files
        self._number = count()  # keeps files of one size in the order they came
        self._near: list[tuple[int, int, FileAsk]] = []

    def take(self) -> FileAsk | None:
        """The smallest ask in view; None if there is none for the workers that are free."""
        if self._stop():
            return None
        while len(self._near) < _AHEAD and (ask := next(self._asks, None)) is not None:
            heapq.heappush(self._near, (ask.size or 0, next(self._number), ask))
        if not self._near or (self._near[0][0] >= _LARGE and not self._room):
            return None
        size, _, ask = heapq.heappop(self._near)
        self._room -= size >= _LARGE
        return ask

    def done(self, ask: FileAsk) -> None:
        """Count the file's worker as free."""
        self._room += (ask.size or 0) >= _LARGE


def download(session: Session, ask: FileAsk, deposit: Deposit) -> None:
    """Download one file into ``deposit``. Raises UpstreamError, StorageError."""
    session.check()
    part = deposit.part(ask)
    try:
        try:
            _Transfer(session, ask, part).run()
        except Malformed:
            # A cache may hold a broken copy: once more, from the start and past the caches.
            part.close()
            part = deposit.part(ask)
            part.restart()
            _Transfer(session, ask, part, {"Cache-Control": "no-cache"}).run()
    finally:
        part.close()


class _Transfer:
    """One file under way."""

    def __init__(
        self, session: Session, ask: FileAsk, part: Part, headers: Mapping[str, str] | None = None
    ) -> None:
        self._session = session
        self._ask = ask
        self._part = part
        self._headers = {"Accept": "*/*", "Accept-Encoding": "identity", **(headers or {})}
        self._have = part.offset
        self._best = part.offset  # most bytes ever had: only more than that is progress
        self._resumable = True

    def run(self) -> None:
        """Receive and commit. Raises UpstreamError, StorageError."""
        broken = 0
        while self._have != self._ask.size:
            fault = self._receive()
            if fault is None:
                break
            if self._have >= self._best + _PROGRESS:
                self._best, broken = self._have, 0
            broken += 1
            if broken > self._session.settings.retries:
                raise Unreachable(
                    f"{shown(self._ask.url)}: broke off {broken} times in a row, now at byte "
                    f"{self._have}: {fault}; what has arrived is kept for the next time"
                )
            self._session.wait(backoff(broken))
        self._part.commit()

    def _receive(self) -> str | None:
        """Ask for what is missing and take it; a text says why it broke off."""
        headers = self._headers
        if self._have and self._resumable:
            headers = headers | {"Range": f"bytes={self._have}-"}
        stream = self._session.open(self._ask.url, headers)
        try:
            return self._misfit(stream) or self._pour(stream)
        except (HTTPError, OSError) as error:
            return said(error)
        finally:
            stream.close()

    def _misfit(self, stream: Stream) -> str | None:
        """Why this answer does not go on where the part ends; None if it does."""
        if stream.status in _GONE:
            raise Gone(f"{shown(stream.url)}: HTTP {stream.status}")
        if stream.status == 206 and self._have:
            start = re.match(r"bytes (\d{1,18})-", stream.headers.get("Content-Range", ""))
            if start and int(start[1]) == self._have and not _encoded(stream):
                return None
            self._resumable = False
        elif stream.status not in {200, 416} or (stream.status == 416 and not self._have):
            raise Unreachable(
                f"{shown(stream.url)}: HTTP {stream.status} where the file was expected"
            )
        if self._have:
            self._part.restart()
            self._have = 0
        return None if stream.status == 200 else f"HTTP {stream.status} does not resume the file"

    def _pour(self, stream: Stream) -> str | None:
        """Write the body to the part; a text if it ended before its time."""
        size = self._ask.size
        decode = _encoded(stream)
        self._resumable = self._resumable and not decode
        while chunk := stream.read(decode=decode):
            self._session.check()
            if self._have + len(chunk) > (_UNKNOWN if size is None else size):
                stated = "the limit" if size is None else "what upstream states"
                raise Malformed(
                    f"{shown(stream.url)}: more than {size or _UNKNOWN} bytes, {stated}"
                )
            self._part.write(chunk)
            self._have += len(chunk)
            if stream.ended and not decode:
                return None
        if size is not None and self._have < size and "Content-Length" not in stream.headers:
            return f"it ended after {self._have} of {size} bytes"
        return None


def _encoded(stream: Stream) -> bool:
    return stream.headers.get("Content-Encoding", "identity").lower() not in {"", "identity"}
