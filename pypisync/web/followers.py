"""What mirrors of this mirror ask besides pages and files, below ``/pypi``."""

from collections.abc import Mapping
from urllib.parse import quote

from packaging.utils import InvalidName, canonicalize_name

from pypisync.errors import CatalogError
from pypisync.web.legacy import Legacy
from pypisync.web.rates import client_of
from pypisync.web.response import Message, Receive, Response, plain
from pypisync.web.turns import BusyError, Turns
from pypisync.web.xml_rpc import BODY_BYTES, Calls

CALLED = frozenset({"/pypi", "/pypi/", "/RPC2"})  # where XML-RPC is, as on PyPI
_BUSY = {"Retry-After": "2"}
_XML = (b"text/xml", b"application/xml")

Headers = Mapping[bytes, bytes]


class Followers:
    """The responses to those who follow the mirror whose database is at ``url``."""

    def __init__(self, url: str) -> None:
        turns = Turns()
        self._calls = Calls(url, turns)
        self._legacy = Legacy(url, turns)

    async def call(self, scope: Message, receive: Receive, headers: Headers) -> Response:
        """Returns the response to an XML-RPC call (POST)."""
        if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() not in _XML:
            return plain(415, {"Accept": "text/xml"})
        body = await _body(receive)
        if body is None:
            return plain(413)
        client = client_of(scope, headers.get(b"x-forwarded-for", b"").decode("latin-1"))
        encoding = headers.get(b"accept-encoding", b"").decode("latin-1")
        return await self._calls.answer(body, client, encoding)

    async def document(self, parts: list[str], up: str, headers: Headers) -> Response:
        """Returns the response to GET; ``parts``: the path after ``/pypi/``, up to ``json``.

        ``up`` leads from the path to ``/pypi/``.
        """
        name, *versions = parts
        try:
            normalised = canonicalize_name(name, validate=True)
        except InvalidName:
            return plain(404)
        try:
            found = await self._legacy.answer(
                normalised, versions[0] if versions else None, headers
            )
        except BusyError:
            return plain(503, _BUSY)
        except CatalogError:
            return plain(503)
        if found is None:
            return plain(404)
        if name != normalised:
            which = "".join(f"/{quote(version, safe='+!')}" for version in versions)
            return plain(307, {"Location": f"{up}{normalised}{which}/json"})
        return found


async def _body(receive: Receive) -> bytes | None:
    """Returns the body of a request; None: it is too long, or its client has gone."""
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if message["type"] != "http.request" or len(body) > BODY_BYTES:
            return None
        if not message.get("more_body"):
            return body
