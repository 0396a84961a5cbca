"""Where the files of a cycle come in: the pool, with an account of what has come."""

from collections.abc import Callable

from pypisync.core.standards.filenames import METADATA
from pypisync.errors import OverLimit
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
        return _Part(self, ask.path, part)

    def tell(self, path: str, count: int) -> None:
        """``count`` bytes of this file are there now."""
        more = count - self.told.get(path, 0)
        self.bytes += more  # threads may lose some of it: it is a guard and no account
        self._received(more)
        self.told[path] = count


class _Part:
    def __init__(self, pool: Watched, path: str, part: Part) -> None:
        self.offset = part.offset
        self._pool = pool
        self._path = path
        self._part = part
        pool.tell(path, part.offset)

    def write(self, chunk: bytes) -> None:
        self._part.write(chunk)
        self._pool.tell(self._path, self._part.offset)

    def restart(self) -> None:
        self._part.restart()
        self._pool.tell(self._path, 0)

    def whole(self) -> bool:
        return self._part.whole()

    def commit(self) -> str:
        size, digest = self._part.offset, self._part.commit()
        self._pool.came[self._path] = digest, size
        return digest

    def close(self) -> None:
        self._part.close()
