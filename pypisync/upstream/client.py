"""An upstream over HTTP: the changelog, documents and files of PyPI or any index like it.

This is the whole of :class:`pypisync.upstream.api.Upstream`; each part is in a module of its own.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from threading import Event
from typing import TYPE_CHECKING, Any

from pypisync.core.standards.model import ENDPOINT, Change
from pypisync.core.wanted.assignment import Assignment, Share
from pypisync.upstream.api import (
    DEFAULT_ENDPOINT,
    AskFor,
    Deposit,
    FeedKind,
    FileAsk,
    PartsAsk,
    ProjectAsk,
    RequiresAsk,
    VulnerabilitiesAsk,
)
from pypisync.upstream.download import download
from pypisync.upstream.faults import Told, shown
from pypisync.upstream.ladder import Ladder, sources
from pypisync.upstream.learnt import Learnt, News
from pypisync.upstream.ranges import Ranges
from pypisync.upstream.routes import Settings
from pypisync.upstream.session import Session

if TYPE_CHECKING:
    from pypisync.upstream.projects import Projects

__all__ = ["DEFAULT_ENDPOINT", "HttpUpstream", "Settings"]


class HttpUpstream:
    """The index at ``settings.endpoint``.

    ``stop`` is asked between requests and between chunks. Once it says so, what is under way is
    answered with Stopped, and asks not yet begun are not answered at all. ``sleep`` and
    ``clock`` (seconds) are the time that waiting is done in, and ``told`` is told of it. Raises
    ConfigError for an endpoint that is no address.
    """

    listing = False

    def __init__(
        self,
        settings: Settings,
        *,
        name: str = ENDPOINT,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        stop: Callable[[], bool] = lambda: False,
        told: Told = lambda *_: None,
    ) -> None:
        self.name = name
        self.assignment = Assignment([Share(name)])
        self.workers = settings.workers
        self.settings = settings
        # Else another process could not wait as this one does.
        self.on_the_clock = sleep is time.sleep and clock is time.monotonic
        self._stop = stop
        self._session = Session(settings, sleep=sleep, clock=clock, stop=stop, told=told)
        self._ladder = Ladder(
            sources(self._session, clock), sources(self._session.once(), clock), settings.feed
        )
        self._learnt = Learnt()
        self._ranges = Ranges(clock)

    @property
    def feeds(self) -> tuple["HttpUpstream"]:
        """The one index."""
        return (self,)

    @property
    def kind(self) -> FeedKind:
        """How changes are told, as the last call for them has found."""
        return self._ladder.kind

    @property
    def fault(self) -> str:
        """Why no better kind is used; "" if none was tried in vain."""
        return self._ladder.fault

    @property
    def address(self) -> str:
        """What the serials belong to: the address of the index, without credentials."""
        return shown(self._session.root)

    def follow(self, kind: FeedKind, look: Collection[FeedKind]) -> None:
        """Use this kind until it fails; those in ``look`` are better ones, to be tried once."""
        self._ladder.follow(kind, look)

    def serial(self) -> int:
        """Returns the newest serial; 0 if the index has none. Raises UpstreamError."""
        return self._ladder.serial()

    def changes(self, since: int) -> Iterator[Change]:
        """Yields every change after ``since`` in order. Raises UpstreamError.

        Raises Rewound if upstream has not got as far as ``since``. By serials there is one change
        for each project, with its last serial. A project that was removed has none; it is missing
        in :meth:`names`. Where projects are polled there are no changes.
        """
        return self._ladder.changes(since)

    def names(self) -> Mapping[str, int]:
        """Returns every project's normalised name and its last serial. Raises UpstreamError."""
        return self._ladder.names()

    def stops(self) -> bool:
        """Returns whether the work is to stop."""
        return self._stop()

    def hear(self, heard: Callable[[News], object] | None) -> None:
        """Have each news told to ``heard``, by the thread that learns it; None: no more."""
        if heard is None:
            self._learnt.heard = self._session.gates.heard = None
            return
        name = self.name
        self._learnt.heard = lambda form: heard(News(name, best=form))
        self._session.gates.heard = lambda origin, gate: heard(News(name, origin, gate))

    def news(self) -> list[News]:
        """Returns all that is known of the index."""
        gates = self._session.gates.known()
        found = [News(self.name, origin, gate) for origin, gate in gates.items()]
        best = self._learnt.best
        return found if best is None else [*found, News(self.name, best=best)]

    def learn(self, news: News) -> None:
        """Take over what another process has learnt."""
        if news.origin:
            self._session.gates.learn(news.origin, news.gate)
        if news.best is not None:
            self._learnt.saw(news.best)

    def begin(self, deposit: Deposit, halt: Event) -> Callable[[AskFor[Any]], Any]:
        """Returns what answers one ask in a worker's thread. Raises UpstreamError, StorageError."""
        session = self._session.until(halt)
        projects = self._documents(session)

        def answer(ask: AskFor[Any]) -> object:
            match ask:
                case ProjectAsk():
                    return projects.read(ask)
                case FileAsk():
                    download(session, ask, deposit)
                    return None
                case RequiresAsk(name, version):
                    return projects.requires(name, version)
                case VulnerabilitiesAsk(name, version):
                    return projects.vulnerabilities(name, version)
                case PartsAsk(file, read):
                    return self._ranges.read(session, file, read)
            raise TypeError(ask)

        return answer

    def _documents(self, session: Session) -> "Projects":
        # A cycle without news reads no document, and need not wait for what parses them.
        from pypisync.upstream.projects import Projects

        return Projects(session, self._learnt)

    def close(self) -> None:
        """Close the connections; what is under way ends at its next step."""
        self._session.close()
