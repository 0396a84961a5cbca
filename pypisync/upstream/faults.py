"""What is told of a request that failed, and of a host that is asked again.

Credentials never stand in it: what libraries say is cleaned of them.
"""

import re
import threading
from collections.abc import Callable

from msgspec import Struct

from pypisync.errors import Malformed, ProxyRefused, Unreachable, UpstreamError
from pypisync.upstream.failures import (
    EncodingError,
    ProxyFaultError,
    TransferError,
    TunnelError,
)

_BUSY = frozenset({408, 429})  # how a proxy says that it is, among the other refusals
_AGAIN = 60.0  # seconds in which the waits for one host are told once

Told = Callable[[str, str, float], object]
"""Is told which host is asked again, why, and after how many seconds; by any thread."""


class RequestFault(Struct, frozen=True):
    """Why a request has no answer that could be used."""

    text: str
    wait: float | None = None  # seconds, as upstream asks
    final: bool = False  # another try cannot help
    kind: type[UpstreamError] = Unreachable
    advice: str = ""
    through: str = ""  # "through the proxy host:port (where it is configured)"

    @property
    def reason(self) -> str:
        """What happened, and by which way."""
        return f"{self.through}: {self.text}" if self.through else self.text

    @property
    def advised(self) -> str:
        """What to do."""
        proxy = "the proxy and its address" if self.through else "whether a proxy is needed"
        return self.advice or f"if it stays so, check the endpoint, {proxy}, and the network"


class Waits:
    """Tells of hosts that are waited for, each once a minute. Safe between threads."""

    def __init__(self, clock: Callable[[], float], told: Told) -> None:
        self._clock = clock
        self._told = told
        self._quiet: dict[str, float] = {}  # until when nothing more is told of a host
        self._lock = threading.Lock()

    def tell(self, host: str, reason: str, seconds: float) -> None:
        """Tell that a host is asked again after so many seconds."""
        with self._lock:
            now = self._clock()
            if now < self._quiet.get(host, now):
                return
            self._quiet[host] = now + _AGAIN
        self._told(host, reason, seconds)


def refused_by_proxy(status: str, through: str) -> RequestFault:
    """Returns the fault of a proxy that lets nothing through (RFC 9110, 9.3.6 and 15.5.8)."""
    advice = (
        "the proxy wants a name and a password, or others: check those in the proxy's address"
        if status == "407"
        else "check the proxy's address, and whether it lets this machine go there"
    )
    text = f"the proxy answers HTTP {status}"
    return RequestFault(text, final=True, kind=ProxyRefused, advice=advice, through=through)


def fault_of(error: Exception, through: str) -> RequestFault:
    """Returns what an error comes to."""
    if isinstance(error, TunnelError) and 400 <= error.status < 500 and error.status not in _BUSY:
        return refused_by_proxy(str(error.status), through)
    final, advice = isinstance(error, ValueError), ""
    if isinstance(error, TransferError):
        final, advice = error.final, error.advice
    return RequestFault(said(error), final=final, kind=_kind(error), advice=advice, through=through)


def _kind(error: Exception) -> type[UpstreamError]:
    if isinstance(error, ProxyFaultError):
        return ProxyRefused
    return Malformed if isinstance(error, EncodingError) else Unreachable


def shown(url: str) -> str:
    """Returns a URL fit for messages: no credentials, query or control characters, and short."""
    # Behind a ";" some servers write the number of a session (RFC 3986, 3.3).
    bare = re.sub(r"//[^/]*@", "//", re.split("[?#;]", url, maxsplit=1)[0])
    return "".join(char if char.isprintable() else "?" for char in bare)[:300]


def said(error: Exception) -> str:
    """Returns what a library says of a failure, in one line and without credentials."""
    text = re.sub(r"//[^/\s]*@", "//", str(error))
    return " ".join(text.split())[:300] or type(error).__name__
