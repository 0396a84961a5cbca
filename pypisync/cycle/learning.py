"""Reads what decisions call for, as it comes.

A document leads at once to the requirements of what it calls for, and these at once to the next
documents.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pypisync.catalog.facts import insides
from pypisync.catalog.facts.requirements import WantedRelease
from pypisync.cycle.incoming import Incoming
from pypisync.cycle.report import Report
from pypisync.cycle.whole_wheels import WholeWheels
from pypisync.errors import UpstreamError
from pypisync.upstream.api import FileAsk, ProjectAsk

_RECORD = 100  # documents recorded together; more at once costs less, fewer are lost by a crash


@dataclass(slots=True)
class Learning:
    """What is read in one cycle."""

    incoming: Incoming
    report: Report
    asked: set[str] = field(default_factory=set)  # projects: each is asked once
    examined: set[int] = field(default_factory=set)  # releases: for vulnerabilities, likewise
    _failed: set[str] = field(default_factory=set)  # releases, as "name==version": not again
    _reading: dict[int, WantedRelease] = field(default_factory=dict)
    _lack: dict[int, int] = field(default_factory=dict)  # how many .metadata files, by release
    _of: dict[str, list[int]] = field(default_factory=dict)  # releases, by path of .metadata
    _rest: list[WantedRelease] = field(default_factory=list)  # that need another source
    _wheels: WholeWheels = field(init=False)

    def __post_init__(self) -> None:
        """Ask as the limits of this cycle allow."""
        self._wheels = WholeWheels(self.incoming, self.report)

    def note(self, failed: Mapping[str, UpstreamError]) -> None:
        """Note what failed: it is left alone until the next cycle."""
        self._failed |= failed.keys()
        self.report.failed |= {what: str(error) for what, error in failed.items()}

    def read_documents(self, asks: Sequence[ProjectAsk]) -> None:
        """Ask for documents."""
        if asks:
            self.incoming.mirror.watch.step("projects", len(asks))
            self.report.projects_read += len(asks)
            self.incoming.ask_documents(asks)

    def read_requirements(self, wanted: Sequence[WantedRelease]) -> None:
        """Ask for the requirements of releases, but for those that are being read, or failed."""
        fresh = [
            release
            for release in wanted
            if release.id not in self._reading and release.label not in self._failed
        ]
        if not fresh:
            return
        self.incoming.mirror.watch.step("requirements", len(fresh))
        self.report.releases_read += len(fresh)
        asks: list[FileAsk] = []
        for release, own in zip(fresh, self._wheels.asks(fresh), strict=True):
            self._reading[release.id] = release
            self._lack[release.id] = len(own)
            for ask in own:
                self._of.setdefault(ask.paths[-1], []).append(release.id)
            asks += own
        self.incoming.ask_files(asks)
        self._read([release for release in fresh if not self._lack[release.id]])

    def receive(self) -> bool:
        """Wait until little that a decision waits for is under way, and record what has come.

        Returns whether anything was under way. Raises Stopped, StorageError, CatalogError.
        """
        incoming = self.incoming
        if not (incoming.urgent or incoming.documents or incoming.answered):
            return False
        while not (incoming.idle or incoming.stopped):
            incoming.receive()
            if len(incoming.documents) + len(incoming.answered) >= _RECORD:
                self._record()
        if incoming.urgent:
            incoming.receive()
        self._record()
        incoming.check()
        return True

    def read_rest(self) -> bool:
        """Read the releases whose ``.metadata`` files do not tell enough.

        Returns whether there were any. Raises Stopped, StorageError, CatalogError.
        """
        if not self._rest:
            return False
        from pypisync.cycle.read_requirements import learn_requirements

        self.note(learn_requirements(self.incoming, self._rest))
        for release in self._rest:
            del self._reading[release.id]
        self._rest = []
        return True

    def _record(self) -> None:
        from pypisync.cycle.learn import take_documents

        incoming = self.incoming
        came, incoming.documents = incoming.documents, []
        for start in range(0, len(came), _RECORD):
            self.note(take_documents(incoming.mirror, came[start : start + _RECORD]))
        answered, incoming.answered = incoming.answered, []
        ready = []
        for path in answered:
            for number in self._of.pop(path, ()):
                self._lack[number] -= 1
                if not self._lack[number]:
                    ready.append(self._reading[number])
        if ready:
            incoming.record()
            self._read(ready)
            look_meanwhile(incoming)

    def _read(self, ready: Sequence[WantedRelease]) -> None:
        """Read releases whose ``.metadata`` files are there, or failed."""
        from pypisync.cycle.read_requirements import from_metadata

        failed, rest = from_metadata(self.incoming, ready)
        self.note(failed)
        self._rest += rest
        waiting = {release.id for release in rest}
        for release in ready:
            del self._lack[release.id]
            if release.id not in waiting:
                del self._reading[release.id]


def look_meanwhile(incoming: Incoming) -> None:
    """Look into wheels that have come, while upstream answers: the next decision knows of it."""
    if not incoming.may_fetch_ahead:
        return
    with incoming.mirror.catalog.begin() as connection:
        fresh = insides.unlooked(connection)
    if fresh:  # else what reads archives need not be loaded
        from pypisync.cycle.look import look_into

        look_into(incoming.mirror, fresh)
