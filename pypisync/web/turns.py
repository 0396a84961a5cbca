"""One thread at a time computes for clients, so that files are served meanwhile."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

_WAITING = 64  # requests; more are sent away

T = TypeVar("T")


class BusyError(Exception):
    """Raised where too many requests wait already."""


class Turns:
    """The turns of one event loop's clients."""

    def __init__(self, most: int = _WAITING) -> None:
        self._lock = asyncio.Lock()
        self._most = most
        self._waiting = 0

    async def take(self, function: Callable[..., T], *given: object) -> T:
        """Returns what the function does in a thread, when it is its turn. Raises BusyError."""
        if self._waiting >= self._most:
            raise BusyError
        self._waiting += 1
        try:
            async with self._lock:
                return await asyncio.to_thread(function, *given)
        finally:
            self._waiting -= 1
