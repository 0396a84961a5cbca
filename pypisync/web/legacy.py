"""PyPI's JSON API, for mirrors that read it: the documents of projects and of releases.

They are made from the database when asked for: only mirrors ask, once a change.
"""

from collections.abc import Mapping
from hashlib import sha256

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries import legacy
from pypisync.core.publish.legacy import chosen, document
from pypisync.web.negotiation import is_known
from pypisync.web.response import Response
from pypisync.web.turns import Turns
from pypisync.web.visitor import VARIES, Visitor

SERIAL = "X-PyPI-Last-Serial"
_SENT = {
    "Content-Type": "application/json",
    "Cache-Control": "max-age=600",
    "Vary": VARIES,
    "X-Content-Type-Options": "nosniff",
}


class Legacy:
    """The documents of the mirror whose database is at ``url``."""

    def __init__(self, url: str, turns: Turns) -> None:
        self._url = url
        self._turns = turns

    async def answer(
        self, name: str, version: str | None, headers: Mapping[bytes, bytes]
    ) -> Response | None:
        """Returns the document of a project (normalised), or of a release; None: there is none.

        Raises CatalogError and BusyError.
        """
        made = await self._turns.take(self._made, name, version, Visitor(headers).address)
        if made is None:
            return None
        data, serial = made
        etag = f'"{sha256(data).hexdigest()[:40]}"'
        sent = {**_SENT, SERIAL: str(serial), "ETag": etag}
        if is_known(headers.get(b"if-none-match", b"").decode("latin-1"), etag):
            return Response(304, sent)
        return Response(200, sent, data)

    def _made(self, name: str, version: str | None, address: str) -> tuple[bytes, int] | None:
        with Reader(self._url) as reader:
            found = legacy.page(reader, name)
            which = chosen(found[0], version) if found else None
            if found is None or which is None:
                return None
            about = legacy.about(reader, name, which)
        page, since = found
        data = document(page, which, about, address, since, whole=version is None)
        return data, page.serial
