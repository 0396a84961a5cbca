"""What a body is packed with (RFC 9110, 8.4), and how it is unpacked as it comes."""

import zlib
from collections.abc import Mapping

from pypisync.upstream.failures import EncodingError

ASKED = "gzip"  # what documents are asked for in
_KNOWN = frozenset({"gzip", "x-gzip", "deflate"})
_MOST = 5  # encodings of one body
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_MAGIC = b"\x1f\x8b"  # how a member begins


def encoding(headers: Mapping[str, str]) -> str:
    """Returns what the body is packed with, in lower case; "" for nothing."""
    named = headers.get("Content-Encoding", "").strip().lower()
    return "" if named == "identity" else named


class Unpacker:
    """Unpacks one body, never more than it is asked for at a time, however much is packed.

    Several members behind one another are one body (RFC 1952, 2.2); what follows them and is none
    is passed over. What is packed several times ("gzip, gzip") is unpacked as often. A body in an
    encoding that is not known stays as it is.
    """

    def __init__(self, named: str) -> None:
        first, _, last = named.rpartition(",")  # the last is the outermost
        self._named = last.strip()
        self._member = _begun() if self._named in _KNOWN else None
        passes = self._member is not None or self._named in {"", "identity"}
        self._within = Unpacker(first) if first and passes and named.count(",") < _MOST else None
        self._left = b""  # has come, and is not unpacked yet
        self._start = b""  # too little of what follows a member to tell whether it is one
        self._fed = False  # whether the member that is under way has begun
        self._members = 0
        self._over = False

    @property
    def hungry(self) -> bool:
        """Whether it has nothing left to unpack."""
        return not self._left and (self._within is None or self._within.hungry)

    def feed(self, data: bytes, most: int) -> bytes:
        """Returns at most ``most`` bytes of what was left and of ``data``. Raises EncodingError.

        ``data`` is empty unless it is hungry.
        """
        if self._within is None:
            return self._unpacked(data, most)
        found = self._unpacked(data, most) if self._within.hungry else b""
        return self._within.feed(found, most)

    def _unpacked(self, data: bytes, most: int) -> bytes:
        if self._member is None or self._over:
            return b"" if self._over else data
        packed, self._start = self._start + self._left + data, b""
        if self._members and not self._fed and not packed.startswith(_MAGIC):
            self._left = b""
            self._over = len(packed) >= len(_MAGIC)
            self._start = packed[:1]
            return b""
        self._fed = self._fed or bool(packed)
        try:
            found = self._member.decompress(packed, most)
        except zlib.error as error:
            raise EncodingError(f"it is not {self._named}, as its head says: {error}") from None
        self._left = self._member.unconsumed_tail
        if self._member.eof:
            self._left = self._member.unused_data
            self._member, self._fed = _begun(), False
            self._members += 1
        return found

    def end(self) -> None:
        """Raise EncodingError if the body has come to its end within a member.

        One without a byte is no fault: so an answer ends that has none, such as a 304.
        """
        if self._fed and not self._over:
            raise EncodingError(f"it ends within its {self._named}")
        if self._within is not None:
            self._within.end()


def _begun() -> "zlib._Decompress":
    return zlib.decompressobj(_GZIP_OR_ZLIB)
