"""Who PypiSync is to an index: the value of the ``Authorization`` header, which is never shown.

It comes from the index's address, from a file or from ``.netrc``, and is sent to the hosts of that
index only (see :mod:`pypisync.upstream.routes`).
"""

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path

from pypisync.errors import ConfigError
from pypisync.upstream.environment import login

_LIMIT = 64 * 1024  # bytes of a credentials file
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, 2.1


@dataclass(frozen=True, slots=True)
class Credentials:
    """The value of the ``Authorization`` header."""

    header: str = field(repr=False)


def basic(user: str, password: str) -> Credentials:
    """Returns credentials of the scheme "Basic", as UTF-8 (RFC 7617)."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Credentials(f"Basic {pair}")


def bearer(token: str) -> Credentials:
    """Returns credentials of the scheme "Bearer" (RFC 6750). Raises ValueError: no token.

    Raises ValueError if it is no token.
    """
    if not _TOKEN.fullmatch(token):
        raise ValueError("not a bearer token")
    return Credentials(f"Bearer {token}")


def from_file(path: Path) -> Credentials:
    """Returns the credentials in a file: one line, "user:password" or a bearer token.

    Raises ConfigError, which names the file and never what is in it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    try:
        line = data.decode().strip() if len(data) <= _LIMIT else ""
    except UnicodeDecodeError:
        line = ""  # without a cause: the error would carry the content
    user, colon, password = line.partition(":")
    if colon and line.isprintable():
        return basic(user, password)
    token = line.removeprefix("Bearer ").strip()
    if not _TOKEN.fullmatch(token):
        raise ConfigError([f'{path}: one line was expected, "user:password" or a bearer token'])
    return bearer(token)


def from_netrc(url: str) -> Credentials | None:
    """Returns the credentials for the URL's host in ``.netrc``, or in the file ``NETRC`` names."""
    found = login(url)
    return None if found is None else basic(*found)
