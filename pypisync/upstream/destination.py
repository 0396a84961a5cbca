"""How an origin is reached."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pypisync.upstream.addresses import Reach
from pypisync.upstream.deadline import Deadline


@dataclass(frozen=True, slots=True)
class Destination:
    """How an origin is reached."""

    url: str  # "https://host:port", what is asked of it stands behind
    timeout: float  # seconds to connect
    guard: Callable[[Reach, Deadline], bool]  # whether the origin may be at such an address
    authorities: str  # whose certificates are trusted: a file, or a folder of them
    authorities_named: str = ""  # what names them; "" if nothing does: the public ones
    proxy: str = field(default="", repr=False)  # a URL with a port; "" for none
    certificate: str | None = None  # of this client, a PEM file
    key: str | None = None

    @property
    def looked_up(self) -> bool:
        """Whether the name of the origin is looked up here, and not by a proxy."""
        return not self.proxy or urlsplit(self.proxy).scheme in {"socks4", "socks5"}


def host_and_port(url: str) -> tuple[str, int]:
    """Returns where a URL leads, host and port. Raises ValueError for a port that is none."""
    parts = urlsplit(url)
    usual = 443 if parts.scheme == "https" else 80
    return parts.hostname or "", usual if parts.port is None else parts.port
