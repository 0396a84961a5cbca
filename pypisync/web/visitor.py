"""Whom a response is for, and the mirror's address as they see it."""

import re
from collections.abc import Mapping

VARIES = "Host, X-Forwarded-Host, X-Forwarded-Proto, X-Forwarded-Prefix"

_HOST = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]{1,100}){1,10}")
_LOCAL = re.compile(r"(?:localhost|127\.[0-9.]+|\[::1\])(?::\d+)?")


class Visitor:
    """Whom a response is for, and the mirror's address as they see it, without a slash at its end.

    It is told only to the one who sent it; caches hear by Vary what it depends on.
    """

    def __init__(self, headers: Mapping[bytes, bytes]) -> None:
        """``headers`` by name in lower case; a proxy's are believed, whoever sent them."""
        scheme = _first(headers, b"x-forwarded-proto").lower()
        self.scheme = scheme if scheme in {"http", "https"} else "http"
        host = _first(headers, b"x-forwarded-host") or _first(headers, b"host")
        self.host = host if _HOST.fullmatch(host) else "mirror.example"
        prefix = _first(headers, b"x-forwarded-prefix").rstrip("/")
        prefix = prefix if _PREFIX.fullmatch(prefix) and "/." not in prefix else ""
        self.address = f"{self.scheme}://{self.host}{prefix}"

    @property
    def hostname(self) -> str:
        """The host without the port, as ``pip --trusted-host`` takes it."""
        return re.sub(r":\d+$", "", self.host)

    @property
    def untrusted(self) -> bool:
        """Whether pip asks for ``--trusted-host``: no TLS, and not this machine."""
        return self.scheme == "http" and not _LOCAL.fullmatch(self.host)


def _first(headers: Mapping[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1").partition(",")[0].strip()
