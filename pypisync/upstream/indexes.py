"""Several indexes as one upstream: each project is asked of the indexes that it may come from.

A project that was found stays with its index as long as that has it. One that was not found is
looked for in the order of the indexes, and the next index is asked only after the one before it
has said that it does not have the project: an index that is down is no reason to ask another.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from pypisync.core.standards.model import (
    ENDPOINT,
    NO_VALIDATORS,
    File,
    ProjectDocument,
    Skipped,
    Unchanged,
    Validators,
)
from pypisync.core.wanted.assignment import RESERVED, Assignment
from pypisync.errors import Elsewhere, Gone, Unreachable, UpstreamError
from pypisync.upstream.api import (
    AskFor,
    Deposit,
    Index,
    ProjectAnswer,
    ProjectAsk,
    VulnerabilitiesAsk,
)
from pypisync.upstream.validators import digest

_NOT_HERE = (Gone, Elsewhere)


class Indexes:
    """Indexes in order. Every answer that one of them gives carries its name."""

    def __init__(self, indexes: Sequence[Index], assignment: Assignment) -> None:
        self.assignment = assignment
        self._indexes = {index.name: index for index in indexes}

    @property
    def feeds(self) -> Sequence[Index]:
        """The indexes that a project can come from, in order."""
        return tuple(
            index for name, index in self._indexes.items() if not self.assignment.idle(name)
        )

    @property
    def all(self) -> Sequence[Index]:
        """All of them, in order."""
        return tuple(self._indexes.values())

    @property
    def workers(self) -> int:
        """As many as the index with most of them has."""
        return max(index.workers for index in self._indexes.values())

    def begin(self, deposit: Deposit, halt: Event) -> Callable[[AskFor[Any]], Any]:
        """Returns what answers one ask: it asks the indexes that a project may come from in order.

        An index other than the endpoint's that does not answer for a release knows of no
        vulnerability. Raises UpstreamError, StorageError.
        """
        of_index = {name: index.begin(deposit, halt) for name, index in self._indexes.items()}

        def answer(ask: Any) -> object:
            if isinstance(ask, ProjectAsk):
                return _searched(_search(ask, self.assignment), of_index)
            if ask.index not in of_index:
                raise _unknown(ask.index)
            try:
                return of_index[ask.index](ask)
            except Gone:
                if isinstance(ask, VulnerabilitiesAsk) and ask.index != ENDPOINT:
                    return ()
                raise

        return answer

    def close(self) -> None:
        """Close all connections."""
        for index in self._indexes.values():
            index.close()


def _searched(
    search: "_Search", of_index: Mapping[str, Callable[[AskFor[Any]], Any]]
) -> ProjectAnswer:
    while search.left:
        index = search.left.pop(0)
        try:
            answer = of_index[index](search.of(index))
        except UpstreamError as error:
            answer = error
        if search.take(index, answer):
            break
    return search.result()


def _unknown(index: str) -> UpstreamError:
    return Unreachable(
        f"the index {index!r} is not configured any more; its projects are looked for elsewhere"
    )


class _Search(Struct):
    """A project that is looked for."""

    ask: ProjectAsk
    left: list[str]  # indexes still to be asked, in order
    united: bool  # the files of all of them count
    no: UpstreamError  # what the last index said that does not have it
    found: list[ProjectDocument] = field(default_factory=list)
    end: ProjectAnswer | None = None

    def of(self, index: str) -> ProjectAsk:
        """Returns the ask for an index: serial and validators only go where they came from."""
        ask = replace(self.ask, index=index, anew=False)
        if index != self.ask.of:
            ask = replace(ask, serial=0, of=index)
        if index != self.ask.index or self.united:
            ask = replace(ask, validators=NO_VALIDATORS, form="")
        return ask

    def take(self, index: str, answer: ProjectAnswer) -> bool:
        """Take an answer. Returns whether no other index needs to be asked."""
        if isinstance(answer, _NOT_HERE):
            self.no = answer
            return False
        if not isinstance(answer, ProjectDocument):
            self.end = answer
            return True
        if index != self.ask.index and _says_nothing(answer):
            self.no = Gone(f"{self.ask.name}: the index {index!r} shows an empty page")
            return False
        self.found.append(replace(answer, index=index))
        return not self.united

    def result(self) -> ProjectAnswer:
        """Returns what all answers come to."""
        if self.end is not None:
            return self.end
        if not self.found:
            return self.no
        if not self.united:
            return self.found[0]
        full = [document for document in self.found if document.files or document.versions]
        document = _merged(full or self.found)
        known = document.validators.digest == self.ask.validators.digest
        return Unchanged(document.name, document.serial) if known else document


def _says_nothing(document: ProjectDocument) -> bool:
    """Returns whether it is the empty page that some indexes show for every name (Nexus groups).

    PyPI and those like it say by a serial or a status that the project is theirs.
    """
    content = document.files or document.versions or document.skipped
    return not (content or document.serial or document.status == "quarantined")


def _search(ask: ProjectAsk, assignment: Assignment) -> _Search:
    may = list(assignment.indexes_of(ask.name))
    united = assignment.united(ask.name)
    if ask.index in may and not ask.anew and not united:
        may = [ask.index]
    nobody = Gone(f"{ask.name}: {RESERVED}")
    return _Search(ask, may, united, nobody)


def _merged(documents: Sequence[ProjectDocument]) -> ProjectDocument:
    """Returns one document with the files of all; of two with one name the first counts."""
    first, *others = documents
    files: dict[str, File] = {file.filename: file for file in first.files}
    versions = dict.fromkeys(first.versions)
    skipped = [entry for document in documents for entry in document.skipped]
    for document in others:
        versions |= dict.fromkeys(document.versions)
        for file in document.files:
            same = files.setdefault(file.filename, replace(file, index=document.index))
            if _contradict(same, file):
                origin = same.index or first.index
                reason = f"{document.index} has other bytes under this name than {origin}"
                skipped.append(Skipped(file.filename, reason))
    merged = replace(
        first, files=tuple(files.values()), versions=tuple(versions), skipped=tuple(skipped)
    )
    return replace(merged, validators=Validators(digest=digest(merged)))


def _contradict(first: File, second: File) -> bool:
    """Returns whether two files of one name have other bytes, as far as that is stated."""
    for one, other in ((first.sha256, second.sha256), (first.stated, second.stated)):
        if one and other:
            return one != other
    return False
