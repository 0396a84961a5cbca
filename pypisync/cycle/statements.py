"""What sources say of the requirements of a release, and which of its files state which."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pypisync.catalog.facts.readings import Stated
from pypisync.catalog.facts.requirements import WantedRelease
from pypisync.core.standards import requirements
from pypisync.core.standards.metadata import Metadata, Objections
from pypisync.core.standards.model import UNREADABLE, Requirement


@dataclass(slots=True)
class Statement:
    """What a source says of a release."""

    source: str
    files: dict[str, Metadata] = field(default_factory=dict)  # by filename
    claims: tuple[str, ...] = ()  # of the JSON API, which speaks for no file
    ranged: dict[str, str] = field(default_factory=dict)  # by path, see Knowledge


def stop(filename: str, why: str, *, alone: bool) -> Stated:
    """Returns a requirement that nothing meets, of a file at which both installers stop.

    ``alone``: it is the only file of its release.
    """
    fault = f"{filename}: {why}"
    by = None if alone else frozenset([filename])
    return Stated(Requirement(UNREADABLE, "", fault=fault), by)


def stops(filename: str, against: Objections, *, alone: bool) -> Iterator[Stated]:
    """Yields the same for what installers have against a file's METADATA."""
    if against.stop:
        yield stop(filename, against.stop, alone=alone)
    if against.stops_pip:
        need = Requirement(UNREADABLE, "", refused=f"{filename}: {against.stops_pip}")
        yield Stated(need, None if alone else frozenset([filename]))


def stated(release: WantedRelease, told: Statement | None) -> Iterator[Stated]:
    """Yields the requirements of a release, each with the files that state it."""
    if told is None:
        return
    lines: dict[str, list[str]] = {line: [] for line in told.claims}
    for filename, found in told.files.items():
        for line in dict.fromkeys(found.requires):
            lines.setdefault(line, []).append(filename)
    # A file that was not read may state what any other one does.
    unread = {file.filename for file in release.files} - told.files.keys()
    for line, by in lines.items():
        owners = unread.union(by)
        everywhere = len(owners) == len(release.files)
        yield Stated(requirements.parse_metadata(line), None if everywhere else frozenset(owners))
