"""Parts of files on an index, by Range requests (RFC 9110, 14), for whoever reads a few bytes.

Only an answer tells whether a host serves ranges: some announce them and send everything, some
serve them only where a redirect leads to and deny it to HEAD. So a ranged GET is judged by its 206
and its ``Content-Range``; the body of a 200 is not read. Ranges that count from the end are never
asked for: PyPI answers them with 501, Nexus with 404 or with the beginning.
"""

import io
import re
from collections.abc import Callable
from typing import IO

from pypisync.errors import Malformed
from pypisync.upstream.api import FileAsk
from pypisync.upstream.encodings import encoding
from pypisync.upstream.failures import TransferError
from pypisync.upstream.faults import shown
from pypisync.upstream.session import Session, Stream, origin

TAIL = 64 * 1024  # bytes asked for first: the directory of a zip and what was written last
_HEAD = 16 * 1024  # bytes asked for to learn a size that is not stated
_AHEAD = 16 * 1024  # bytes asked for at least
_MOST_BYTES = 48 * 2**20  # bytes of one file; who needs more takes the whole
_MOST_REQUESTS = 32
_FORGET = 3600.0  # seconds until a host is tried again
_UNSERVED = frozenset({200, 501})  # how hosts answer that serve no ranges
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


class _NoRangesError(Exception):
    """The file cannot be had in parts."""


class Ranges:
    """Reads files in parts. Remembers which hosts serve none. Safe between threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._without: dict[str, float] = {}  # origin -> until when

    def read(
        self, session: Session, ask: FileAsk, read: Callable[[str, IO[bytes]], bytes]
    ) -> bytes | None:
        """Returns what ``read`` makes of the file; None if its host does not serve parts of it.

        Raises UpstreamError, and what ``read`` raises.
        """
        file = _RangedFile(lambda start, stop: self._part(session, ask, start, stop), ask.size)
        try:
            file.begin()
            return read(ask.path.rpartition("/")[2], file)  # type: ignore[arg-type]
        except _NoRangesError:
            return None

    def _part(self, session: Session, ask: FileAsk, start: int, stop: int) -> tuple[bytes, int]:
        """Returns the bytes from ``start`` to ``stop`` (or the end), and the file's size."""
        headers = {
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Range": f"bytes={start}-{stop - 1}",
        }

        def finish(stream: Stream) -> tuple[bytes, int]:
            try:
                return self._taken(stream, start, stop)
            finally:
                stream.close()

        data, size = session.take(ask.url, headers, finish, self._hop)
        if ask.size not in {None, size}:
            raise _NoRangesError  # another file than stated: the whole one will show it
        return data, size

    def _hop(self, url: str) -> None:
        if self._without.get(origin(url), 0.0) > self._clock():
            raise _NoRangesError

    def _taken(self, stream: Stream, start: int, stop: int) -> tuple[bytes, int]:
        if stream.status in _UNSERVED:
            self._without[origin(stream.url)] = self._clock() + _FORGET
        stated = _CONTENT_RANGE.fullmatch(stream.headers.get("Content-Range", "").strip())
        if stream.status != 206 or stated is None or encoding(stream.headers):
            raise _NoRangesError
        first, last, size = (int(number) for number in stated.groups())
        if first != start or last != min(stop, size) - 1:
            raise _NoRangesError
        parts, left = [], last + 1 - first
        while left > 0 and (chunk := stream.read()):
            parts.append(chunk)
            left -= len(chunk)
        if left > 0:
            raise TransferError(f"{left} bytes of a range are missing")
        if left < 0:
            raise Malformed(f"{shown(stream.url)}: sends more than the range it states")
        return b"".join(parts), size


class _RangedFile(io.RawIOBase):
    """A file that is fetched where it is read. Used by one thread."""

    def __init__(self, fetch: Callable[[int, int], tuple[bytes, int]], size: int | None) -> None:
        self._fetch = fetch
        self._size = size or 0
        self._known = size is not None
        self._parts: dict[int, bytes] = {}  # by where they begin; they do not overlap
        self._position = 0
        self._requests = 0
        self._bytes = 0

    def begin(self) -> None:
        """Fetch what is read first. Raises UpstreamError, _NoRangesError."""
        if not self._known:
            _, self._size = self._get(0, _HEAD)
        if len(self._parts.get(0, b"")) < self._size:
            self._fill(max(self._size - TAIL, 0), self._size)

    def tell(self) -> int:
        """Returns where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Returns the new position. Raises OSError if it is before the beginning."""
        base = (0, self._position, self._size)[whence]
        if base + offset < 0:
            raise OSError("before the beginning")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Returns so many bytes, fewer only at the end. Raises UpstreamError, _NoRangesError."""
        end = self._size if size is None or size < 0 else min(self._position + size, self._size)
        found = []
        while self._position < end:
            if not (piece := self._at(self._position)[: end - self._position]):
                self._fill(self._position, max(end, self._position + _AHEAD))
                continue
            found.append(piece)
            self._position += len(piece)
        return b"".join(found)

    def _at(self, position: int) -> bytes:
        """Returns what is there from this position on."""
        for start, part in self._parts.items():
            if start <= position < start + len(part):
                return part[position - start :]
        return b""

    def _fill(self, start: int, stop: int) -> None:
        """Fetch from ``start`` up to ``stop``, or to what is there already.

        What is read next often lies before that: METADATA before the directory.
        """
        later = [begin for begin in self._parts if begin > start]
        earlier = [begin + len(part) for begin, part in self._parts.items() if begin <= start]
        if later and stop >= min(later):
            start = max([0, start - _AHEAD, *earlier])
        self._get(start, min([stop, self._size, *later]))

    def _get(self, start: int, stop: int) -> tuple[bytes, int]:
        self._requests += 1
        self._bytes += stop - start
        if self._bytes > _MOST_BYTES or self._requests > _MOST_REQUESTS:
            raise _NoRangesError
        data, size = self._fetch(start, stop)
        if self._size not in {0, size}:
            raise _NoRangesError  # it has changed in between
        self._parts[start] = data
        return data, size
