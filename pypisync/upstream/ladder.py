"""Which feed of changes an index has: the best that works, found by trying.

A feed that fails in any way is left for the next worse one, as long as the index itself answers:
PyPI's XML-RPC has been away for hours while everything else worked. What was read up to is a
serial of the index, whichever feed told it, so that nothing is lost on the way down or up. When
a better feed is tried again is left to the caller.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Protocol

from pypisync.core.standards.model import Change
from pypisync.errors import NoFeed, ProxyRefused, Rewound, Stopped, Unreachable, UpstreamError
from pypisync.upstream.api import FEEDS, FeedKind
from pypisync.upstream.changelog import Changelog
from pypisync.upstream.serials import Serials
from pypisync.upstream.session import Session


class Feed(Protocol):
    """One feed of an index."""

    def serial(self) -> int:
        """Returns the newest serial; 0 if the index has none. Raises UpstreamError."""

    def changes(self, since: int) -> Iterator[Change]:
        """Yields every change after ``since`` in order. Raises UpstreamError."""

    def names(self) -> Mapping[str, int]:
        """Returns every project's normalised name and its last serial. Raises UpstreamError."""


class Polling:
    """No feed: there are no serials, and who wants to know has to ask for each project."""

    def __init__(self, listed: Feed) -> None:
        self.names = listed.names  # an index without serials may have a list

    def serial(self) -> int:
        """Returns no serial."""
        return 0

    def changes(self, since: int) -> Iterator[Change]:  # noqa: ARG002 - nothing is told
        """Yields nothing."""
        return iter(())


def sources(session: Session, clock: Callable[[], float]) -> dict[FeedKind, Feed]:
    """Returns the feeds over HTTP."""
    serials = Serials(session)
    return {
        "changelog": Changelog(session, clock),
        "serials": serials,
        "polling": Polling(serials),
    }


class Ladder:
    """The changes and the names, from the best feed there is; or from a ``fixed`` one.

    ``tries`` are the same sources, for a look whether they work (again).
    """

    def __init__(
        self,
        sources: Mapping[FeedKind, Feed],
        tries: Mapping[FeedKind, Feed],
        fixed: FeedKind | None = None,
    ) -> None:
        self._fixed = fixed
        self.kind: FeedKind = fixed or "changelog"
        self.fault = ""  # why no better feed is used
        self._answers = False  # the index answered where it has no better feed
        self._look: Collection[FeedKind] = ()
        self._sources = sources
        self._tries = tries

    def follow(self, kind: FeedKind, look: Collection[FeedKind]) -> None:
        """Use this kind until it fails; those in ``look`` are tried once, with one request."""
        if self._fixed is None:
            self.kind, self._look = kind, look

    def serial(self) -> int:
        """Returns the newest serial; 0 if the index has none. Raises UpstreamError."""
        for feed, source in self._ladder():
            try:
                found = source.serial()
            except UpstreamError as error:
                self._failed(feed, error)
            else:
                self._works(feed)
                return found
        raise AssertionError("the last failure is raised")

    def changes(self, since: int) -> Iterator[Change]:
        """Yields every change after ``since`` in order; none if they are polled.

        Raises UpstreamError.
        """
        for feed, source in self._ladder():
            try:
                yield from source.changes(since)
            except UpstreamError as error:
                self._failed(feed, error)
            else:
                self._works(feed)
                return

    def names(self) -> Mapping[str, int]:
        """Returns every project's normalised name and its last serial. Raises UpstreamError."""
        for feed, source in self._ladder():
            try:
                return source.names()
            except UpstreamError as error:
                self._failed(feed, error)
        raise AssertionError("the last failure is raised")

    def _ladder(self) -> Iterator[tuple[FeedKind, Feed]]:
        """Yields the sources to try, the best first."""
        last = FEEDS.index(self._fixed or FEEDS[-1])
        now = FEEDS.index(self.kind)
        for step, feed in enumerate(FEEDS[: last + 1]):
            if step >= now:
                yield feed, self._sources[feed]
            elif feed in self._look:
                yield feed, self._tries[feed]

    def _works(self, feed: FeedKind) -> None:
        if FEEDS.index(feed) < FEEDS.index(self.kind):
            self.fault = ""
        self.kind, self._look = feed, ()

    def _failed(self, feed: FeedKind, error: UpstreamError) -> None:
        """Go on to the next source; or raise, if the index is away or there is none."""
        if isinstance(error, Rewound | Stopped | ProxyRefused):
            raise error
        tried = FEEDS.index(feed) < FEEDS.index(self.kind)
        if tried:
            return
        away = feed == "serials" and not isinstance(error, NoFeed)
        if away and not self._fixed and self._answers:
            raise Unreachable(
                f"{error}; changes are not told otherwise ({self.fault}); if the index answers "
                'for projects, but never for this list, set "upstream": {"feed": "polling"}'
            ) from error
        if self._fixed or feed == "polling" or away:
            raise error
        self._answers = isinstance(error, NoFeed)
        self.fault = str(error)
