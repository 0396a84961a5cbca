"""The XML-RPC calls by which mirrors follow PyPI, answered from the mirror's own journal.

As PyPI does it (``warehouse.legacy.api.xmlrpc.views``): the three calls of mirroring, faults in
answers with HTTP 200, pages of 50,000 rows, and a limit of calls an hour. All other calls are
faults. What is sent is read with a limit, and strictly.
"""

import gzip
import xmlrpc.client
from collections.abc import Mapping

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries import journal
from pypisync.core.standards import xml_rpc
from pypisync.errors import CatalogError, Malformed
from pypisync.web.negotiation import takes_gzip
from pypisync.web.rates import Rates
from pypisync.web.response import Response
from pypisync.web.turns import BusyError, Turns

BODY_BYTES = 16 * 1024  # of a call; the longest that is answered has some 300
_ROWS = 50_000
_LARGEST = 2**63 - 1  # what a database holds
_LEVEL = 1  # of packing: the rows are very much alike
_OF_MIRRORING = {"changelog_last_serial", "changelog_since_serial", "list_packages_with_serial"}
_SENT = {
    "Content-Type": "text/xml; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


class Calls:
    """The calls, answered from the database at ``url``."""

    def __init__(self, url: str, turns: Turns, rates: Rates | None = None) -> None:
        self._url = url
        self._turns = turns
        self._rates = rates or Rates()
        self._packed: tuple[int, bytes] = (-1, b"")  # the last list of all, by its serial

    async def answer(self, body: bytes, client: str, accept_encoding: str) -> Response:
        """Returns the response to a call by this client."""
        wait, said = self._rates.call(client)
        if wait:
            return _sent(_too_many(wait), said)
        try:
            method, since = _call(body)
        except _FaultError as fault:
            return _sent(fault.answer, said)
        packed = takes_gzip(accept_encoding)
        try:
            found = await self._turns.take(self._made, method, since, packed)
        except BusyError:
            return _sent(_too_many(1), said)
        except CatalogError:
            return _sent(_error("the catalog cannot be read now"), said)
        return _sent(found, {**said, "Content-Encoding": "gzip"} if packed else said)

    def _made(self, method: str, since: int, packed: bool) -> bytes:  # noqa: FBT001 - to_thread
        with Reader(self._url) as reader:
            if method == "list_packages_with_serial":
                listed = self._listed(reader)
                return listed if packed else gzip.decompress(listed)
            if method == "changelog_last_serial":
                value = xml_rpc.integer(journal.last_serial(reader))
            else:
                value = xml_rpc.array(map(_row, journal.changes(reader, since, _ROWS)))
        answer = xml_rpc.answer(value)
        return gzip.compress(answer, _LEVEL, mtime=0) if packed else answer

    def _listed(self, reader: Reader) -> bytes:
        """Returns the list of all, packed."""
        serial = journal.last_serial(reader)
        if self._packed[0] != serial:
            members = ((name, xml_rpc.integer(last)) for name, last in journal.listed(reader))
            answer = xml_rpc.answer(xml_rpc.struct(members))
            self._packed = serial, gzip.compress(answer, _LEVEL, mtime=0)
        return self._packed[1]


class _FaultError(Exception):
    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.answer = answer


def _call(body: bytes) -> tuple[str, int]:
    """Returns the method and the serial of a call. Raises _FaultError for another one."""
    try:
        values, method = xml_rpc.parse(body)
    except (Malformed, xmlrpc.client.Fault):
        raise _FaultError(xml_rpc.fault(-32700, "parse error; not well formed")) from None
    if method not in _OF_MIRRORING:
        raise _FaultError(
            xml_rpc.fault(-32601, "server error; requested method not found")
            if not method
            else _error(
                "only changelog_last_serial, changelog_since_serial and "
                "list_packages_with_serial are answered"
            )
        )
    if method != "changelog_since_serial":
        fits, since = not values, 0
    else:
        since = values[0] if len(values) == 1 and type(values[0]) is int else -1  # no bool
        fits = 0 <= since <= _LARGEST
    if not fits:
        raise _FaultError(xml_rpc.fault(-32602, "server error; invalid method parameters"))
    return method, since


def _error(text: str) -> bytes:
    return xml_rpc.fault(-32500, f"RuntimeError: {text}")


def _too_many(seconds: int) -> bytes:
    return xml_rpc.fault(
        -32500,
        "HTTPTooManyRequests: The action could not be performed because there were too many "
        f"requests by the client. Limit may reset in {seconds} seconds.",
    )


def _row(row: journal.Row) -> str:
    name, version, at, action, serial = row
    # As on PyPI, an action is ASCII, and what is not stands in it as a character reference.
    ascii_action = action.encode("ascii", "xmlcharrefreplace").decode()
    return xml_rpc.array(
        (
            xml_rpc.string(name),
            xml_rpc.string(version),
            xml_rpc.integer(at),
            xml_rpc.string(ascii_action),
            xml_rpc.integer(serial),
        )
    )


def _sent(body: bytes, more: Mapping[str, str]) -> Response:
    return Response(200, {**_SENT, "Vary": "Accept-Encoding", **more}, body)
