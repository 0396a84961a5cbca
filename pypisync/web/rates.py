"""How often a client may call, as PyPI limits its XML-RPC calls: so many an hour and address.

Each serving process counts for itself: the limit is there for clients that run wild, and a count
that processes share would have to be locked for every call. What a client may still do is told in
the headers that the IETF drafts (draft-ietf-httpapi-ratelimit-headers), as PyPI does.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from pypisync.web.response import Message

_CALLS = 3600  # PyPI's default
_SECONDS = 3600
_CLIENTS = 10_000  # that are remembered
_NEAR = ("127.0.0.1", "::ffff:127.0.0.1", "::1", "")


class Rates:
    """Counts the calls of each client; used by one event loop."""

    def __init__(self, calls: int = _CALLS, now: Callable[[], float] = time.time) -> None:
        self._calls = calls
        self._now = now
        self._hour = 0
        self._used: OrderedDict[str, int] = OrderedDict()

    def call(self, client: str) -> tuple[int, Mapping[str, str]]:
        """Count a call. Returns after how many seconds it may be made (0: now), and headers."""
        hour, past = divmod(int(self._now()), _SECONDS)
        if hour != self._hour:
            self._hour = hour
            self._used.clear()
        used = self._used[client] = self._used.pop(client, 0) + 1
        if len(self._used) > _CLIENTS:
            self._used.popitem(last=False)
        left, reset = max(self._calls - used, 0), _SECONDS - past
        said = {
            "RateLimit-Policy": f'"xmlrpc";q={self._calls};w={_SECONDS}',
            "RateLimit": f'"xmlrpc";r={left};t={reset}',
        }
        return (0 if used <= self._calls else reset), said


def client_of(scope: Message, forwarded_for: str) -> str:
    """Returns the address of who calls; a proxy on this machine is believed who it calls for."""
    host = str((scope.get("client") or ("",))[0])
    if host in _NEAR and forwarded_for:
        return forwarded_for.rpartition(",")[2].strip()[:64]
    return host
