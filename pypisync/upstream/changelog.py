"""What changed upstream since a serial, and which projects there are.

The first source is the XML-RPC API (``changelog_last_serial``, ``changelog_since_serial``,
``list_packages_with_serial``), the second the serials in the JSON form of the simple index's root
(``_last-serial``; Simple API, keys that begin with an underscore are the server's own). PyPI
promises only that the first stays until something better exists; so once it is refused for good,
the second is used for the life of the object. Names are passed on as upstream spells them, save
in :meth:`Changelog.names`. What an action means is left to the caller.
"""

import html
import re
import xmlrpc.client
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal
from xml.parsers import expat

from packaging.utils import canonicalize_name

from pypisync.core.standards.model import Change
from pypisync.errors import Malformed, Rewound, Unreachable
from pypisync.upstream.api import SIMPLE_INDEX
from pypisync.upstream.documents import MAX_SERIAL, SIMPLE_JSON, Root, parse_root
from pypisync.upstream.session import Reply, Session, said, shown

_XML = {"Content-Type": "text/xml", "Accept": "text/xml", "Accept-Encoding": "gzip, deflate"}
_JSON = {"Accept": SIMPLE_JSON, "Accept-Encoding": "gzip, deflate"}
_REFUSED = frozenset({404, 405, 410, 501})
_NO_METHOD = -32601  # the fault of a server that does not know the method
_REMOVED = re.compile(r"no longer|removed|not supported|unsupported|disabled", re.IGNORECASE)
_LONGEST_WAIT = 300.0  # seconds, whatever the rate limit says
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")  # normalised (PEP 503)


class _RefusedError(Exception):
    """XML-RPC is not there and will not be."""


class Changelog:
    """The changes and the names; ``source`` says where they come from now."""

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        self.source: Literal["xmlrpc", "simple"] = "xmlrpc"
        self._session = session
        self._clock = clock
        self._next_call = float("-inf")
        self._etag: str | None = None  # of the root that was read to its end last
        self._newest = 0  # the newest serial in it

    def serial(self) -> int:
        """The newest serial. Raises UpstreamError."""
        try:
            return _serial(self._call("changelog_last_serial"))
        except _RefusedError:
            return self._root().serial

    def changes(self, since: int) -> Iterator[Change]:
        """Every change after ``since``, in order, page by page. Raises UpstreamError.

        The journal is asked for the row at ``since`` as well: that one request tells whether
        anything is new, and whether upstream still has what was read. Raises Rewound if not.
        """
        reached = max(since - 1, 0)
        while True:
            try:
                rows = self._call("changelog_since_serial", reached)
            except _RefusedError:
                yield from self._root_changes(since)
                return
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
            if not rows or reached == since:
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
        """Every project's normalised name and its last serial. Raises UpstreamError."""
        try:
            listed = self._call("list_packages_with_serial")
        except _RefusedError:
            return _normalised((name, serial or 0) for name, serial in self._root().projects)
        if not isinstance(listed, dict):
            raise Malformed(f"names: a mapping was expected, not {_kind(listed)}")
        return _normalised((name, _serial(serial)) for name, serial in listed.items())

    def _root_changes(self, since: int) -> Iterator[Change]:
        reply = self._root_reply(self._etag if since >= self._newest else None)
        if reply.status == 304:
            return
        root = parse_root(reply)
        if root.projects and not any(serial for _, serial in root.projects):
            raise Malformed(
                f"{shown(self._session.root)}: states no serials, so its changes "
                "cannot be followed; use an index that does"
            )
        changed = [(serial or 0, name) for name, serial in root.projects]
        for serial, name in sorted(row for row in changed if row[0] > since):
            yield Change(name, None, SIMPLE_INDEX, serial)
        newest = max(changed, default=(0, ""))[0]
        if root.serial > max(newest, since):
            yield Change("", None, SIMPLE_INDEX, root.serial)
        self._etag, self._newest = root.etag, newest

    def _root(self) -> Root:
        return parse_root(self._root_reply(None))

    def _root_reply(self, etag: str | None) -> Reply:
        """The simple index's root, or HTTP 304 if it is still the one with this ETag."""
        headers = _JSON | {"If-None-Match": etag} if etag else _JSON
        reply = self._session.get(self._session.root, headers)
        if reply.status != 200 and not (reply.status == 304 and etag):
            raise Unreachable(
                f"{shown(reply.url)}: HTTP {reply.status}, and there is no XML-RPC either; check "
                "that the endpoint is an index"
            )
        return reply

    def _call(self, method: str, *params: int) -> object:
        """The result of one XML-RPC call. Raises UpstreamError, _RefusedError."""
        if self.source == "simple" or not self._session.settings.has_api:
            raise _RefusedError
        for _ in range(self._session.settings.retries + 1):
            fault = self._call_once(method, *params)
            if not isinstance(fault, xmlrpc.client.Fault):
                return fault
            text = said(ValueError(fault.faultString))
            if "TooManyRequests" in text:
                stated = re.search(r"reset in (\d{1,9}) second", text)
                self._session.wait(min(float(stated[1]) if stated else 60.0, _LONGEST_WAIT))
            elif fault.faultCode == _NO_METHOD or _REMOVED.search(text):
                self.source = "simple"
                raise _RefusedError
            else:
                raise Unreachable(
                    f"{method}: upstream answers with fault {fault.faultCode}: {text}"
                )
        raise Unreachable(f"{method}: still too many requests after waiting; try again later")

    def _call_once(self, method: str, *params: int) -> object:
        """The result or the xmlrpc.client.Fault. Raises UpstreamError, _RefusedError."""
        self._session.wait(self._next_call - self._clock())
        try:
            reply = self._session.post(
                f"{self._session.endpoint}/pypi", _XML, xmlrpc.client.dumps(params, method).encode()
            )
        finally:
            self._next_call = self._clock() + self._session.settings.pace
        if reply.status in _REFUSED:
            self.source = "simple"
            raise _RefusedError
        page = reply.headers.get("Content-Type", "").startswith("text/html")
        if reply.status != 200 or page or reply.body.lstrip()[:5].lower() in {b"<html", b"<!doc"}:
            what = "an HTML page" if reply.status == 200 else f"HTTP {reply.status}"
            raise Unreachable(
                f"{method} at {shown(reply.url)}: {what} where XML-RPC was expected; "
                "try again later, or check the endpoint and its credentials"
            )
        return _decode(reply)


