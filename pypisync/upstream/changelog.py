"""What changed upstream since a serial, by PyPI's XML-RPC API: the best feed of changes.

The calls are ``changelog_last_serial``, ``changelog_since_serial`` and
``list_packages_with_serial``. Names are passed on as upstream spells them, save in
:meth:`Changelog.names`. What an action means is left to the caller.
"""

import html
import re
import xmlrpc.client
from collections.abc import Callable, Iterable, Iterator, Mapping

from pypisync.core.standards import xml_rpc
from pypisync.core.standards.model import Change
from pypisync.errors import Malformed, NoFeed, Rewound, Unreachable
from pypisync.upstream.api import MAX_SERIAL
from pypisync.upstream.encodings import ASKED
from pypisync.upstream.faults import said, shown
from pypisync.upstream.serials import normalised
from pypisync.upstream.session import Reply, Session

_XML = {"Content-Type": "text/xml", "Accept": "text/xml", "Accept-Encoding": ASKED}
_LONGEST_WAIT = 300.0  # seconds, whatever the rate limit says


class Changelog:
    """The changes and the names, by XML-RPC."""

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        self._session = session
        self._clock = clock
        self._next_call = float("-inf")

    def serial(self) -> int:
        """Returns the newest serial. Raises UpstreamError."""
        return _serial(self._call("changelog_last_serial"))

    def changes(self, since: int) -> Iterator[Change]:
        """Yields every change after ``since``, in order, page by page. Raises UpstreamError.

        The journal is asked for the row at ``since`` as well: that one request tells whether
        anything is new, and whether upstream still has what was read. Raises Rewound if not.
        """
        reached = max(since - 1, 0)
        while True:
            rows = self._call("changelog_since_serial", reached)
            if not isinstance(rows, list):
                raise Malformed(f"changelog: a list of rows was expected, not {_kind(rows)}")
            if not rows and reached < since:
                self._check_newest(since)
            for row in rows:
                change = _change(row)
                if change.serial <= reached:
                    raise Malformed(f"changelog: serial {change.serial} comes after {reached}")
                reached = change.serial
                if reached > since:
                    yield change
            if not _may_be_cut(len(rows)) or reached == since:
                return

    def _check_newest(self, since: int) -> None:
        """Raise Rewound if upstream has not got as far as ``since``."""
        newest = self.serial()
        if newest < since:
            raise Rewound(
                f"upstream went back from serial {since} to {newest}: it was restored or replaced, "
                "so every project is compared anew"
            )

    def names(self) -> Mapping[str, int]:
        """Returns every project's normalised name and its last serial. Raises UpstreamError."""
        listed = self._call("list_packages_with_serial")
        if not isinstance(listed, dict):
            raise Malformed(f"names: a mapping was expected, not {_kind(listed)}")
        return normalised((name, _serial(serial)) for name, serial in listed.items())

    def _call(self, method: str, *params: int) -> object:
        """Returns the result of one XML-RPC call. Raises UpstreamError."""
        if not self._session.settings.has_api:
            raise NoFeed(f"{shown(self._session.root)}: an index without XML-RPC")
        for left in reversed(range(self._session.settings.retries + 1)):
            fault = self._call_once(method, *params)
            if not isinstance(fault, xmlrpc.client.Fault):
                return fault
            text = said(ValueError(fault.faultString))
            if "TooManyRequests" in text and left:
                stated = re.search(r"reset in ([0-9]+) second", text)
                wait = min(float(stated[1]) if stated else 60.0, _LONGEST_WAIT)
                self._session.wait_for(self._session.endpoint, text, wait)
            else:
                break
        raise Unreachable(f"{method}: upstream answers with a fault: {text}")

    def _call_once(self, method: str, *params: int) -> object:
        """Returns the result or the xmlrpc.client.Fault. Raises UpstreamError."""
        self._session.wait(self._next_call - self._clock())
        try:
            reply = self._session.post(
                f"{self._session.endpoint}/pypi", _XML, _encoded(method, params)
            )
        finally:
            self._next_call = self._clock() + self._session.settings.pace
        page = reply.headers.get("Content-Type", "").startswith("text/html")
        if reply.status != 200 or page or reply.body.lstrip()[:5].lower() in {b"<html", b"<!doc"}:
            what = "an HTML page" if reply.status == 200 else f"HTTP {reply.status}"
            raise NoFeed(
                f"{method} at {shown(reply.url)}: {what} where XML-RPC was expected; "
                "try again later, or check the endpoint and its credentials"
            )
        return _decode(reply)


def _may_be_cut(rows: int) -> bool:
    """Returns whether a page of so many rows may have been cut off, so that there are more.

    PyPI cuts pages at 50,000 rows (``warehouse.legacy.api.xmlrpc.views``). What others cut at is
    not known, but is a round number. Rows beyond a cut that is not noticed come in the next cycle.
    """
    return rows > 0 and (rows % 10 == 0 or rows % 64 == 0)


def _encoded(method: str, params: Iterable[int]) -> bytes:
    """Returns a call. Python writes no integer beyond 32 bits, though it reads them as ``i8``."""
    values = "".join(
        f"<param><value><{size}>{number}</{size}></value></param>"
        for number in params
        for size in ("int" if number < 2**31 else "i8",)
    )
    return (
        f"<?xml version='1.0'?><methodCall><methodName>{method}</methodName>"
        f"<params>{values}</params></methodCall>"
    ).encode()


def _decode(reply: Reply) -> object:
    """Returns the result in an XML-RPC answer, or its Fault. Raises Malformed."""
    try:
        values, _ = xml_rpc.parse(reply.body)
    except xmlrpc.client.Fault as fault:
        return fault
    except Malformed as error:
        raise Malformed(f"{shown(reply.url)}: {said(error)}") from error
    if len(values) != 1:
        raise Malformed(f"{shown(reply.url)}: not XML-RPC: one result was expected")
    return values[0]


def _change(row: object) -> Change:
    """Returns one row of the changelog as a change. Raises Malformed.

    The row is name, version, Unix time, action, serial.
    """
    match row:
        case [
            str() | None as name,
            str() | None as version,
            _,
            str() | None as action,
            int() as id_,
        ]:
            # Only the action is escaped upstream; a row without a name still moves the serial.
            return Change(name or "", version, html.unescape(action or ""), _serial(id_))
    raise Malformed(f"changelog: name, version, time, action, serial expected, not {_kind(row)}")


def _serial(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_SERIAL:
        raise Malformed(f"changelog: a serial was expected, not {_kind(value)}")
    return value


def _kind(value: object) -> str:
    """Returns a value in a message: whole only if it is small, since it may be anything."""
    small = isinstance(value, str | int | float | None) and len(text := str(value)) < 100
    return repr(text) if small else type(value).__name__
