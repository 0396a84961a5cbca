"""The way to a host: its connection pool and what every request to it carries.

Preparing a request as ``requests.Session`` does (environment proxies, certificate bundles, netrc,
cookies, hooks) costs more than the request itself. None of it differs between two requests to one
host, so it is asked of requests once a host and kept; requests then go to the pool directly.
"""

import threading
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import cast
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool

from pypisync.errors import ConfigError
from pypisync.upstream.heads import hasten

_HOSTS = 64  # hosts remembered; an index and its file hosts are a handful


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach an upstream."""

    endpoint: str  # the API is at <endpoint>/pypi and <endpoint>/simple/; may carry credentials
    workers: int = 10  # requests at the same time
    timeout: float = 30.0  # seconds without an answer, to connect and to read
    retries: int = 4  # further tries after a failed one
    proxy: str | None = None  # None: as the environment says
    ca_file: str | None = None  # None: as the environment says, else the bundle of certifi
    contact: str | None = None  # for the User-Agent: a URL or a mail address
    pace: float = 1.0  # seconds between two XML-RPC calls
    max_document: int = 200 * 1024 * 1024  # bytes of one document, decompressed


@dataclass(frozen=True, slots=True)
class Route:
    """What requests to one origin (scheme, host and port) have in common."""

    pool: HTTPConnectionPool
    headers: dict[str, str]
    prefix: str  # what stands before the path in the request line: plain HTTP through a proxy


class Routes:
    """The ways to all hosts, found when first needed and then kept. Safe between threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session = requests.Session()
        self._session.headers.clear()
        self._session.headers["User-Agent"] = user_agent(settings.contact)
        adapter = HTTPAdapter(pool_connections=_HOSTS, pool_maxsize=settings.workers)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self.endpoint, self._auth = split_endpoint(settings.endpoint)
        self._lock = threading.Lock()
        self._known: dict[str, Route] = {}

    def to(self, origin: str) -> Route:
        """The way to ``origin`` ("https://host:port").

        Raises requests' exceptions, OSError or ValueError if there can be none: an address or a
        proxy that cannot be read, a certificate bundle that is missing.
        """
        route = self._known.get(origin)
        if route is None:
            with self._lock:
                route = self._find(origin)
                if len(self._known) >= _HOSTS:
                    self._known.clear()
                self._known[origin] = route
        return route

    def _find(self, origin: str) -> Route:
        # Credentials in the endpoint are for its own host, and never in the clear if it is not;
        # for other hosts there may be a netrc file.
        own = origin in {_origin(self.endpoint), _origin(self.endpoint, "https")}
        auth = self._auth if own else None
        request = self._session.prepare_request(requests.Request("GET", origin + "/", auth=auth))
        url = cast("str", request.url)
        proxy = self._settings.proxy
        ways = self._session.merge_environment_settings(
            url,
            {"http": proxy, "https": proxy} if proxy else {},
            None,
            self._settings.ca_file,
            None,
        )
        adapter = cast("HTTPAdapter", self._session.get_adapter(url))
        pool = adapter.get_connection_with_tls_context(
            request, ways["verify"], proxies=ways["proxies"], cert=ways["cert"]
        )
        adapter.cert_verify(  # type: ignore[no-untyped-call]
            pool, url, ways["verify"], ways["cert"]
        )
        hasten(cast("HTTPConnectionPool", pool))
        target = adapter.request_url(request, ways["proxies"])
        prefix = "" if target.startswith("/") else target.removesuffix("/")
        return Route(
            cast("HTTPConnectionPool", pool), dict(cast("dict[str, str]", request.headers)), prefix
        )

    def close(self) -> None:
        """Close all connections."""
        self._session.close()


def _origin(url: str, scheme: str | None = None) -> str:
    parts = urlsplit(url)
    return f"{scheme or parts.scheme}://{parts.netloc}"


def split_endpoint(endpoint: str) -> tuple[str, tuple[str, str] | None]:
    """The endpoint without credentials and closing slash, and the credentials (RFC 3986, 3.2.1).

    Raises ConfigError if it is not an http or https URL with a host.
    """
    try:
        parts = urlsplit(endpoint.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise ConfigError(
            [
                "endpoint: not an index's address; give a URL such as https://host or http://host/root"
            ]
        )
    auth = None
    if parts.username is not None or parts.password is not None:
        auth = (unquote(parts.username or ""), unquote(parts.password or ""))
    netloc = f"[{host}]" if ":" in host else host
    if port is not None:
        netloc += f":{port}"
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", "")), auth


def user_agent(contact: str | None) -> str:
    """How PypiSync names itself to an upstream, which asks mirrors for a way to reach them."""
    try:
        own = version("pypisync")
    except PackageNotFoundError:  # run from a source tree
        own = "0"
    known = "".join(char for char in contact or "" if " " <= char <= "~" and char not in "()")
    reach = f" (+{known})" if known else ""
    return f"pypisync/{own}{reach} requests/{requests.__version__}"