def _decode(reply: Reply) -> object:
    """The result in an XML-RPC answer, or its Fault. Raises Malformed."""
    target = xmlrpc.client.Unmarshaller()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = target.start
    parser.EndElementHandler = target.end
    parser.CharacterDataHandler = target.data
    parser.StartDoctypeDeclHandler = _refuse_doctype
    target.xml("", None)  # expat has decoded already
    try:
        parser.Parse(reply.body, True)  # noqa: FBT003 - expat takes no keyword
        result: object = target.close()
    except xmlrpc.client.Fault as fault:
        return fault
    except (
        expat.ExpatError,
        xmlrpc.client.Error,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        OverflowError,
    ) as error:
        raise Malformed(f"{shown(reply.url)}: not XML-RPC: {said(error)}") from error
    if not isinstance(result, tuple) or len(result) != 1:
        raise Malformed(f"{shown(reply.url)}: not XML-RPC: one result was expected")
    return result[0]


def _refuse_doctype(*_: object) -> None:
    # Entities, and with them answers that grow without bounds, are declared only in a DOCTYPE.
    raise ValueError("it carries a DOCTYPE, which XML-RPC never does")


def _change(row: object) -> Change:
    """One row of the changelog: name, version, Unix time, action, serial. Raises Malformed."""
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


def _normalised(listed: Iterable[tuple[object, int]]) -> dict[str, int]:
    """Serials by normalised name. What is no name is left out: it could not be asked for."""
    serials: dict[str, int] = {}
    for display, serial in listed:
        name = canonicalize_name(display) if isinstance(display, str) else ""
        if len(name) <= 255 and _NAME.fullmatch(name):
            serials[name] = max(serial, serials.get(name, 0))
    return serials


def _kind(value: object) -> str:
    """A value in a message: whole only if it is small, since it may be anything."""
    small = isinstance(value, str | int | float | None) and len(text := str(value)) < 100
    return repr(text) if small else type(value).__name__
