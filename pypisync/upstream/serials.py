"""What changed upstream since a serial, by the list of all projects with their last serials.

The list is the root of the simple index in JSON, whose keys that begin with an underscore are the
server's own (``_last-serial``; PEP 691). It is a feed only if every project has a serial and the
serials change: some servers always state the same one (Pulp).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from pypisync.core.standards.model import Change
from pypisync.errors import Closed, Elsewhere, Malformed, NoFeed, Rewound
from pypisync.upstream.api import SIMPLE_INDEX
from pypisync.upstream.encodings import ASKED
from pypisync.upstream.faults import shown
from pypisync.upstream.session import Session

if TYPE_CHECKING:
    from pypisync.upstream.documents import RootDocument

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")  # normalised (PEP 503)


class Serials:
    """The changes and the names, by the simple index's root."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._etag: str | None = None  # of the root that was read to its end last
        self._newest = 0  # the newest serial in it
        # The root that the last call read, for the one after it.
        self._fresh: RootDocument | None = None

    def serial(self) -> int:
        """Returns the newest serial.

        Raises UpstreamError; NoFeed if the index answers without serials.
        """
        return _newest(_checked(self._whole(serials=True), self._session.root))

    def changes(self, since: int) -> Iterator[Change]:
        """Yields every project that changed after ``since``, with its last serial, in order.

        A project that was removed has no row; it is missing in :meth:`names`. The last row has no
        name: the list was read, and has to be compared.

        Raises UpstreamError: NoFeed as :meth:`serial`, and Rewound.
        """
        root = self._read(self._etag if since >= self._newest else None, serials=True)
        if root is None:
            return
        newest = _newest(_checked(root, self._session.root))
        if newest < since:
            raise Rewound(
                f"upstream went back from serial {since} to {newest}: it was restored or replaced, "
                "so every project is compared anew"
            )
        changed = [(serial or 0, name) for name, serial in root.projects]
        for serial, name in sorted(row for row in changed if row[0] > since):
            yield Change(name, None, SIMPLE_INDEX, serial)
        yield Change("", None, SIMPLE_INDEX, newest)
        self._etag, self._newest, self._fresh = root.etag, newest, root

    def names(self) -> Mapping[str, int]:
        """Returns every project's normalised name and its last serial, 0 if there is none.

        Raises UpstreamError; NoFeed if the index has no such list.
        """
        root, self._fresh = self._fresh or self._whole(serials=False), None
        return normalised((name, serial or 0) for name, serial in root.projects)

    def _whole(self, *, serials: bool) -> "RootDocument":
        root = self._read(None, serials=serials)
        assert root is not None  # noqa: S101 - only a condition can make it so
        return root

    def _read(self, etag: str | None, *, serials: bool) -> "RootDocument | None":
        """Returns the root; None: it is still the one with this ETag. Raises UpstreamError, NoFeed.

        ``serials``: only a root with serials will do. HTML has none, and half a minute is needed to
        read the names of a large index in it.
        """
        from pypisync.upstream.documents import SIMPLE_JSON, is_html, parse_root

        headers = {"Accept": SIMPLE_JSON, "Accept-Encoding": ASKED}
        if etag:
            headers["If-None-Match"] = etag
        address = shown(self._session.root)
        try:
            reply = self._session.get(self._session.root, headers)
            if reply.status == 304 and etag:
                return None
            if reply.status == 200 and serials and is_html(reply):
                raise NoFeed(f"{address}: an HTML page, which has no serials")
            if reply.status == 200:
                return parse_root(reply)
        except (Malformed, Elsewhere) as error:
            raise NoFeed(str(error)) from error
        if reply.status in {401, 403}:
            raise Closed(f"{address}: HTTP {reply.status}; check the endpoint and its credentials")
        raise NoFeed(f"{address}: HTTP {reply.status}, so there is no list of all projects")


def normalised(listed: Iterable[tuple[object, int]]) -> dict[str, int]:
    """Returns serials by normalised name, without texts that are no names."""
    serials: dict[str, int] = {}
    for display, serial in listed:
        name = canonicalize_name(display) if isinstance(display, str) else ""
        if len(name) <= 255 and _NAME.fullmatch(name):
            serials[name] = max(serial, serials.get(name, 0))
    return serials


def _checked(root: "RootDocument", address: str) -> "RootDocument":
    """Returns the root, if the serials in it move with the changes. Raises NoFeed."""
    serials = {serial for _, serial in root.projects}
    if None in serials or 0 in serials:
        raise NoFeed(f"{shown(address)}: not every project in it has a serial")
    if len(serials) < 2:  # each row of a journal is about one project
        raise NoFeed(f"{shown(address)}: its serials are all the same, so they never move")
    return root


def _newest(root: "RootDocument") -> int:
    return max([root.serial, *(serial or 0 for _, serial in root.projects)])
