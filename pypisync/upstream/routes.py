"""The way to a host: its connections and what every request to it carries.

What the environment says of it (proxies, certificates, netrc) takes longer to find than a request
takes. None of it differs between two requests to one host, so it is found once and kept; what is
sent then goes by libcurl.
"""

import re
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import pycurl

from pypisync.errors import ConfigError
from pypisync.upstream.addresses import Reach, reach, resolve, written_out
from pypisync.upstream.api import FeedKind
from pypisync.upstream.connections import Connections
from pypisync.upstream.credentials import Credentials, basic, from_netrc
from pypisync.upstream.deadline import Deadline
from pypisync.upstream.destination import Destination
from pypisync.upstream.environment import authorities_named, proxy_named, spelt, way
from pypisync.upstream.failures import RefusedError, TransferError
from pypisync.version import own_version

_PORTS = {"http": 80, "https": 443}
_PROXY_PORTS = {**_PORTS, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
# An origin that requests would spell as it stands.
_PLAIN = re.compile(r"https?://([a-z0-9][a-z0-9._-]*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_HOSTS = 64  # hosts remembered; an index and its file hosts are a handful


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach an index."""

    # The API is at <endpoint>/pypi and <endpoint>/simple/. It may carry credentials, hence no repr.
    endpoint: str = field(repr=False)
    workers: int = 10  # requests at the same time
    timeout: float = 30.0  # seconds without an answer, to connect and to read
    least_rate: float = 4096.0  # bytes a second that an answer has to keep up after ``timeout``
    longest: float = 600.0  # seconds for one document, whatever its rate
    retries: int = 4  # further tries after a failed one
    proxy: str | None = None  # None: as the environment says
    ca_file: str | None = None  # None: as the environment says, else the bundle of certifi
    contact: str | None = None  # for the User-Agent: a URL or a mail address
    pace: float = 1.0  # seconds between two XML-RPC calls
    max_document: int = 200 * 1024 * 1024  # bytes of one document, decompressed
    has_api: bool = True  # XML-RPC and the legacy JSON API may be at the endpoint
    # The simple root, to which only "<name>/" is appended; None: <endpoint>/simple/.
    root: str | None = field(default=None, repr=False)
    # None: those in the endpoint, else in the root, else in .netrc.
    credentials: Credentials | None = None
    feed: FeedKind | None = None  # None: the best that works
    client_cert: str | None = None  # a PEM file; with the key in it if there is no client_key
    client_key: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """What requests to one origin (scheme, host and port) have in common."""

    connections: Connections
    headers: dict[str, str] = field(repr=False)
    through: str = ""  # "through the proxy host:port (where it is configured)"


class Routes:
    """The ways to all hosts, found when first needed and then kept. Safe between threads.

    Credentials and a client certificate are for the hosts of the index alone. Wherever else
    upstream leads, it may not lead into networks that are nearer than the index itself.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._agent = user_agent(settings.contact)
        self.endpoint, self.root, self._credentials = _addresses(settings)
        own = [_origin(url) for url in (self.endpoint, self.root)]
        # Credentials never go in the clear if the address is not, but the other way is safe.
        self._own = {*own, *(url.replace("http://", "https://", 1) for url in own)}
        self._near: set[Reach] = set()  # what the addresses of the index are
        self._lock = threading.Lock()
        self._known: dict[str, Route] = {}

    def to(self, origin: str, deadline: Deadline | None = None) -> Route:
        """Returns the way to ``origin`` ("https://host:port"), which is normalised.

        Raises TransferError, OSError or ValueError if there can be none: an address or a proxy that
        cannot be read, a certificate bundle that is missing. Raises RefusedError, and what the
        deadline raises.
        """
        route = self._known.get(origin)
        if route is None:
            with self._lock:
                route = self._known.get(origin) or self._find(origin, deadline)
                while len(self._known) >= _HOSTS:
                    self.renew(next(iter(self._known)))
                self._known[origin] = route
        return route

    def renew(self, origin: str) -> None:
        """Let no further request to ``origin`` use a connection that there is now.

        One machine behind an address may be wrong for hours while its neighbours are right.
        """
        if (route := self._known.pop(origin, None)) is not None:
            route.connections.close()

    def _find(self, origin: str, deadline: Deadline | None) -> Route:
        own = origin in self._own
        headers = {"User-Agent": self._agent}
        if own and (known := self._credentials or from_netrc(origin)):
            headers["Authorization"] = known.header
        url = f"{origin}/" if _PLAIN.fullmatch(origin) else spelt(f"{origin}/")
        proxy, found = way(url, self._settings.proxy, self._settings.ca_file)
        if proxy is not None and not own:
            self._check_literal(url, deadline)
        certificate = self._settings.client_cert if own else None
        key = self._settings.client_key if own else None
        named = "`upstream.proxy`" if self._settings.proxy else proxy_named(url)
        address = _with_port(proxy, named) if proxy else ""
        there = Destination(
            _bare(url),
            self._settings.timeout,
            _anywhere if own else self._allows,
            _existing(found, "bundle of certificates"),
            authorities_named(self._settings.ca_file),
            proxy=address,
            certificate=certificate and _existing(certificate, "TLS certificate file"),
            key=key and _existing(key, "TLS key file"),
        )
        through = f"through the proxy {urlsplit(address).netloc.rpartition('@')[2]} ({named})"
        return Route(Connections(there), headers, through if address else "")

    def _allows(self, place: Reach, deadline: Deadline | None) -> bool:
        """Returns whether a host that is not the index's own may be there."""
        if place == "global":
            return True
        if not self._near:  # it may not have been possible to look it up
            ends = (self.endpoint, self.root)
            self._near = set().union(*(_near(url, deadline) for url in ends))
        return place in self._near or (place == "private" and "loopback" in self._near)

    def _check_literal(self, url: str, deadline: Deadline | None) -> None:
        """Raise RefusedError for an address that a proxy shall not be asked to reach.

        What a name leads to is the proxy's affair: nobody else may be able to look it up.
        """
        host = (urlsplit(url).hostname or "").rstrip(".")
        local = host == "localhost" or host.endswith(".localhost")  # RFC 6761, 6.3
        try:
            place = "loopback" if local else reach(written_out(host))
        except ValueError:
            return
        if not self._allows(place, deadline):
            raise RefusedError(host, host)

    def close(self) -> None:
        """Close all connections that are not in use."""
        for route in list(self._known.values()):
            route.connections.close()


def _anywhere(*_: object) -> bool:
    return True


def _bare(url: str) -> str:
    """Returns the scheme, host and port of a URL: what a page says of its readers is not sent.

    Raises TransferError if it is not one of HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise TransferError(f"{parts.scheme}: neither http nor https", final=True)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _existing(path: str, what: str) -> str:
    """Returns the path. Raises OSError if nothing is there: libcurl would say less."""
    if not Path(path).exists():
        raise OSError(f"there is no {what} at {path}")
    return path


def _with_port(proxy: str, named: str) -> str:
    """Returns the address of a proxy with its scheme and port, for libcurl has its own defaults.

    ``named``: what names it. Raises TransferError, which shows nothing of the address: it may hold
    a password.
    """
    url = proxy if "://" in proxy else f"http://{proxy}"
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in _PROXY_PORTS:
        raise TransferError(
            f"the address of the proxy ({named}) has no host, or is of no known kind; check how "
            "it is written, special characters of its password as %40, %23 and so on",
            final=True,
        )
    netloc = parts.netloc if port is not None else f"{parts.netloc.rstrip(':')}:"
    usual = "" if port is not None else str(_PROXY_PORTS[parts.scheme])
    return urlunsplit((parts.scheme, netloc + usual, "", "", ""))


def _near(url: str, deadline: Deadline | None) -> set[Reach]:
    """Returns from where the host of this URL can be reached; nothing if it cannot be looked up."""
    parts = urlsplit(url)
    try:
        return {reach(one) for one in resolve(parts.hostname or "", parts.port or 443, deadline)}
    except TransferError:
        return set()


def _addresses(settings: Settings) -> tuple[str, str, Credentials | None]:
    """Returns endpoint and simple root without credentials, and the credentials.

    Raises ConfigError.
    """
    endpoint, first = split_endpoint(settings.endpoint)
    root, second = endpoint + "/simple/", None
    if settings.root is not None:
        root, second = split_endpoint(settings.root)
        root += "/"
    pair = first or second
    return endpoint, root, settings.credentials or (basic(*pair) if pair else None)


@lru_cache(maxsize=1024)
def normalised(origin: str) -> str:
    """Returns an origin as one host spells it: in lower case, without its scheme's default port.

    What is no plain origin (credentials, no port) is returned as it is. Source: RFC 3986, 6.2.
    """
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname, parts.port
        if host and not host.isascii():  # links are read in the IDNA form, as requests makes it
            host = urlsplit(spelt(f"{parts.scheme}://{host}/")).hostname
    except ValueError:
        return origin
    if not host or "@" in origin or parts.path or parts.query or parts.fragment:
        return origin
    netloc = f"[{host}]" if ":" in host else host
    if port not in {None, _PORTS.get(parts.scheme)}:
        netloc += f":{port}"
    return f"{parts.scheme}://{netloc}"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return normalised(f"{parts.scheme}://{parts.netloc}")


def split_endpoint(endpoint: str) -> tuple[str, tuple[str, str] | None]:
    """Returns the endpoint without credentials and closing slash, and the credentials.

    Raises ConfigError if it is not an http or https URL with a host. Source: RFC 3986, 3.2.1.
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
    """Returns the User-Agent header, with the operator's ``contact`` if there is one."""
    own = own_version() or "0"  # run from a source tree
    known = "".join(char for char in contact or "" if " " <= char <= "~" and char not in "()")
    reach = f" (+{known})" if known else ""
    return f"pypisync/{own}{reach} libcurl/{pycurl.version_info()[1]}"
