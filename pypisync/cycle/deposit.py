"""Where the files of a cycle come in: the pool, with an account of what has come."""

from collections.abc import Callable
from contextlib import suppress

from pypisync.core.standards.filenames import METADATA
from pypisync.cycle.isolation import guarded
from pypisync.errors import NoRoom, OverLimit
from pypisync.storage.pool import Pool
from pypisync.upstream.api import FileAsk, Part


class Watched:
    """A pool; ``received`` is told of the bytes as they come in, by the threads that download."""

    def __init__(self, pool: Pool, received: Callable[[int], object], came_before: int = 0) -> None:
        self.pool = pool
        self._received = received
        self.most: int | None = None  # bytes
        self.bytes = came_before  # that came
        self.told: dict[str, int] = {}  # by path: an ask may open its part twice
        self.came: dict[str, tuple[str, int]] = {}  # SHA-256 as it came, and size, by path

    def part(self, ask: FileAsk) -> Part:
        """Returns the part of a file. Raises OverLimit if no more of unknown sizes may come.

        Raises NoRoom, Malformed and StorageError as :meth:`Pool.part`.
        """
        unknown = ask.size is None and not ask.path.endswith(METADATA)
        if unknown and self.most is not None and self.bytes >= self.most:
            raise OverLimit("more has come than one cycle may add")
        part = self.pool.part(ask)
        return _Part(self, ask, part)

    def tell(self, path: str, count: int) -> None:
        """``count`` bytes of this file are there now."""
        more = count - self.told.get(path, 0)
        self.bytes += more  # threads may lose some of it: it is a guard and no account
        self._received(more)
        self.told[path] = count

    def lay_beside(self, ask: FileAsk) -> None:
        """Lay the METADATA of a wheel that is here beside it, if it is what upstream states.

        Else, as where the wheel is Malformed, nothing is laid: METADATA is to be had elsewhere.
        Raises StorageError.
        """
        from pypisync.storage import archives

        with suppress(NoRoom), guarded(repr):
            data = archives.wheel_metadata(self.pool.absolute(ask.path))
            beside = FileAsk("", ask.path + METADATA, ask.metadata, len(data))
            part = self.pool.part(beside)
            try:
                if part.offset:  # that an earlier try of a ``.metadata`` file has left
                    part.restart()
                part.write(data)
                self.came[beside.path] = part.commit(), len(data)
            finally:
                part.close()


class _Part:
    def __init__(self, pool: Watched, ask: FileAsk, part: Part) -> None:
        self.offset = part.offset
        self._pool = pool
        self._ask = ask
        self._part = part
        pool.tell(ask.path, part.offset)

    def write(self, chunk: bytes) -> None:
        self._part.write(chunk)
        self._pool.tell(self._ask.path, self._part.offset)

    def restart(self) -> None:
        self._part.restart()
        self._pool.tell(self._ask.path, 0)

    def whole(self) -> bool:
        return self._part.whole()

    def commit(self) -> str:
        size, digest = self._part.offset, self._part.commit()
        self._pool.came[self._ask.path] = digest, size
        if self._ask.metadata:
            self._pool.lay_beside(self._ask)
        return digest

    def close(self) -> None:
        self._part.close()
