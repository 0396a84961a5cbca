"""What the environment says of the way to a host, as requests finds it.

Source: its documents, "Advanced usage": the variables ``*_proxy``, ``no_proxy`` and
``REQUESTS_CA_BUNDLE``, and ``.netrc``. Requests takes more processor time to import than a cycle
without news does to run, so it is asked only where the environment says anything.
"""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import certifi

_PROXY = re.compile("(?!no_).*_proxy", re.IGNORECASE)
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def way(url: str, proxy: str | None, ca_file: str | None) -> tuple[str | None, str]:
    """Returns the proxy for a URL, and whose certificates are trusted: a file, or a folder of them.

    ``proxy`` and ``ca_file``: as they are configured; None: as the environment says.
    """
    proxies = {"http": proxy, "https": proxy} if proxy else {}
    if not (_proxies() or any(os.environ.get(name) for name in _BUNDLES)):
        return proxy, ca_file or certifi.where()
    import requests
    from requests.utils import select_proxy

    with requests.Session() as session:
        found = session.merge_environment_settings(url, proxies, None, ca_file, None)
    trusted = found["verify"]
    bundle = certifi.where() if trusted is True else str(trusted)
    return select_proxy(url, found["proxies"]), bundle


def proxy_named(url: str) -> str:
    """Returns the variable that names the proxy for a URL."""
    there = _proxies()
    for wanted in (f"{urlsplit(url).scheme}_proxy", "all_proxy"):
        named = [name for name in there if name.lower() == wanted]
        if named:  # the one in small letters counts
            return wanted if wanted in named else named[-1]
    return "as the system says"


def authorities_named(ca_file: str | None) -> str:
    """Returns what names the authorities that are trusted; "" if nothing does."""
    if ca_file:
        return "`ca_file`"
    return next((name for name in _BUNDLES if os.environ.get(name)), "")


def login(url: str) -> tuple[str, str] | None:
    """Returns the name and password for a URL's host in ``.netrc``, or in the file of ``NETRC``."""
    files = [os.environ["NETRC"]] if "NETRC" in os.environ else ["~/.netrc", "~/_netrc"]
    with suppress(RuntimeError):  # nobody's home is known
        homes = [Path(file).expanduser() for file in files]
        if not any(map(os.path.exists, homes)):  # Path.exists() raises where access is denied
            return None
    from requests.utils import get_netrc_auth

    return get_netrc_auth(url)


def spelt(url: str) -> str:
    """Returns a URL as requests would ask for it: its host in the IDNA form, what is odd escaped.

    Raises ValueError or OSError if it could not.
    """
    from requests import PreparedRequest

    asked = PreparedRequest()
    asked.prepare_url(url, None)
    return cast("str", asked.url)


def _proxies() -> list[str]:
    """Returns the variables that name proxies."""
    named = [name for name, value in os.environ.items() if value]
    return [name for name in named if _PROXY.fullmatch(name)]
