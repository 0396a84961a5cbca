"""What the rest of PypiSync asks of an upstream, and what it may answer.

What concerns one project, release or file is an ask: a value, whose class says what it is answered
with. Its failure is a value as well (:mod:`pypisync.upstream.stream`), so one broken project never
stops the others; only a call that concerns everything (the serial, the changelog, the list of
names) raises. The client over HTTP is in the neighbouring modules; the simulator in the tests is
the other implementation, and one contract suite holds for both.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from threading import Event
from typing import IO, Any, Generic, Literal, Protocol, TypeVar

from msgspec import Struct

from pypisync.core.standards.filenames import METADATA
from pypisync.core.standards.model import (
    ENDPOINT,
    NO_VALIDATORS,
    Change,
    Form,
    ProjectDocument,
    Unchanged,
    Validators,
    Vulnerability,
)
from pypisync.core.wanted.assignment import Assignment
from pypisync.errors import UpstreamError

DEFAULT_ENDPOINT = "https://pypi.org"
# How an index tells its changes, the best first: by a journal (XML-RPC), by the serials in its list
# of projects, or not at all, so that its projects have to be asked one by one.
FeedKind = Literal["changelog", "serials", "polling"]
FEEDS: tuple[FeedKind, ...] = ("changelog", "serials", "polling")
# The action of changes that are told by the simple index. It tells of no removal: what was removed
# or quarantined is missing in the names. A change without a name comes last.
SIMPLE_INDEX = "simple index"
MAX_SERIAL = 2**63 - 1  # what a database holds


_R_co = TypeVar("_R_co", covariant=True)


class AskFor(Struct, Generic[_R_co], frozen=True):
    """What is asked about one project, release or file, and answered with an ``_R_co``."""


class ProjectAsk(AskFor[ProjectDocument | Unchanged], frozen=True):
    """A project document to fetch."""

    name: str  # normalised
    serial: int = 0  # the serial it is owed: an older document is Stale
    validators: Validators = NO_VALIDATORS  # of the document already known
    index: str = ""  # the index that the project was found on; "": it was not
    of: str = ENDPOINT  # the index whose serial is owed
    anew: bool = False  # begin with the first index that may have it
    form: Form | Literal[""] = ""  # in which it is known; "": it is not
    attempts: int = 0  # that have failed so far


class RequiresAsk(AskFor[tuple[str, ...] | None], frozen=True):
    """A release's ``requires_dist``, by the JSON API of its index; None: none or unknown."""

    name: str  # normalised
    version: str
    index: str = ENDPOINT


class VulnerabilitiesAsk(AskFor[tuple[Vulnerability, ...]], frozen=True):
    """A release's known vulnerabilities, by the JSON API of its index, without withdrawn ones."""

    name: str  # normalised
    version: str
    index: str = ENDPOINT


class FileAsk(AskFor[None], frozen=True):
    """A file (or a ``.metadata`` file) to download into the pool."""

    url: str
    path: str  # relative to the pool's root, checked: never leaves it
    sha256: str  # "" if upstream states none
    size: int | None = None
    limit: int = 4 * 2**30  # bytes, where no size is stated
    stated: str = ""  # another hash to check, as "sha512:<hex>"; "": none
    index: str = ENDPOINT  # whose credentials are sent
    urgent: bool = False  # a decision waits for it
    # Of a wheel: the SHA-256 of the METADATA in it that is laid beside it, where a ``.metadata``
    # file would come; "": none is wanted.
    metadata: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """What may come to lie in the pool; what a decision waits for is the last."""
        return (self.path, self.path + METADATA) if self.metadata else (self.path,)


class PartsAsk(AskFor[bytes | None], frozen=True):
    """What ``read`` makes of a file; only the parts that it reads are fetched.

    It is called with the filename and a seekable file, in several threads. None: the file's host
    does not serve parts of it.
    """

    file: FileAsk
    read: Callable[[str, IO[bytes]], bytes]

    @property
    def index(self) -> str:
        """Whose credentials are sent."""
        return self.file.index


ProjectAnswer = ProjectDocument | Unchanged | UpstreamError
ProjectAnswers = Sequence[tuple[ProjectAsk, ProjectAnswer]]
# What the stream of a cycle is asked, and what that comes to; None: the file is there.
Ask = ProjectAsk | FileAsk
Answer = ProjectAnswer | None


class Part(Protocol):
    """A file under way, as the pool hands it out; ``close`` keeps what has arrived."""

    offset: int  # bytes already there from an earlier try, already hashed

    def write(self, chunk: bytes) -> None:
        """Append and hash. Raises StorageError (disk full)."""

    def restart(self) -> None:
        """Forget what is there: the server does not resume."""

    def whole(self) -> bool:
        """Returns whether what is there is the file: it has the SHA-256 that upstream states."""

    def commit(self) -> str:
        """Check size and hashes, rename into place. Returns the SHA-256.

        Raises Malformed on a mismatch.
        """

    def close(self) -> None:
        """Let go of an unfinished part without deleting it."""


class Deposit(Protocol):
    """Where downloads go."""

    def part(self, ask: FileAsk) -> Part:
        """Returns the partial file for this ask, with what an earlier try left.

        Raises StorageError.
        """


class ChangeFeed(Protocol):
    """What one index tells of changes."""

    @property
    def name(self) -> str:
        """The name of the index."""

    @property
    def listing(self) -> bool:
        """Whether the names tell every change by their serials, and cost next to nothing."""

    @property
    def kind(self) -> FeedKind:
        """How changes are told, as the last call for them has found."""

    @property
    def fault(self) -> str:
        """Why no better kind is used; "" if none was tried in vain."""

    @property
    def address(self) -> str:
        """What the serials belong to: the address of the index, without credentials."""

    def follow(self, kind: FeedKind, look: Collection[FeedKind]) -> None:
        """Use this kind until it fails; those in ``look`` are better ones, to be tried once."""

    def serial(self) -> int:
        """Returns the newest serial; 0 if the index has none. Raises UpstreamError."""

    def changes(self, since: int) -> Iterator[Change]:
        """Yields every change after ``since`` in order, page by page; none if they are polled.

        Raises UpstreamError; Rewound if upstream's newest serial is older than ``since``.
        """

    def names(self) -> Mapping[str, int]:
        """Returns every project's normalised name and its last serial. Raises UpstreamError."""


class Upstream(Protocol):
    """An index to mirror, or several."""

    @property
    def feeds(self) -> Sequence[ChangeFeed]:
        """What each index tells of changes, in order."""

    @property
    def assignment(self) -> Assignment:
        """Which index may be asked for which project."""

    @property
    def workers(self) -> int:
        """How many asks may be answered at the same time; 0: they are answered in turn."""

    def begin(self, deposit: Deposit, halt: Event) -> Callable[[AskFor[Any]], Any]:
        """Returns what answers one ask, in any of the workers' threads, until ``halt`` is set.

        Files come into ``deposit``. It raises UpstreamError, and StorageError.
        """

    def close(self) -> None:
        """Close the connections."""


class Index(ChangeFeed, Upstream, Protocol):
    """One index: an upstream that is its own only feed."""
