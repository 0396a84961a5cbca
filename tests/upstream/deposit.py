"""Downloads kept in memory, with the promises that a pool on disk makes."""

import hashlib

from pypisync.errors import Malformed, StorageError
from pypisync.upstream.api import FileAsk


class MemoryPart:
    """A file under way."""

    def __init__(self, deposit: "MemoryDeposit", ask: FileAsk) -> None:
        self._deposit = deposit
        self._ask = ask
        self._data = bytearray(deposit.partial.pop(ask.path, b""))
        self.offset = len(self._data)
        self._open = True

    def write(self, chunk: bytes) -> None:
        if self._ask.path in self._deposit.full:
            raise StorageError(f"{self._ask.path}: the disk is full")
        self._data += chunk
        self.offset = len(self._data)

    def restart(self) -> None:
        self._data.clear()
        self.offset = 0

    def whole(self) -> bool:
        return self.offset > 0 and hashlib.sha256(self._data).hexdigest() == self._ask.sha256

    def commit(self) -> str:
        digest = hashlib.sha256(self._data).hexdigest()
        if self._ask.size not in {None, len(self._data)} or self._ask.sha256 not in {"", digest}:
            self._open = False
            raise Malformed(f"{self._ask.path}: not what upstream states")
        self._deposit.files[self._ask.path] = bytes(self._data)
        self._open = False
        return digest

    def close(self) -> None:
        if self._open:
            self._open = False
            self._deposit.partial[self._ask.path] = bytes(self._data)


class MemoryDeposit:
    """Files by path; ``partial`` what unfinished tries left; ``full`` paths that cannot grow."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.partial: dict[str, bytes] = {}
        self.full: set[str] = set()

    def part(self, ask: FileAsk) -> MemoryPart:
        return MemoryPart(self, ask)
